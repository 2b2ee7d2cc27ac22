"""Calls targets on SageMaker within a deadline."""

from __future__ import annotations

import threading
import time
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from botocore.exceptions import BotoCoreError, ClientError
from urllib3.exceptions import HTTPError

from chalicelib.errors import (
    GatewayError,
    GatewayMisconfigured,
    ModelFailed,
    ModelNotReady,
    ModelRejectedInput,
    UpstreamTimedOut,
    clear_tracebacks,
)
from chalicelib.routing.targets import HERE
from chalicelib.sagemaker import upstream_errors
from chalicelib.sagemaker.answers import MAX_RESPONSE_BYTES, read_locations, read_response
from chalicelib.sagemaker.attempts import MIN_CALL_SECONDS, Attempts, RetryBudget, Warmth
from chalicelib.telemetry.request_record import COLD, identifier

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from typing import Protocol

    from chalicelib.aws.deadline import Deadline
    from chalicelib.routing.named_targets import NamedTarget
    from chalicelib.routing.table import Model, ResolvedModel
    from chalicelib.routing.targets import Place
    from chalicelib.sagemaker.answers import AsyncLocations, InferenceResponse
    from chalicelib.sagemaker.elsewhere import ClientsElsewhere
    from chalicelib.telemetry.request_record import RequestRecord

    class Request(Protocol):
        """What is sent to the model."""

        def invoke_args(self) -> dict[str, object]:
            """Return the arguments of InvokeEndpoint, except those of the target."""


T = TypeVar("T")

LONGEST_INFERENCE_ID = 64
"""Source: botocore's service model of sagemaker-runtime, shape InferenceId."""


class Operation(Generic[T]):  # no dataclass: to make one is a thousandth of a start
    """What is called on a target.

    Args:
        method: The client's method.
        arguments: Those that do not name the target.
        read: Makes a response of the answer.
    """

    __slots__ = ("arguments", "method", "read")

    def __init__(
        self,
        method: str,
        arguments: Mapping[str, object],
        read: Callable[[Mapping[str, Any]], T],
    ) -> None:
        self.method = method
        self.arguments = arguments
        self.read = read


def _sagemaker_client(**settings: str) -> Any:
    # Imported here, because the authorizer's function never needs it.
    from chalicelib.sagemaker.client import sagemaker_client  # noqa: PLC0415

    return sagemaker_client(**settings)


class SageMakerRuntime:
    """Calls targets. Each client is created when it is first needed.

    Args:
        make_client: Makes the client for the gateway's own Region and role; or, with the arguments
            `region_name` and `role_arn`, one for targets elsewhere.
        pause: Waits.
        max_response_bytes: The largest response that is read.
    """

    def __init__(
        self,
        make_client: Callable[..., Any] = _sagemaker_client,
        *,
        pause: Callable[[float], object] = time.sleep,
        max_response_bytes: int = MAX_RESPONSE_BYTES,
    ) -> None:
        self._make_client = make_client
        self._pause = pause
        self._max_response_bytes = max_response_bytes
        self._client: Any = None
        self._elsewhere: ClientsElsewhere | None = None
        self._lock = threading.Lock()
        self._warmth = Warmth()
        self._budget = RetryBudget()

    def prepare_client(self) -> None:
        """Create the client before the first request, because a start has more CPU than a request.

        An error is ignored here, because the first request will report it.
        """
        with suppress(GatewayError):
            self._ready_client()

    def invoke(
        self,
        resolved: ResolvedModel,
        request: Request,
        deadline: Deadline,
        record: RequestRecord,
    ) -> InferenceResponse:
        """Call the targets in their order until one answers, and return its response.

        Raises:
            GatewayError: No target gave a usable response before the deadline.
        """

        def read(answer: Mapping[str, Any]) -> InferenceResponse:
            return read_response(answer, self._max_response_bytes)

        operation = Operation("invoke_endpoint", request.invoke_args(), read)
        return self._until_one_answers(operation, resolved, deadline, record)

    def submit(
        self,
        resolved: ResolvedModel,
        arguments: Mapping[str, object],
        deadline: Deadline,
        record: RequestRecord,
    ) -> AsyncLocations:
        """Hand a request to an asynchronous endpoint, as `Runtime.submit` says.

        Raises:
            GatewayError: No endpoint took the request before the deadline.
        """
        operation = Operation("invoke_endpoint_async", arguments, read_locations)
        return self._until_one_answers(operation, resolved, deadline, record)

    def _until_one_answers(
        self,
        operation: Operation[T],
        resolved: ResolvedModel,
        deadline: Deadline,
        record: RequestRecord,
    ) -> T:
        """Call the targets in their order until one answers."""

        def call(target: NamedTarget, until: Deadline) -> T:
            return self._attempt(operation, resolved, target, until, record)

        target, *others = resolved.targets
        if others:
            from chalicelib.sagemaker.fallbacks import Fallbacks  # noqa: PLC0415  (seldom needed)

            fallbacks = Fallbacks(resolved, deadline, record, self._warmth, self._budget)
            answer = fallbacks.answer(call)
            if answer is not None:
                return answer
            target = fallbacks.target
        return self._with_retries(call, target, resolved.model, deadline)

    def _with_retries(
        self,
        call: Callable[[NamedTarget, Deadline], T],
        target: NamedTarget,
        model: Model,
        deadline: Deadline,
    ) -> T:
        """Call a target that no other one can stand in for; only this method repeats a call."""
        attempts = None
        while True:
            try:
                return call(target, deadline)
            except GatewayError as error:
                attempts = attempts or Attempts(model, self._budget)
                pause = attempts.pause_seconds(error, deadline.remaining_seconds)
                if pause is None:
                    raise
                clear_tracebacks(error)
            self._pause(pause)

    def _attempt(
        self,
        operation: Operation[T],
        resolved: ResolvedModel,
        target: NamedTarget,
        deadline: Deadline,
        record: RequestRecord,
    ) -> T:
        """Make one call, from connecting to the last byte of the body."""
        place, called = target.target.place, target.target
        client = self._ready_client() if place == HERE else self._client_elsewhere(place, deadline)
        if deadline.remaining_seconds < MIN_CALL_SECONDS:
            raise UpstreamTimedOut
        arguments = {
            "InferenceId": inference_id(record.request_id),
            **target.invoke_args,
            **operation.arguments,
        }
        was_cold = self._warmth.may_be_cold(called)
        started = record.begin_attempt()
        try:
            with deadline.in_force(), _own_errors(resolved, record):
                answer = getattr(client, operation.method)(**arguments)
                seconds = time.perf_counter() - started
                took_load = self._warmth.record_success(called, seconds, was_cold=was_cold)
                record.upstream_request_id = identifier(
                    answer["ResponseMetadata"]["HTTPHeaders"].get("x-amzn-requestid")
                )
                response = operation.read(answer)
        except (ModelRejectedInput, ModelFailed) as error:
            if self._warmth.may_be_cold(called):  # containers refuse a load with these statuses too
                error.doubt_load()
            raise
        except (ModelNotReady, UpstreamTimedOut) as error:
            # While the artifact may be cold, a timeout means the same as ModelNotReady.
            if isinstance(error, UpstreamTimedOut) and not self._warmth.may_be_cold(called):
                raise
            until = self._warmth.record_loading(called, time.perf_counter() - started)
            record.artifact = COLD
            raise ModelNotReady(retry_after_seconds=until, reason=error.reason) from error
        finally:
            record.model_seconds = time.perf_counter() - started
        self._budget.refill()
        if took_load:
            record.loaded()
        return response

    def _ready_client(self) -> Any:
        """Return the client that all threads share."""
        if self._client is None:
            with self._lock, _misconfigured():
                self._client = self._client or self._make_client()
        return self._client

    def _client_elsewhere(self, place: Place, deadline: Deadline) -> Any:
        """Return the client for targets in another Region or account.

        Raises:
            GatewayError: STS refuses the role, or cannot be reached.
        """
        from chalicelib.sagemaker.elsewhere import ClientsElsewhere  # noqa: PLC0415

        with self._lock:
            self._elsewhere = self._elsewhere or ClientsElsewhere(self._make_client)
        with _misconfigured():
            return self._elsewhere.client(place, deadline)


def inference_id(request_id: str) -> str:
    """Return the id by which a container's log leads back to the request: its first characters."""
    return request_id.lstrip()[:LONGEST_INFERENCE_ID]


@contextmanager
def _misconfigured() -> Iterator[None]:
    """Replace the errors of botocore when it cannot make a client: no region, a bad setting."""
    try:
        yield
    except (BotoCoreError, OSError, ValueError) as error:
        raise GatewayMisconfigured(type(error).__name__) from error


@contextmanager
def _own_errors(resolved: ResolvedModel, record: RequestRecord) -> Iterator[None]:
    """Replace the errors of botocore, and of urllib3 while a body is read, with our own.

    Only here the record learns what SageMaker said: its code, request id and original status.
    """
    try:
        yield
    except ClientError as error:
        upstream_errors.record(error.response, record)
        raise upstream_errors.from_error_response(
            error, exposed=resolved.model.expose_model_errors, free_values=resolved.free_values()
        ) from error
    except (BotoCoreError, HTTPError) as error:
        ours = upstream_errors.from_failed_call(error)
        if ours is None:
            raise
        ours.reason = type(error).__name__
        try:
            raise ours from error
        finally:
            del ours  # its traceback refers to this frame, which would keep it and the body alive
