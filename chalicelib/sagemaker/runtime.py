"""SageMaker as the gateway sees it: calls within a deadline, and our errors for its errors."""

from __future__ import annotations

import threading
import time
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any

from botocore.exceptions import BotoCoreError, ClientError
from urllib3.exceptions import HTTPError

from chalicelib.errors import (
    GatewayError,
    GatewayMisconfigured,
    ModelFailed,
    ModelNotReady,
    ModelRejectedInput,
    UpstreamTimedOut,
    let_go,
)
from chalicelib.sagemaker import answers, upstream_errors
from chalicelib.sagemaker.client import sagemaker_client
from chalicelib.sagemaker.retries import LEAST_SECONDS, Attempts, RetryBudget
from chalicelib.sagemaker.warmth import Warmth

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from chalicelib.aws.deadline import Deadline
    from chalicelib.payload.messages import InferenceRequest, InferenceResponse
    from chalicelib.routing.table import Resolved
    from chalicelib.telemetry.record import RequestRecord


class SageMakerRuntime:
    """Calls targets. The client is made when it is first needed."""

    def __init__(
        self,
        make_client: Callable[[], Any] = sagemaker_client,
        *,
        pause: Callable[[float], object] = time.sleep,
    ) -> None:
        self._make_client = make_client
        self._pause = pause
        self._client: Any = None
        self._lock = threading.Lock()
        self._warmth = Warmth()
        self._budget = RetryBudget()

    def get_ready(self) -> None:
        """Make the client before the first request comes: a start has more CPU than a request.

        What keeps it from being made is for the first request to say.
        """
        with suppress(GatewayError):
            self._ready_client()

    def invoke(
        self,
        resolved: Resolved,
        request: InferenceRequest,
        deadline: Deadline,
        record: RequestRecord,
    ) -> InferenceResponse:
        """The model's answer. When there is none: the GatewayError that says why.

        This is the one place where a call may be made more than once.
        """
        client = self._ready_client()
        if deadline.remaining_seconds < LEAST_SECONDS:
            raise UpstreamTimedOut
        attempts = Attempts(resolved.model, self._budget)
        while True:
            try:
                return self._attempt(client, resolved, request, deadline, record)
            except GatewayError as error:
                pause = attempts.pause_seconds(error, deadline.remaining_seconds)
                if pause is None:
                    raise
                let_go(error)
            self._pause(pause)

    def _attempt(
        self,
        client: Any,
        resolved: Resolved,
        request: InferenceRequest,
        deadline: Deadline,
        record: RequestRecord,
    ) -> InferenceResponse:
        """One call, from connecting to the last byte of the body."""
        target = resolved.target
        arguments = {**target.invoke_args(), **request.invoke_args()}
        record.attempts += 1
        started = time.perf_counter()
        try:
            with _our_errors(exposed=resolved.model.expose_model_errors), deadline.in_force():
                answer = client.invoke_endpoint(**arguments)
                self._warmth.saw_answer(target)
                response = answers.read(answer)
        except (ModelRejectedInput, ModelFailed):
            self._warmth.saw_answer(target)  # whoever refuses an input has been loaded
            raise
        except (ModelNotReady, UpstreamTimedOut) as error:
            # A silence may mean the very same, where an artifact has not been answering lately.
            if isinstance(error, UpstreamTimedOut) and not self._warmth.may_be_cold(target):
                raise
            seconds = self._warmth.saw_loading(target, time.perf_counter() - started)
            raise ModelNotReady(retry_after_seconds=seconds) from error
        finally:
            record.model_seconds = time.perf_counter() - started
        self._budget.refill()
        return response

    def _ready_client(self) -> Any:
        """One for all threads; botocore cannot make two at a time."""
        if self._client is None:
            with self._lock:
                self._client = self._client or self._made_client()
        return self._client

    def _made_client(self) -> Any:
        """When it cannot be made, for want of a region or by a setting of AWS's: our own fault."""
        try:
            return self._make_client()
        except (BotoCoreError, OSError, ValueError) as error:
            raise GatewayMisconfigured from error


@contextmanager
def _our_errors(*, exposed: bool) -> Iterator[None]:
    """boto3's errors come out as ours, the cause kept; urllib3's too, which a body may raise."""
    try:
        yield
    except ClientError as error:
        raise upstream_errors.from_answer(error, exposed=exposed) from error
    except (BotoCoreError, HTTPError) as error:
        ours = upstream_errors.from_silence(error)
        if ours is None:
            raise
        try:
            raise ours from error
        finally:
            del ours  # this frame is in its traceback, and would keep it and the body alive
