"""What a model lets in: a caller's request becomes the model's, or a refusal that says why.

The order is part of the API: Accept, Content-Type, headers, size, JSON.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from chalicelib.errors import (
    InvalidHeader,
    NotAcceptable,
    PayloadTooLarge,
    UnsupportedMediaType,
)
from chalicelib.payload import media_types, strict_json
from chalicelib.payload.messages import InferenceRequest

if TYPE_CHECKING:
    from collections.abc import Mapping

    from chalicelib.payload.messages import Call
    from chalicelib.routing.table import Model

# What base64 carries inside the 6 MiB that Lambda takes, with room for the rest of the event.
MAX_BODY_BYTES = 4_600_000
JSON = "application/json"
TIMEOUT_HEADER = "X-Request-Timeout-Ms"

# `pass_headers` of the table → the header, InvokeEndpoint's argument, and botocore's maximum.
PASSABLE = {
    "custom-attributes": ("X-Amzn-SageMaker-Custom-Attributes", "CustomAttributes", 1024),
    "inference-id": ("X-Amzn-SageMaker-Inference-Id", "InferenceId", 64),
    "session-id": ("X-Amzn-SageMaker-Session-Id", "SessionId", 256),
}
# Twice would mean that somebody between us and the caller read the other one.
SINGLE_VALUED = {
    header.lower(): header
    for header in (
        "Authorization",
        "Content-Type",
        TIMEOUT_HEADER,
        *(header for header, _, _ in PASSABLE.values()),
    )
}
MAX_MEDIA_TYPE_LENGTH = 1024  # botocore: shape Header of sagemaker-runtime


def admit(call: Call, model: Model) -> InferenceRequest:
    """The request that the model gets. When it takes no such request: the first refusal."""
    accept = _accept(call, model)
    content_type = _content_type(call, model)
    _refuse_repeated(call)
    passed = _passed_headers(call, model)
    requested_timeout_seconds(call)
    if call.size_bytes > MAX_BODY_BYTES:
        raise PayloadTooLarge(MAX_BODY_BYTES)
    if model.content_types == (JSON,):
        strict_json.check(call.body)
    return InferenceRequest(call.body, content_type, accept, passed)


def requested_timeout_seconds(call: Call) -> float | None:
    """How long the caller is willing to wait. When it is no such number: InvalidHeader."""
    given = call.headers.get(TIMEOUT_HEADER.lower())
    if given is None:
        return None
    if not re.fullmatch(r"[0-9]{1,9}", given) or int(given) == 0:
        raise InvalidHeader(TIMEOUT_HEADER, "a whole number of milliseconds above 0")
    return int(given) / 1000


def _accept(call: Call, model: Model) -> str | None:
    """Negotiated, not passed on: a container knows few of what browsers send."""
    given = call.headers.get("accept", "")
    if given:
        _check_printable("Accept", given, MAX_MEDIA_TYPE_LENGTH)
    try:
        return media_types.chosen(given, model.accepts)
    except LookupError as error:
        raise NotAcceptable(model.accepts) from error


def _content_type(call: Call, model: Model) -> str:
    given = call.headers.get("content-type", "")
    known = media_types.essence(given) in model.content_types
    if not known or "content-encoding" in call.headers:
        raise UnsupportedMediaType(model.content_types)
    _check_printable("Content-Type", given, MAX_MEDIA_TYPE_LENGTH)
    return given


def _refuse_repeated(call: Call) -> None:
    for name in sorted(SINGLE_VALUED.keys() & call.repeated_headers):
        raise InvalidHeader(SINGLE_VALUED[name], "sent once")


def _passed_headers(call: Call, model: Model) -> Mapping[str, str]:
    passed = {}
    for name in model.pass_headers:
        header, argument, longest = PASSABLE[name]
        value = call.headers.get(header.lower())
        if value is not None:
            _check_printable(header, value, longest)
            passed[argument] = value
    return passed


def _check_printable(header: str, value: str, longest: int) -> None:
    if not (0 < len(value) <= longest and value.isascii() and value.isprintable()):
        raise InvalidHeader(header, f"1 to {longest} printable ASCII characters")
