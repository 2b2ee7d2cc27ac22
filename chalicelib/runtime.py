"""SageMaker as the gateway sees it: one call within a deadline, and our errors for its errors."""

from __future__ import annotations

import re
import threading
import time
from contextlib import contextmanager
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any

from botocore.exceptions import BotoCoreError, ClientError
from urllib3.exceptions import HTTPError

from chalicelib import upstream_errors
from chalicelib.errors import (
    ModelNotReady,
    UpstreamInvalidResponse,
    UpstreamResponseTooLarge,
    UpstreamTimedOut,
    UpstreamTruncated,
)
from chalicelib.messages import InferenceResponse
from chalicelib.warmth import Warmth

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from chalicelib.deadline import Deadline
    from chalicelib.messages import InferenceRequest
    from chalicelib.record import RequestRecord
    from chalicelib.routing import Resolved

CONNECT_TIMEOUT_SECONDS = 1.0
LEAST_SECONDS = 0.05
"""With less than this left, a call is not begun."""

# An encoded answer may have 6,200,000 characters, and base64 makes four of three bytes.
MAX_ANSWER_BYTES = 6_200_000 // 4 * 3
CHUNK_BYTES = 64 * 1024
MAX_HEADER_LENGTH = 1024  # botocore: shape Header of sagemaker-runtime

_time_left_seconds: ContextVar[float] = ContextVar("time_left_seconds")


def sagemaker_client(**settings: str) -> Any:
    """The stock client, but that it tries once and waits as long as the request has time.

    Its retries are off because they are ours to decide: boto3's own run the model again after a
    read timeout, and their default changed between 1.43 and 1.44. `settings` are boto3's: region,
    credentials and address, for those who do not have them in the environment.
    """
    # Here and not above, so that importing the app costs no client, region or credential.
    import boto3  # noqa: PLC0415
    from botocore.config import Config  # noqa: PLC0415

    config = Config(
        connect_timeout=CONNECT_TIMEOUT_SECONDS,
        retries={"total_max_attempts": 1, "mode": "standard"},
    )
    # A session of its own: the default one is shared with whoever else uses boto3 in the process.
    client = boto3.Session().client("sagemaker-runtime", config=config, **settings)
    client.meta.events.register("request-created.sagemaker-runtime.InvokeEndpoint", _bound_by_time)
    return client


def _bound_by_time(request: Any, **_: object) -> None:
    """botocore takes a read timeout for a single request from the request's context."""
    request.context["read_timeout"] = _time_left_seconds.get()


class SageMakerRuntime:
    """Calls targets. The client is made when it is first needed."""

    def __init__(self, make_client: Callable[[], Any] = sagemaker_client) -> None:
        self._make_client = make_client
        self._client: Any = None
        self._lock = threading.Lock()
        self._warmth = Warmth()

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
        started = time.perf_counter()
        record.attempts += 1
        try:
            return self._attempt(client, resolved, request, deadline)
        except UpstreamTimedOut as error:
            if self._warmth.may_be_cold(resolved.target):
                raise ModelNotReady from error
            raise
        finally:
            record.model_seconds = time.perf_counter() - started

    def _attempt(
        self, client: Any, resolved: Resolved, request: InferenceRequest, deadline: Deadline
    ) -> InferenceResponse:
        """One call, from connecting to the last byte of the body."""
        target = resolved.target
        with _our_errors(exposed=resolved.model.expose_model_errors):
            _time_left_seconds.set(deadline.remaining_seconds)
            answer = _called(client, {**target.invoke_args(), **request.invoke_args()})
            self._warmth.saw_answer(target)
            return _response(answer, _read(answer, deadline))

    def _ready_client(self) -> Any:
        """One for all threads; boto3 cannot make two at a time."""
        if self._client is None:
            with self._lock, _our_errors(exposed=False):
                self._client = self._client or self._make_client()
        return self._client


def _called(client: Any, arguments: dict[str, object]) -> dict[str, Any]:
    """InvokeEndpoint's answer, of which the body is still to be read."""
    try:
        answer: dict[str, Any] = client.invoke_endpoint(**arguments)
    except BotoCoreError:
        raise
    except (LookupError, ValueError, TypeError, AttributeError, RecursionError) as error:
        # botocore's parser takes it for granted that an error's JSON is an object of texts.
        raise UpstreamInvalidResponse from error
    return answer


def _read(answer: dict[str, Any], deadline: Deadline) -> bytes:
    """The whole body, within the deadline and the limit."""
    body = bytearray()
    # botocore's own `read` waits for all that it is asked for, however slowly it drips; what is
    # inside has `read1`, which gives what is there.
    with answer["Body"] as stream:
        expected = _content_length(answer)
        while expected is None or len(body) < expected:
            if max(expected or 0, len(body)) > MAX_ANSWER_BYTES:
                raise UpstreamResponseTooLarge(MAX_ANSWER_BYTES)
            remaining_seconds = deadline.remaining_seconds
            if remaining_seconds <= 0:
                raise UpstreamTimedOut
            answer["Body"].set_socket_timeout(remaining_seconds)
            chunk = stream.read1(CHUNK_BYTES)
            if not chunk:
                break
            body += chunk
    if expected is not None and len(body) < expected:
        raise UpstreamTruncated
    return bytes(body)


def _content_length(answer: dict[str, Any]) -> int | None:
    """None for a body in chunks, which says itself where it ends; one that just ends may be cut."""
    headers = answer["ResponseMetadata"]["HTTPHeaders"]
    if headers.get("transfer-encoding", "").lower() == "chunked":
        return None
    text = headers.get("content-length")
    if text is None:
        raise UpstreamTruncated
    if not re.fullmatch(r"[0-9]{1,18}", text):
        raise UpstreamInvalidResponse
    return int(text)


def _response(answer: dict[str, Any], body: bytes) -> InferenceResponse:
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


def _header(answer: dict[str, Any], member: str) -> str | None:
    """A container is not to be trusted: what is no plain header value is left out."""
    value = answer.get(member)
    if isinstance(value, str) and value.isascii() and value.isprintable():
        return value if 0 < len(value) <= MAX_HEADER_LENGTH else None
    return None


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
        raise ours from error
