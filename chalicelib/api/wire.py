"""Between Chalice's messages and ours, in both directions. Bytes are bytes.

API Gateway delivers every body as base64, because `binary_types` is `*/*`; `chalice local`
delivers the bytes themselves.
"""

from __future__ import annotations

import base64
import json
import math
import random
import time
from typing import TYPE_CHECKING, Any

from chalice.app import Response

from chalicelib.api.exchange import Exchange
from chalicelib.aws.deadline import Deadline
from chalicelib.errors import UnknownModel
from chalicelib.payload.admission import MAX_BODY_BYTES
from chalicelib.payload.messages import Call
from chalicelib.telemetry.record import RequestRecord

if TYPE_CHECKING:
    from collections.abc import Mapping

    from chalice.app import Request

    from chalicelib.errors import GatewayError
    from chalicelib.payload.messages import InferenceResponse
    from chalicelib.routing.table import Model

Headers = dict[str, str | list[str]]

API_GATEWAY_SECONDS = 28.0  # it ends at 29
LAMBDA_MARGIN_SECONDS = 0.75  # half a second for the answer, and what a deadline is overshot by
RETURNABLE = {
    "custom-attributes": {"X-Amzn-SageMaker-Custom-Attributes": "custom_attributes"},
    "session-id": {
        "X-Amzn-SageMaker-New-Session-Id": "new_session_id",
        "X-Amzn-SageMaker-Closed-Session-Id": "closed_session_id",
    },
}


def exchange(request: Request) -> Exchange:
    """Everything about a request that does not depend on its route."""
    # Its clock starts here: reading the body is a part of our time.
    record = RequestRecord(_request_id(request))
    call = _call(request)
    record.bytes_in = call.size_bytes
    query = dict(request.query_params or {})
    return Exchange(call, query, Deadline.soonest([_platform_seconds(request)]), record)


def model_path(segments: Mapping[str, str]) -> str:
    """The path after /predict/. When a segment holds a slash, decoded on its way: UnknownModel."""
    path = "/".join(segments.values())
    if path.count("/") >= len(segments):
        raise UnknownModel(path)
    return path


def prediction(response: InferenceResponse, model: Model) -> Response:
    """The model's own answer."""
    headers: Headers = {"Content-Type": response.content_type, "X-Model": model.name}
    if response.invoked_variant is not None:
        headers["X-Invoked-Variant"] = response.invoked_variant
    for name in model.return_headers:
        for header, member in RETURNABLE[name].items():
            value = getattr(response, member)
            if value is not None:
                headers[header] = value
    return Response(response.body, headers)


def document(content: object) -> Response:
    """JSON of our own."""
    return Response(_json(content), {"Content-Type": "application/json"})


def problem(error: GatewayError, instance: str) -> Response:
    """An error as RFC 9457 has it."""
    headers: Headers = {
        "Content-Type": "application/problem+json",
        "Cache-Control": "no-store",
        "X-Content-Type-Options": "nosniff",
    }
    if error.status == 401:
        headers["WWW-Authenticate"] = "Bearer"
    if error.retry_after_seconds is not None:
        # Jittered, so that those who were refused together do not come back together.
        seconds = error.retry_after_seconds * random.uniform(1.0, 1.5)
        headers["Retry-After"] = str(max(1, math.ceil(seconds)))
    return Response(_json(error.problem(instance)), headers, error.status)


def _json(content: object) -> bytes:
    return json.dumps(content, separators=(",", ":"), allow_nan=False).encode()


def _call(request: Request) -> Call:
    event = request.to_original_event()
    headers = dict(request.headers)
    repeated = _repeated(event.get("multiValueHeaders") or {})
    if "accept" in repeated:  # the one list that we read; API Gateway keeps only its last line
        headers["accept"] = ", ".join(repeated["accept"])
    size_bytes = _body_size_bytes(event)
    return Call(
        headers=headers,
        body=_body(event) if size_bytes <= MAX_BODY_BYTES else b"",
        size_bytes=size_bytes,
        repeated_headers=frozenset(repeated),
    )


def _repeated(many: Mapping[str, list[str]]) -> dict[str, list[str]]:
    """Headers that came more than once, by lower-case name; each spelling has its own list."""
    if len(many) == len({name.lower() for name in many}) and not any(v[1:] for v in many.values()):
        return {}
    together: dict[str, list[str]] = {}
    for name, values in many.items():
        together.setdefault(name.lower(), []).extend(values)
    return {name: values for name, values in together.items() if values[1:]}


def _body_size_bytes(event: dict[str, Any]) -> int:
    """Before it is decoded: what is too large is not worth the memory."""
    body: str | bytes = event.get("body") or b""
    if event.get("isBase64Encoded") and isinstance(body, str):
        return len(body) // 4 * 3 - body[-2:].count("=")
    return len(_body(event))


def _body(event: dict[str, Any]) -> bytes:
    body: str | bytes = event.get("body") or b""
    if event.get("isBase64Encoded"):
        return base64.b64decode(body)
    return body if isinstance(body, bytes) else body.encode()


def _request_id(request: Request) -> str:
    """API Gateway's, else Lambda's; never the client's."""
    known = request.context.get("requestId")
    return str(known or getattr(request.lambda_context, "aws_request_id", "unknown"))


def _platform_seconds(request: Request) -> float:
    """API Gateway counts from the request, a cold start included; Lambda from the invocation."""
    budget = API_GATEWAY_SECONDS
    received_ms = request.context.get("requestTimeEpoch")
    if received_ms is not None:
        budget -= time.time() - received_ms / 1000
    remaining_ms = getattr(request.lambda_context, "get_remaining_time_in_millis", None)
    if remaining_ms is not None:
        budget = min(budget, remaining_ms() / 1000 - LAMBDA_MARGIN_SECONDS)
    return budget
