"""Converts the events of a REST API into the gateway's requests, and results into responses.

API Gateway delivers every body as base64, because `binary_types` is `*/*`. `chalice local` delivers
the bytes themselves. Whoever may invoke the function can send any other event, so each member that
the gateway reads is checked here. A member that is missing counts as null.
"""

from __future__ import annotations

import base64
import json
import math
import random
import time
from dataclasses import dataclass, field
from http import HTTPMethod
from itertools import chain
from typing import TYPE_CHECKING, Any

from chalice.app import Response

from chalicelib.auth.principal import CREDENTIAL_REQUEST_ID
from chalicelib.aws.deadline import Deadline
from chalicelib.errors import (
    PROBLEM_MEDIA_TYPE,
    BadRequest,
    GatewayError,
    InvalidHeader,
    MethodNotAllowed,
)
from chalicelib.payload.admission import JSON, LARGE_BODY_BYTES, MAX_BODY_BYTES, ClientRequest
from chalicelib.routing import headers as registry
from chalicelib.telemetry.request_record import (
    RequestRecord,
    identifier,
    logged_path,
    trace_id,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from chalicelib.routing.table import Model
    from chalicelib.sagemaker.answers import InferenceResponse

Headers = dict[str, str | list[str]]

LAMBDA_SECONDS = 900.0  # the longest timeout of a function
API_GATEWAY_SECONDS = 28.0  # API Gateway itself gives up after 29 (source: its quotas)
LAMBDA_MARGIN_SECONDS = 0.75  # 0.5 s to send the response, 0.25 s by which a deadline may be missed
MAX_EPOCH_MS = 1e14  # in the year 5138
MAX_ID_LENGTH = 128
# A model's name has up to two parameters after its first segment.
SEGMENTS = ("{model}", "{model}/{a}", "{model}/{a}/{b}")
AUTHORIZATION = "Authorization"
TRACEPARENT = "traceparent"
LISTS = frozenset({"accept", "prefer"})
"""Request headers that may come in several lines, which are then one list (RFC 9110, 5.3)."""


@dataclass(frozen=True, slots=True)
class RequestContext:
    """An HTTP request as every view receives it."""

    record: RequestRecord
    fault: GatewayError | None = None
    """Why no view can have the request; the fields below then have no meaning."""

    resource: str = ""
    """The path as the route has it, such as `/predict/{model}`."""

    method: str = ""
    path: str = ""
    """The path of the URL as API Gateway was asked, with the stage; empty if it is not known."""

    path_parameters: Mapping[str, str] = field(default_factory=dict)
    query: Mapping[str, str] = field(default_factory=dict, repr=False)
    authorizer: Mapping[str, Any] = field(default_factory=dict, repr=False)
    """What the authorizer says about the caller; `Principal` reads it."""

    request: ClientRequest = field(default_factory=lambda: ClientRequest({}, b"", 0))
    platform: Deadline = field(default_factory=lambda: Deadline.after(0.0))
    """When API Gateway and Lambda must have the response."""


def request_context(event: Mapping[str, Any], lambda_context: Any) -> RequestContext:
    """Convert an event. One that is malformed gives a context with a `fault`."""
    # The record's clock starts here, because reading the body is a part of the gateway's time.
    record = RequestRecord(request_id(event, lambda_context))
    try:
        return _checked(event, lambda_context, record)
    except GatewayError as fault:
        return RequestContext(record, fault)


def request_id(event: Mapping[str, Any], lambda_context: Any) -> str:
    """Return API Gateway's request id, else Lambda's; never one that the client sent."""
    context = event.get("requestContext")
    known = context.get("requestId") if isinstance(context, dict) else None
    if _is_request_id(known):
        return str(known)
    return str(getattr(lambda_context, "aws_request_id", "unknown"))


def prediction(response: InferenceResponse, model: Model, target: str | None) -> Response:
    """Build the response of a prediction: the model's own body; `target` is its target's name."""
    headers: Headers = {"Content-Type": response.content_type, "X-Model": model.name}
    if target is not None:
        headers[registry.TARGET] = target
    if response.invoked_variant is not None:
        headers["X-Invoked-Variant"] = response.invoked_variant
    for name in model.return_headers:
        for header, member in registry.RETURNED[name].items():
            value = getattr(response, member)
            if value is not None:
                headers[header] = value
    return Response(response.body, headers)


def document(
    content: object, status: int = 200, headers: Mapping[str, str] | None = None
) -> Response:
    """Build a response whose body is the content as JSON."""
    return Response(json_bytes(content), {"Content-Type": JSON, **(headers or {})}, status)


def page(member: str, entries: Sequence[bytes], following: str | None) -> Response:
    """Build a response whose body is a list of entries.

    Args:
        member: The name of the list.
        entries: The entries as JSON.
        following: The value of `next`; None if nothing follows.
    """
    after = b"" if following is None else b',"next":' + json_bytes(following)
    body = b'{"%b":[%b]%b}' % (member.encode(), b",".join(entries), after)
    return Response(body, {"Content-Type": "application/json"})


def problem(error: GatewayError, instance: str) -> Response:
    """Build the RFC 9457 response of an error; `instance` is the request id."""
    headers: Headers = {**problem_headers(error)}
    if error.retry_after_seconds is not None:
        # Random, so that callers who were refused at the same time do not all retry at once.
        seconds = error.retry_after_seconds * random.uniform(1.0, 1.5)
        headers["Retry-After"] = str(max(1, math.ceil(seconds)))
    return Response(json_bytes(error.problem(instance)), headers, error.status)


def problem_headers(error: GatewayError) -> dict[str, str]:
    """Return the headers of a problem, except Retry-After."""
    more = {"WWW-Authenticate": "Bearer"} if error.status == 401 else {}
    if isinstance(error, MethodNotAllowed):
        more["Allow"] = ", ".join(error.allowed)
    return {
        "Content-Type": PROBLEM_MEDIA_TYPE,
        "Cache-Control": "no-store",
        "X-Content-Type-Options": "nosniff",
        **more,
    }


def complete(response: Response, record: RequestRecord, cors_headers: Mapping[str, str]) -> None:
    """Add the headers that every response has, and record how the request ended."""
    record.finish(response.status_code, len(response.body))
    model_time = f"model;dur={record.model_ms}, " if record.attempts else ""
    response.headers.update(cors_headers)
    response.headers[registry.REQUEST_ID] = record.request_id
    response.headers[registry.SERVER_TIMING] = f"{model_time}gateway;dur={record.gateway_ms}"


def json_bytes(content: object) -> bytes:
    """Return the content as JSON without spaces."""
    return json.dumps(content, separators=(",", ":"), allow_nan=False).encode()


def _checked(
    event: Mapping[str, Any], lambda_context: Any, record: RequestRecord
) -> RequestContext:
    """Read every member of the event that the gateway needs.

    Raises:
        GatewayError: A member has the wrong form, or `Authorization` came twice.
    """
    context = _object(event, "requestContext")
    method = _text(context, "httpMethod")
    record.method = method if method in HTTPMethod.__members__ else None
    path = _text(context, "path", default="")
    authorizer = _object(context, "authorizer")
    record.path = logged_path(path)
    record.credential_request_id = identifier(authorizer.get(CREDENTIAL_REQUEST_ID))
    if not (context.get("requestId") is None or _is_request_id(context["requestId"])):
        raise BadRequest("requestContext.requestId is no request id")
    request = _client_request(event)
    record.bytes_in = request.size_bytes
    if TRACEPARENT in request.headers and TRACEPARENT not in request.repeated_headers:
        record.trace_id = trace_id(request.headers[TRACEPARENT])
    if AUTHORIZATION.lower() in request.repeated_headers:
        # Only API Gateway knows which of the two its authorizer has checked.
        raise InvalidHeader(AUTHORIZATION, "sent once")
    query = _lists(event, "multiValueQueryStringParameters")
    return RequestContext(
        record,
        resource=_text(context, "resourcePath"),
        method=method,
        path=path,
        path_parameters=_texts(event, "pathParameters"),
        query={name: values[-1] for name, values in query.items()},
        authorizer=authorizer,
        request=request,
        platform=Deadline.after(_platform_seconds(context, lambda_context)),
    )


def _client_request(event: Mapping[str, Any]) -> ClientRequest:
    single = _texts(event, "headers")
    many = _lists(event, "multiValueHeaders")
    headers = {name.lower(): value for name, value in single.items()}
    repeated = _repeated(many)
    if len(headers) < len(single):
        repeated |= _repeated({name: [value] for name, value in single.items()})
    for name in LISTS & repeated.keys():  # `headers` has only the last line of each
        headers[name] = ", ".join(repeated[name])
    body, size_bytes = _body(event)
    return ClientRequest(headers, body, size_bytes, repeated_headers=frozenset(repeated))


def _repeated(many: Mapping[str, list[str]]) -> dict[str, list[str]]:
    """Return the values of each header that came more than once, by lower-case name."""
    if len(many) == len(set(map(str.lower, many))) == sum(map(len, many.values())):
        return {}
    by_name: dict[str, list[str]] = {}
    for name, values in many.items():
        by_name.setdefault(name.lower(), []).extend(values)
    return {name: values for name, values in by_name.items() if values[1:]}


def _body(event: Mapping[str, Any]) -> tuple[bytes, int]:
    """Return the body and its size. A body that is too large is never decoded, and left out."""
    body, is_base64 = event.get("body"), event.get("isBase64Encoded")
    if not (is_base64 is None or isinstance(is_base64, bool)):
        raise BadRequest("isBase64Encoded is no boolean")
    if body is None or isinstance(body, bytes):
        return body or b"", len(body or b"")
    if not isinstance(body, str):
        raise BadRequest("body is no text")
    size_bytes = len(body) // 4 * 3 - body[-2:].count("=")
    if is_base64 and size_bytes > MAX_BODY_BYTES:
        return b"", size_bytes
    try:
        content = decode_base64(body) if is_base64 else body.encode()
    except ValueError as error:
        raise BadRequest("body is no base64" if is_base64 else "body is no UTF-8") from error
    return content, len(content)


def decode_base64(text: str) -> bytes:
    """Decode the body of an event. msgspec takes a fifth of the time, and is imported first.

    Raises:
        ValueError: The text is not strictly base64.
    """
    if len(text) < LARGE_BODY_BYTES:
        return base64.b64decode(text, validate=True)
    from msgspec import ValidationError, convert  # noqa: PLC0415  (most bodies are small)

    try:
        return convert(text, bytes)
    except ValidationError as error:
        raise ValueError("not base64") from error


def _platform_seconds(context: Mapping[str, Any], lambda_context: Any) -> float:
    """Return the seconds until API Gateway or Lambda stops waiting, whichever comes first."""
    budget = API_GATEWAY_SECONDS
    received_ms = context.get("requestTimeEpoch")
    if received_ms is not None:
        is_number = isinstance(received_ms, int | float) and not isinstance(received_ms, bool)
        if not (is_number and 0 <= received_ms < MAX_EPOCH_MS):
            raise BadRequest("requestContext.requestTimeEpoch is no time")
        budget -= max(0.0, time.time() - received_ms / 1000)
    remaining_ms = getattr(lambda_context, "get_remaining_time_in_millis", None)
    if remaining_ms is not None:
        budget = min(budget, remaining_ms() / 1000 - LAMBDA_MARGIN_SECONDS)
    return budget


def lambda_deadline(lambda_context: Any) -> Deadline:
    """Return when Lambda ends a function that no API waits for."""
    remaining_ms = getattr(lambda_context, "get_remaining_time_in_millis", None)
    seconds = LAMBDA_SECONDS if remaining_ms is None else remaining_ms() / 1000
    return Deadline.after(seconds - LAMBDA_MARGIN_SECONDS)


def _is_request_id(value: object) -> bool:
    """Whether the value can be sent in a header."""
    return (
        isinstance(value, str)
        and 0 < len(value) <= MAX_ID_LENGTH
        and value.isascii()
        and value.isprintable()
    )


def _object(event: Mapping[str, Any], name: str) -> dict[str, Any]:
    value = event.get(name)
    if value is None:
        return {}
    if not isinstance(value, dict):
        raise BadRequest(f"{name} is no object")
    return value


def _text(context: Mapping[str, Any], name: str, default: str | None = None) -> str:
    value = context.get(name)
    if value is None:
        value = default
    if not isinstance(value, str):
        raise BadRequest(f"requestContext.{name} is no text")
    return value


def _texts(event: Mapping[str, Any], name: str) -> dict[str, str]:
    values = _object(event, name)
    if not _types(values.values()) <= {str}:
        raise BadRequest(f"{name} does not hold texts alone")
    return values


def _lists(event: Mapping[str, Any], name: str) -> dict[str, list[str]]:
    lists = _object(event, name)
    values = lists.values()
    if not (_types(values) <= {list} and all(values) and _types(chain(*values)) <= {str}):
        raise BadRequest(f"{name} does not hold lists of texts alone")
    return lists


def _types(values: Iterable[object]) -> set[type]:
    return set(map(type, values))
