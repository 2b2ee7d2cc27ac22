"""Around every route: the exchange, errors as problems, the headers of every answer, one line;
and in front of every route that is not open: who is calling.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from chalicelib.api import wire
from chalicelib.api.exchange import CURRENT, PRINCIPAL
from chalicelib.auth.principal import Principal
from chalicelib.errors import GatewayError, InternalFailure, MethodNotAllowed, let_go

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from chalice.app import Request, Response

    from chalicelib.api.application import GatewayApp
    from chalicelib.api.exchange import Exchange
    from chalicelib.telemetry.log import Telemetry

    GetResponse = Callable[[Request], Response]
    Middleware = Callable[[Request, GetResponse], Response]


def around_every_route(telemetry: Telemetry, cors_headers: Mapping[str, str]) -> Middleware:
    """The outer one. Its order is the order of its lines."""

    def middleware(request: Request, get_response: GetResponse) -> Response:
        if request is None:  # an event that is no HTTP request; Chalice says so
            return get_response(request)
        exchange = wire.exchange(request)
        entered = CURRENT.set(exchange)
        try:
            response = _answer(request, get_response, exchange, telemetry)
        finally:
            CURRENT.reset(entered)
        record = exchange.record
        record.finish()
        record.status, record.bytes_out = response.status_code, len(response.body)
        response.headers.update(cors_headers)
        response.headers.update(_headers_of_every_answer(exchange))
        telemetry.request(record)
        return response

    return middleware


def in_front_of_closed_routes(app: GatewayApp, clock: Callable[[], float]) -> Middleware:
    """The inner one: no `ok` from the authorizer, no principal; no principal, no view."""

    def middleware(request: Request, get_response: GetResponse) -> Response:
        if request is None or not app.is_closed(request):
            return get_response(request)
        principal = Principal(request.context.get("authorizer") or {}, now=clock())
        record = CURRENT.get().record
        record.principal, record.key_id = principal.name, principal.key_id
        entered = PRINCIPAL.set(principal)
        try:
            return get_response(request)
        finally:
            PRINCIPAL.reset(entered)

    return middleware


def _answer(
    request: Request, get_response: GetResponse, exchange: Exchange, telemetry: Telemetry
) -> Response:
    """The view's answer, or its error as a problem."""
    record = exchange.record
    try:
        response = get_response(request)
        if isinstance(response.body, bytes):
            return response
        error, allow = _chalices_own(request, response)
    except GatewayError as raised:
        error, allow = raised, {}
        if isinstance(raised, InternalFailure) and raised.__cause__ is not None:
            telemetry.bug(raised.__cause__, record.request_id)
    except Exception as bug:  # Chalice would log it with its text
        telemetry.bug(bug, record.request_id)
        error, allow = InternalFailure(), {}
    record.slug = error.slug
    response = wire.problem(error, record.request_id)
    response.headers.update(allow)
    let_go(error)
    return response


def _chalices_own(request: Request, response: Response) -> tuple[GatewayError, dict[str, str]]:
    """Chalice answers some requests before any view: a wrong method is the one that can happen."""
    if response.status_code == 405:
        allow = str(response.headers["Allow"])
        return MethodNotAllowed(request.method, allow.split(", ")), {"Allow": allow}
    return InternalFailure(), {}


def _headers_of_every_answer(exchange: Exchange) -> dict[str, str]:
    record = exchange.record
    model = f"model;dur={record.model_ms}, " if record.attempts else ""
    return {
        "X-Request-Id": record.request_id,
        "Server-Timing": f"{model}gateway;dur={record.gateway_ms}",
    }
