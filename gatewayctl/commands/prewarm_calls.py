"""Calls one model until SageMaker has loaded it."""

from __future__ import annotations

import random
import threading
import time
from dataclasses import dataclass
from enum import Enum, auto
from itertools import count
from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError, ConnectionClosedError, ReadTimeoutError

from chalicelib import errors
from chalicelib.sagemaker.upstream_errors import OVERLOADED_STATUSES, from_error_response
from gatewayctl import aws
from gatewayctl.commands.prewarm_candidates import Outcome, State
from gatewayctl.report import NoAnswer

if TYPE_CHECKING:
    from collections.abc import Callable

    from gatewayctl.commands.prewarm_candidates import Candidate

SERVICE = "sagemaker-runtime"
LONGEST_CALL_SECONDS = 70.0
"""SageMaker answers within 60 seconds, even if it has not loaded the model by then.

Source: SageMaker Runtime API reference, `InvokeEndpoint`.
"""

LOADING_PAUSE_SECONDS = 1.0
"""Short, because a call of a model that is being loaded itself takes up to 60 seconds."""
FIRST_PAUSE_SECONDS = 0.5
MOST_DOUBLINGS = 5
NOTICEABLE_SECONDS = 0.2
"""If the first call takes no longer than this, the model was already loaded."""

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
    errors.UpstreamInvalidResponse: f"its answer has no meaning: {LOG}",
    errors.UpstreamRejected: (
        "the table and {endpoint} disagree: is it of this kind, and is the artifact under its "
        "S3 prefix?"
    ),
    errors.PayloadTooLarge: "its example is larger than {endpoint} takes",
    errors.ModelFailed: f"its container failed, over loading it or over the call: {LOG}",
    errors.ModelOverloaded: "its container has no room for it: give {endpoint} more memory",
    errors.ModelTimedOut: f"its container did not answer SageMaker: {LOG}",
}
CALLERS_FAULT = range(400, 500)
REFUSED = (
    f"it refuses the example of the table, or it cannot load: correct the one or the other; {LOG}"
)
UNKNOWN = (
    "it refuses a body without meaning, or it cannot load: give the model an example, with which "
    "the answer has one meaning"
)
NO_ANSWER = "the connection broke: try again"
WORTH_RETRYING = (errors.UpstreamThrottled, errors.UpstreamFailed, errors.UpstreamUnreachable)


class Meaning(Enum):
    """The meaning of an answer of SageMaker, for loading a model."""

    LOADED = auto()
    LOADING = auto()
    RETRY = auto()
    REFUSED = auto()
    FAILED = auto()


FINAL = (Meaning.LOADED, Meaning.REFUSED, Meaning.FAILED)


@dataclass(frozen=True, slots=True)
class Answer:
    """The answer to one call."""

    meaning: Meaning
    seconds: float
    """The time between sending the call and its answer."""
    code: str | None = None
    advice: str | None = None


class ModelCaller:
    """Calls models without repetitions; several threads may use the same caller."""

    def __init__(self, client: Any) -> None:
        self._client = client
        self._sent = threading.local()
        self._has_answered = False
        # Measured from the sending, because the first call first waits for credentials.
        client.meta.events.register(f"before-send.{SERVICE}.InvokeEndpoint", self._note_time)

    def call(self, candidate: Candidate) -> Answer:
        """Call a model.

        Raises:
            NotReachable: SageMaker has never answered, or these credentials may not call it.
        """
        try:
            with aws.reaching(SERVICE):
                answer = self._call(candidate)
        except NoAnswer as error:
            if not self._has_answered:
                raise
            return self._answer(Meaning.RETRY, type(error.__cause__).__name__, NO_ANSWER)
        self._has_answered = True
        return answer

    def _call(self, candidate: Candidate) -> Answer:
        try:
            response = self._client.invoke_endpoint(**candidate.invoke_args())
        except ClientError as error:
            return self._refusal(error, candidate)
        except ReadTimeoutError as error:
            advice = ADVICE[errors.ModelNotReady].format(endpoint=candidate.endpoint)
            return self._answer(Meaning.LOADING, type(error).__name__, advice)
        except ConnectionClosedError as error:
            return self._answer(Meaning.RETRY, type(error).__name__, NO_ANSWER)
        response["Body"].close()  # nobody needs the prediction
        return self._answer(Meaning.LOADED)

    def _refusal(self, error: ClientError, candidate: Candidate) -> Answer:
        code = aws.error_code(error)
        if code == "ModelError":
            status = error.response.get("OriginalStatusCode", 0)
            code = f"{code} {status}"
            if status in CALLERS_FAULT and status not in OVERLOADED_STATUSES:
                advice = REFUSED if candidate.has_example else UNKNOWN
                return self._answer(
                    Meaning.REFUSED, code, advice.format(endpoint=candidate.endpoint)
                )
        kind = type(from_error_response(error, exposed=False, free_values={}))
        if kind is errors.GatewayMisconfigured and not code.startswith("AccessDenied"):
            raise error
        return self._answer(_meaning(kind), code, ADVICE[kind].format(endpoint=candidate.endpoint))

    def _answer(
        self, meaning: Meaning, code: str | None = None, advice: str | None = None
    ) -> Answer:
        return Answer(meaning, time.monotonic() - self._sent.at, code, advice)

    def _note_time(self, **_: object) -> None:
        self._sent.at = time.monotonic()


def _meaning(error: type[errors.GatewayError]) -> Meaning:
    if error is errors.ModelNotReady:
        return Meaning.LOADING
    return Meaning.RETRY if error in WORTH_RETRYING else Meaning.FAILED


class Loader:
    """Calls a model until it is loaded, or until a time limit.

    Args:
        call: Calls a model once.
        timeout_seconds: How long one model is called again.
        pause: Waits so many seconds; returns True, perhaps earlier, if the loader should stop.
    """

    def __init__(
        self,
        call: Callable[[Candidate], Answer],
        timeout_seconds: float,
        pause: Callable[[float], bool],
    ) -> None:
        self._call = call
        self._timeout_seconds = timeout_seconds
        self._pause = pause

    def load(self, candidate: Candidate) -> Outcome:
        """Call one model until an answer is final.

        Raises:
            NotReachable: SageMaker has never answered, or these credentials may not call it.
        """
        started = time.monotonic()
        was_cold = False
        for number in count():
            answer = self._call(candidate)
            seconds = time.monotonic() - started
            if answer.meaning in FINAL:
                break
            was_cold = was_cold or answer.meaning is Meaning.LOADING
            left_seconds = self._timeout_seconds - seconds
            if left_seconds <= 0 or self._pause(min(left_seconds, _pause_seconds(answer, number))):
                break
        state = self._state(candidate, answer, was_cold=was_cold)
        return candidate.outcome(state, seconds, answer.code, answer.advice)

    def _state(self, candidate: Candidate, answer: Answer, *, was_cold: bool) -> State:
        if answer.meaning is Meaning.LOADED:
            return State.LOADED if was_cold or self._was_slow(candidate, answer) else State.HOT
        if answer.meaning is Meaning.REFUSED:
            return State.REFUSED if candidate.has_example else State.UNKNOWN
        return State.COLD if was_cold and answer.meaning not in FINAL else State.FAILED

    def _was_slow(self, candidate: Candidate, first: Answer) -> bool:
        """Whether the first call was clearly slower than a second call of the loaded model."""
        if first.seconds <= NOTICEABLE_SECONDS:
            return False
        second = self._call(candidate)
        return first.seconds > max(2 * second.seconds, second.seconds + NOTICEABLE_SECONDS)


def _pause_seconds(answer: Answer, number: int) -> float:
    if answer.meaning is Meaning.LOADING:
        return LOADING_PAUSE_SECONDS
    longest = FIRST_PAUSE_SECONDS * 2.0 ** min(number, MOST_DOUBLINGS)
    return longest * random.uniform(0.5, 1.0)
