"""Converts Chalice's requests into the gateway's, and results and errors into responses.

API Gateway delivers every body as base64, because `binary_types` is `*/*`. `chalice local` delivers
the bytes themselves.
"""

from __future__ import annotations

import base64
import json
import math
import random
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from chalice.app import Response

from chalicelib.aws.deadline import Deadline
from chalicelib.payload.admission import LARGE_BODY_BYTES, MAX_BODY_BYTES, ClientRequest
from chalicelib.routing import headers as registry
from chalicelib.telemetry.log import RequestRecord

if TYPE_CHECKING:
    from collections.abc import Mapping

    from chalice.app import Request

    from chalicelib.errors import GatewayError
    from chalicelib.routing.table import Model
    from chalicelib.sagemaker.runtime import InferenceResponse

Headers = dict[str, str | list[str]]

API_GATEWAY_SECONDS = 28.0  # API Gateway itself gives up after 29 (source: its quotas)
LAMBDA_MARGIN_SECONDS = 0.75  # 0.5 s to send the response, 0.25 s by which a deadline may be missed


@dataclass(frozen=True, slots=True)
class RequestContext:
    """An HTTP request as every view receives it."""

    request: ClientRequest
    query: Mapping[str, str] = field(repr=False)
    platform: Deadline
    """When API Gateway and Lambda must have the response."""

    record: RequestRecord


def request_context(request: Request) -> RequestContext:
    """Convert a request of Chalice."""
    # The record's clock starts here, because reading the body is a part of the gateway's time.
    record = RequestRecord(_request_id(request))
    client_request = _client_request(request)
    record.bytes_in = client_request.size_bytes
    query = dict(request.query_params or {})
    platform = Deadline.after(_platform_seconds(request))
    return RequestContext(client_request, query, platform, record)


def prediction(response: InferenceResponse, model: Model) -> Response:
    """Build the response of a prediction: the model's own body."""
    headers: Headers = {"Content-Type": response.content_type, "X-Model": model.name}
    if response.invoked_variant is not None:
        headers["X-Invoked-Variant"] = response.invoked_variant
    for name in model.return_headers:
        for header, member in registry.RETURNED[name].items():
            value = getattr(response, member)
            if value is not None:
                headers[header] = value
    return Response(response.body, headers)


def document(content: object) -> Response:
    """Build a response whose body is the content as JSON."""
    return Response(_json(content), {"Content-Type": "application/json"})


def problem(error: GatewayError, instance: str) -> Response:
    """Build the RFC 9457 response of an error; `instance` is the request id."""
    headers: Headers = {**problem_headers(error)}
    if error.retry_after_seconds is not None:
        # Random, so that callers who were refused at the same time do not all retry at once.
        seconds = error.retry_after_seconds * random.uniform(1.0, 1.5)
        headers["Retry-After"] = str(max(1, math.ceil(seconds)))
    return Response(_json(error.problem(instance)), headers, error.status)


def problem_headers(error: GatewayError) -> dict[str, str]:
    """Return the headers of a problem, except Retry-After."""
    challenge = {"WWW-Authenticate": "Bearer"} if error.status == 401 else {}
    return {
        "Content-Type": "application/problem+json",
        "Cache-Control": "no-store",
        "X-Content-Type-Options": "nosniff",
        **challenge,
    }


def _json(content: object) -> bytes:
    return json.dumps(content, separators=(",", ":"), allow_nan=False).encode()


def _client_request(request: Request) -> ClientRequest:
    event = request.to_original_event()
    headers = dict(request.headers)
    repeated = _repeated(event.get("multiValueHeaders") or {})
    if "accept" in repeated:  # a list may come in several lines; `headers` has only the last one
        headers["accept"] = ", ".join(repeated["accept"])
    size_bytes = _body_size_bytes(event)
    return ClientRequest(
        headers=headers,
        body=_body(event) if size_bytes <= MAX_BODY_BYTES else b"",
        size_bytes=size_bytes,
        repeated_headers=frozenset(repeated),
    )


def _repeated(many: Mapping[str, list[str]]) -> dict[str, list[str]]:
    """Return the values of each header that came more than once, by lower-case name."""
    if len(many) == len({name.lower() for name in many}) and not any(v[1:] for v in many.values()):
        return {}
    by_name: dict[str, list[str]] = {}
    for name, values in many.items():
        by_name.setdefault(name.lower(), []).extend(values)
    return {name: values for name, values in by_name.items() if values[1:]}


def _body_size_bytes(event: dict[str, Any]) -> int:
    """Compute the size without decoding, because a body that is too large is never decoded."""
    body: str | bytes = event.get("body") or b""
    if event.get("isBase64Encoded") and isinstance(body, str):
        return len(body) // 4 * 3 - body[-2:].count("=")
    return len(_body(event))


def _body(event: dict[str, Any]) -> bytes:
    body: str | bytes = event.get("body") or b""
    if event.get("isBase64Encoded"):
        return decode_base64(body)
    return body if isinstance(body, bytes) else body.encode()


def decode_base64(text: str | bytes) -> bytes:
    """Decode the body of an event. msgspec takes a fifth of the time, and is imported first."""
    if len(text) < LARGE_BODY_BYTES or isinstance(text, bytes):
        return base64.b64decode(text)
    from msgspec import ValidationError, convert  # noqa: PLC0415  (most bodies are small)

    try:
        return convert(text, bytes)
    except ValidationError as error:
        raise ValueError("not base64") from error


def _request_id(request: Request) -> str:
    """Return API Gateway's request id, else Lambda's; never one that the client sent."""
    known = request.context.get("requestId")
    return str(known or getattr(request.lambda_context, "aws_request_id", "unknown"))


def _platform_seconds(request: Request) -> float:
    """Return the seconds until API Gateway or Lambda stops waiting, whichever comes first."""
    budget = API_GATEWAY_SECONDS
    received_ms = request.context.get("requestTimeEpoch")
    if received_ms is not None:
        budget -= time.time() - received_ms / 1000
    remaining_ms = getattr(request.lambda_context, "get_remaining_time_in_millis", None)
    if remaining_ms is not None:
        budget = min(budget, remaining_ms() / 1000 - LAMBDA_MARGIN_SECONDS)
    return budget
