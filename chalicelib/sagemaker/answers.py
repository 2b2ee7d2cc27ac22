"""What SageMaker answers, read into the gateway's own values.

A container is not trusted: a body that breaks off or is too large is an error, and a header that is
not plain text is ignored.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NamedTuple

from chalicelib.errors import UpstreamInvalidResponse, UpstreamResponseTooLarge, UpstreamTruncated

if TYPE_CHECKING:
    from collections.abc import Mapping

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


class AsyncLocations(NamedTuple):
    """Where an asynchronous endpoint puts its answer, as `s3://<bucket>/<key>`."""

    output: str
    failure: str | None


def read_response(
    answer: Mapping[str, Any], max_bytes: int = MAX_RESPONSE_BYTES
) -> InferenceResponse:
    """Read the answer of InvokeEndpoint to its end.

    Args:
        answer: The members as boto3 returns them.
        max_bytes: The largest body.

    Raises:
        UpstreamTruncated: The body ended early.
        UpstreamResponseTooLarge: The body is larger than that.
        UpstreamInvalidResponse: Status or headers have no meaning for a prediction.
    """
    body = _body(answer, max_bytes)
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


def read_locations(answer: Mapping[str, Any]) -> AsyncLocations:
    """Read the answer of InvokeEndpointAsync.

    Raises:
        UpstreamInvalidResponse: It does not say where the output will be.
    """
    output, failure = _header(answer, "OutputLocation"), _header(answer, "FailureLocation")
    if output is None:
        raise UpstreamInvalidResponse
    return AsyncLocations(output, failure)


def _body(answer: Mapping[str, Any], max_bytes: int) -> bytes:
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
            if max(expected or 0, len(body)) > max_bytes:
                raise UpstreamResponseTooLarge(max_bytes)
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
