"""One call of one model, and what its answer says about the model."""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass
from enum import Enum, auto
from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError, ConnectionClosedError, ReadTimeoutError

from chalicelib import errors
from chalicelib.sagemaker.upstream_errors import from_error_response
from gatewayctl import aws

if TYPE_CHECKING:
    from gatewayctl.prewarming.selection import Candidate

SERVICE = "sagemaker-runtime"
LONGEST_CALL_SECONDS = 70.0
"""SageMaker answers within 60, whether or not the model is loaded by then."""

LOG = "see the log /aws/sagemaker/Endpoints/{endpoint}"
ADVICE: dict[type[errors.GatewayError], str] = {
    errors.ModelNotReady: f"it is still being loaded: try again; when it stays like that, {LOG}",
    errors.UpstreamThrottled: "SageMaker throttles: try again with a smaller --at-once",
    errors.UpstreamFailed: "SageMaker itself failed: try again",
    errors.UpstreamUnreachable: "SageMaker itself failed: try again",
    errors.GatewayMisconfigured: (
        "you lack the IAM permission sagemaker:InvokeEndpoint on it, or have it for other models"
    ),
    errors.ModelUnavailable: (
        "{endpoint}, or what the table names on it, is not there, not InService or without capacity"
    ),
    errors.UpstreamRejected: (
        "the table and {endpoint} disagree: is it of this kind, and is the artifact under its "
        "S3 prefix?"
    ),
    errors.ModelFailed: f"its container failed, over loading it or over the call: {LOG}",
    errors.ModelOverloaded: "its container has no room for it: give {endpoint} more memory",
    errors.ModelTimedOut: f"its container did not answer SageMaker: {LOG}",
}
NO_ANSWER = "the connection broke: try again"


class Said(Enum):
    """What an answer means to somebody who wants the model to be loaded."""

    LOADED = auto()
    NOT_READY = auto()
    LATER = auto()
    NO = auto()


LATER = (errors.UpstreamThrottled, errors.UpstreamFailed, errors.UpstreamUnreachable)


@dataclass(frozen=True, slots=True)
class Answer:
    """What came of a call, and how many seconds after it was sent."""

    said: Said
    seconds: float
    code: str | None = None
    advice: str | None = None


class Caller:
    """Calls models, from several threads, each time once."""

    def __init__(self, client: Any) -> None:
        self._client = client
        self._sent = threading.local()
        self._reached = False
        # Not from the call on: the first one waits for credentials, and no model is at fault.
        client.meta.events.register(f"before-send.{SERVICE}.InvokeEndpoint", self._note_time)

    def call(self, candidate: Candidate) -> Answer:
        """When SageMaker has never been reached, or nobody may call it: `NotReachable`."""
        try:
            with aws.reaching(SERVICE):
                answer = self._call(candidate)
        except aws.NoAnswer as silence:
            if not self._reached:
                raise
            return self._answer(Said.LATER, type(silence.__cause__).__name__, NO_ANSWER)
        self._reached = True
        return answer

    def _call(self, candidate: Candidate) -> Answer:
        try:
            answer = self._client.invoke_endpoint(**candidate.invoke_args())
        except ClientError as error:
            return self._refusal(error, candidate)
        except ReadTimeoutError as silence:
            advice = ADVICE[errors.ModelNotReady].format(endpoint=candidate.endpoint)
            return self._answer(Said.NOT_READY, type(silence).__name__, advice)
        except ConnectionClosedError as silence:
            return self._answer(Said.LATER, type(silence).__name__, NO_ANSWER)
        answer["Body"].close()  # the prediction is of no use
        return self._answer(Said.LOADED)

    def _refusal(self, error: ClientError, candidate: Candidate) -> Answer:
        code = str(error.response["Error"].get("Code", ""))
        if code == "ModelError":
            status = error.response.get("OriginalStatusCode", 0)
            code = f"{code} {status}"
            if 400 <= status < 500:
                return self._answer(Said.LOADED, code)
        ours = type(from_error_response(error, exposed=False))
        if ours is errors.GatewayMisconfigured and not code.startswith("AccessDenied"):
            raise error
        return self._answer(_said(ours), code, ADVICE[ours].format(endpoint=candidate.endpoint))

    def _answer(self, said: Said, code: str | None = None, advice: str | None = None) -> Answer:
        return Answer(said, time.monotonic() - self._sent.at, code, advice)

    def _note_time(self, **_: object) -> None:
        self._sent.at = time.monotonic()


def _said(error: type[errors.GatewayError]) -> Said:
    if error is errors.ModelNotReady:
        return Said.NOT_READY
    return Said.LATER if error in LATER else Said.NO
