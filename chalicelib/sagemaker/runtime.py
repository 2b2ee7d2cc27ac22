"""Calls targets on SageMaker within a deadline, and reads the model's response.

A container is not trusted: a body that breaks off or is too large is an error, and a header that is
not plain text is ignored.
"""

from __future__ import annotations

import threading
import time
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from botocore.exceptions import BotoCoreError, ClientError
from urllib3.exceptions import HTTPError

from chalicelib.errors import (
    GatewayError,
    GatewayMisconfigured,
    ModelFailed,
    ModelNotReady,
    ModelRejectedInput,
    UpstreamInvalidResponse,
    UpstreamResponseTooLarge,
    UpstreamTimedOut,
    UpstreamTruncated,
    clear_tracebacks,
)
from chalicelib.sagemaker import upstream_errors
from chalicelib.sagemaker.attempts import MIN_CALL_SECONDS, Attempts, RetryBudget, Warmth

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from typing import Protocol

    from chalicelib.aws.deadline import Deadline
    from chalicelib.routing.table import ResolvedModel
    from chalicelib.telemetry.log import RequestRecord

    class Request(Protocol):
        """What is sent to the model."""

        def invoke_args(self) -> dict[str, object]:
            """Return the arguments of InvokeEndpoint, except those of the target."""


MAX_RESPONSE_BYTES = 6_200_000 // 4 * 3
"""As base64 it fits into Lambda's 6 MiB. Source: Lambda developer guide, "Lambda quotas"."""

CHUNK_BYTES = 64 * 1024
MAX_HEADER_LENGTH = 1024
"""Source: botocore's service model of sagemaker-runtime, shape Header."""


@dataclass(frozen=True, slots=True)
class InferenceResponse:
    """What the model answered."""

    body: bytes = field(repr=False)
    content_type: str
    invoked_variant: str | None = None
    custom_attributes: str | None = field(default=None, repr=False)
    new_session_id: str | None = field(default=None, repr=False)
    closed_session_id: str | None = field(default=None, repr=False)


def _sagemaker_client() -> Any:
    # Imported here, because the authorizer's function never needs it.
    from chalicelib.sagemaker.client import sagemaker_client  # noqa: PLC0415

    return sagemaker_client()


class SageMakerRuntime:
    """Calls targets. The client is created when it is first needed."""

    def __init__(
        self,
        make_client: Callable[[], Any] = _sagemaker_client,
        *,
        pause: Callable[[float], object] = time.sleep,
    ) -> None:
        self._make_client = make_client
        self._pause = pause
        self._client: Any = None
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
        """Call the target and return the model's response. Only this method repeats a call.

        Raises:
            GatewayError: The model gave no usable response before the deadline.
        """
        client = self._ready_client()
        if deadline.remaining_seconds < MIN_CALL_SECONDS:
            raise UpstreamTimedOut
        attempts = None
        while True:
            try:
                return self._attempt(client, resolved, request, deadline, record)
            except GatewayError as error:
                attempts = attempts or Attempts(resolved.model, self._budget)
                pause = attempts.pause_seconds(error, deadline.remaining_seconds)
                if pause is None:
                    raise
                clear_tracebacks(error)
            self._pause(pause)

    def _attempt(
        self,
        client: Any,
        resolved: ResolvedModel,
        request: Request,
        deadline: Deadline,
        record: RequestRecord,
    ) -> InferenceResponse:
        """Make one call, from connecting to the last byte of the body."""
        target = resolved.target
        arguments = {**resolved.invoke_args, **request.invoke_args()}
        record.attempts += 1
        started = time.perf_counter()
        try:
            with deadline.in_force(), _own_errors(resolved):
                answer = client.invoke_endpoint(**arguments)
                self._warmth.record_success(target)
                response = read_response(answer)
        except (ModelRejectedInput, ModelFailed) as error:
            if self._warmth.may_be_cold(target):  # containers refuse a load with these statuses too
                error.doubt_load()
            raise
        except (ModelNotReady, UpstreamTimedOut) as error:
            # While the artifact may be cold, a timeout means the same as ModelNotReady.
            if isinstance(error, UpstreamTimedOut) and not self._warmth.may_be_cold(target):
                raise
            seconds = self._warmth.record_loading(target, time.perf_counter() - started)
            raise ModelNotReady(retry_after_seconds=seconds) from error
        finally:
            record.model_seconds = time.perf_counter() - started
        self._budget.refill()
        return response

    def _ready_client(self) -> Any:
        """Return the client that all threads share; botocore cannot make two at the same time."""
        if self._client is None:
            with self._lock:
                try:
                    self._client = self._client or self._make_client()
                except (BotoCoreError, OSError, ValueError) as error:  # no region, a bad setting
                    raise GatewayMisconfigured from error
        return self._client


@contextmanager
def _own_errors(resolved: ResolvedModel) -> Iterator[None]:
    """Replace the errors of botocore, and of urllib3 while a body is read, with our own."""
    try:
        yield
    except ClientError as error:
        raise upstream_errors.from_error_response(
            error, exposed=resolved.model.expose_model_errors, free_values=resolved.free_values()
        ) from error
    except (BotoCoreError, HTTPError) as error:
        ours = upstream_errors.from_failed_call(error)
        if ours is None:
            raise
        try:
            raise ours from error
        finally:
            del ours  # its traceback refers to this frame, which would keep it and the body alive


def read_response(answer: Mapping[str, Any]) -> InferenceResponse:
    """Read the answer of InvokeEndpoint to its end.

    Args:
        answer: The members as boto3 returns them.

    Raises:
        UpstreamTruncated: The body ended early.
        UpstreamResponseTooLarge: The body is larger than Lambda can return.
        UpstreamInvalidResponse: Status or headers have no meaning for a prediction.
    """
    body = _body(answer)
    content_type = _header(answer, "ContentType")
    if content_type is None and body:
        raise UpstreamInvalidResponse
    return InferenceResponse(
        body=body,
        content_type=content_type or "application/octet-stream",
        invoked_variant=_header(answer, "InvokedProductionVariant"),
        custom_attributes=_header(answer, "CustomAttributes"),
        new_session_id=_header(answer, "NewSessionId"),
        closed_session_id=_header(answer, "ClosedSessionId"),
    )


def _body(answer: Mapping[str, Any]) -> bytes:
    """Read the body in pieces, so that never more than the limit is in memory."""
    body = bytearray()
    with answer["Body"] as stream:
        metadata = answer["ResponseMetadata"]
        encoding = metadata["HTTPHeaders"].get("content-encoding", "identity")
        # The gateway's response cannot carry another status or an encoding.
        if metadata["HTTPStatusCode"] != 200 or encoding != "identity":
            raise UpstreamInvalidResponse
        expected = _content_length(metadata["HTTPHeaders"])
        while expected is None or len(body) < expected:
            if max(expected or 0, len(body)) > MAX_RESPONSE_BYTES:
                raise UpstreamResponseTooLarge(MAX_RESPONSE_BYTES)
            piece = stream.read1(CHUNK_BYTES)
            if not piece:
                break
            body += piece
    if expected is not None and len(body) < expected:
        raise UpstreamTruncated
    return bytes(body)


def _content_length(headers: Mapping[str, str]) -> int | None:
    """Return the length; None for a chunked body, which marks its own end.

    A body without either ends with the connection, so it is not known whether the body was cut.
    """
    if headers.get("transfer-encoding", "").lower() == "chunked":
        return None
    text = headers.get("content-length")
    if text is None:
        raise UpstreamTruncated
    return int(text)


def _header(answer: Mapping[str, Any], member: str) -> str | None:
    value = answer.get(member)
    if isinstance(value, str) and value.isascii() and value.isprintable():
        return value if 0 < len(value) <= MAX_HEADER_LENGTH else None
    return None
