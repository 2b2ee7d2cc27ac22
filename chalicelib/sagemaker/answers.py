"""What InvokeEndpoint answers, read to its end and made ours.

A container is not to be trusted: a body that breaks off or is too large is no answer, and a header
that is no plain text is as if it had not come.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from chalicelib.errors import UpstreamInvalidResponse, UpstreamResponseTooLarge, UpstreamTruncated
from chalicelib.payload.messages import InferenceResponse

if TYPE_CHECKING:
    from collections.abc import Mapping

    Answer = Mapping[str, Any]
    """As boto3 returns it."""

# An encoded answer may have 6,200,000 characters, and base64 makes four of three bytes.
MAX_ANSWER_BYTES = 6_200_000 // 4 * 3
CHUNK_BYTES = 64 * 1024
MAX_HEADER_LENGTH = 1024  # botocore: shape Header of sagemaker-runtime


def read(answer: Answer) -> InferenceResponse:
    """The whole answer. When its body ends early, is too large or has no meaning: our error."""
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


def _body(answer: Answer) -> bytes:
    """Within the limit, read piece by piece, so that no more than that is ever held."""
    body = bytearray()
    with answer["Body"] as stream:
        _check(answer)
        expected = _content_length(answer)
        while expected is None or len(body) < expected:
            if max(expected or 0, len(body)) > MAX_ANSWER_BYTES:
                raise UpstreamResponseTooLarge(MAX_ANSWER_BYTES)
            piece = stream.read1(CHUNK_BYTES)
            if not piece:
                break
            body += piece
    if expected is not None and len(body) < expected:
        raise UpstreamTruncated
    return bytes(body)


def _check(answer: Answer) -> None:
    """A prediction has one status, and no encoding: its callers would not be told of it."""
    metadata = answer["ResponseMetadata"]
    encoding = metadata["HTTPHeaders"].get("content-encoding", "identity")
    if metadata["HTTPStatusCode"] != 200 or encoding != "identity":
        raise UpstreamInvalidResponse


def _content_length(answer: Answer) -> int | None:
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


def _header(answer: Answer, member: str) -> str | None:
    value = answer.get(member)
    if isinstance(value, str) and value.isascii() and value.isprintable():
        return value if 0 < len(value) <= MAX_HEADER_LENGTH else None
    return None
