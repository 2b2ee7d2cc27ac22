"""The Chalice application: how views are registered, and the middleware around each of them.

The data of one request is in context variables, and not on the application: `chalice local` handles
several requests at once, each in a thread.
"""

from __future__ import annotations

from contextvars import ContextVar
from typing import TYPE_CHECKING, Any

from chalice.app import Chalice, CORSConfig, Response

from chalicelib.api import wire
from chalicelib.auth.principal import Principal
from chalicelib.errors import GatewayError, InternalFailure, MethodNotAllowed, clear_tracebacks
from chalicelib.routing.headers import REQUEST_ID, SERVER_TIMING

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from chalice.app import ChaliceAuthorizer, Request

    from chalicelib.api.wire import RequestContext
    from chalicelib.telemetry.log import RequestRecord, Telemetry

    View = Callable[..., Response]
    Register = Callable[[View], None]
    GetResponse = Callable[[Request], Response]
    Middleware = Callable[[Request, GetResponse], Response]

APP_NAME = "inference-gateway"
ANY_MEDIA_TYPE = "*/*"

_context: ContextVar[RequestContext] = ContextVar("request_context")
_principal: ContextVar[Principal] = ContextVar("principal")


class GatewayApp(Chalice):
    """A Chalice application with binary bodies, in which each view is protected or public."""

    def __init__(self, cors: CORSConfig | None) -> None:
        super().__init__(APP_NAME, configure_logs=False)
        # With a list of types, API Gateway would send base64 text to a browser whose first Accept
        # is not in the list.
        self.api.binary_types = [ANY_MEDIA_TYPE]
        self._cors = cors
        self._protected: set[tuple[str, str]] = set()

    def __call__(self, event: Any, context: Any) -> dict[str, Any]:
        """Handle an event. Chalice answers 400 without an Accept, so a missing one is added."""
        headers = event.get("headers") or {}
        if not any(name.lower() == "accept" for name in headers):
            headers = {**headers, "accept": ANY_MEDIA_TYPE}
        return super().__call__({**event, "headers": headers}, context)

    def protected_view(self, path: str, method: str, authorizer: ChaliceAuthorizer) -> Register:
        """Register a view that needs a principal: `view(context, principal, **segments)`."""

        def register(view: View) -> None:
            self._protected.add((path, method))

            def call(**segments: str) -> Response:
                return _without_bug_text(view, _context.get(), _principal.get(), **segments)

            self._route(path, method, authorizer=authorizer)(call)

        return register

    def public_view(self, path: str, method: str) -> Register:
        """Register a view that needs no credential: `view(context)`."""

        def register(view: View) -> None:
            self._route(path, method)(lambda: _without_bug_text(view, _context.get()))

        return register

    def is_protected(self, request: Request) -> bool:
        """Whether the request is for a protected view; a wrong method has no view."""
        return (request.path, request.method) in self._protected

    def _route(self, path: str, method: str, **settings: Any) -> Callable[[View], View]:
        """Register a route for all content types, because the content types depend on the model."""
        route: Callable[[View], View] = self.route(
            path, methods=[method], content_types=[], cors=self._cors, **settings
        )
        return route


def request_middleware(telemetry: Telemetry, cors_headers: Mapping[str, str]) -> Middleware:
    """Build the outer middleware.

    It opens the request's record, renders errors, adds the headers of every response, and writes
    the log line.
    """

    def middleware(request: Request, get_response: GetResponse) -> Response:
        if request is None:  # the event is not an HTTP request, and Chalice says so
            return get_response(request)
        context = wire.request_context(request)
        token = _context.set(context)
        record = context.record
        try:
            response = _response(request, get_response, record, telemetry)
        finally:
            _context.reset(token)
        record.finish(response.status_code, len(response.body))
        model_time = f"model;dur={record.model_ms}, " if record.attempts else ""
        response.headers.update(cors_headers)
        response.headers[REQUEST_ID] = record.request_id
        response.headers[SERVER_TIMING] = f"{model_time}gateway;dur={record.gateway_ms}"
        telemetry.request(record)
        return response

    return middleware


def auth_middleware(app: GatewayApp, clock: Callable[[], float]) -> Middleware:
    """Build the inner middleware, which reads the principal before a protected view is called."""

    def middleware(request: Request, get_response: GetResponse) -> Response:
        if request is None or not app.is_protected(request):
            return get_response(request)
        principal = Principal(request.context.get("authorizer") or {}, now=clock())
        record = _context.get().record
        record.principal, record.key_id = principal.name, principal.key_id
        token = _principal.set(principal)
        try:
            return get_response(request)
        finally:
            _principal.reset(token)

    return middleware


def _without_bug_text(view: View, *arguments: Any, **segments: str) -> Response:
    """Call a view. A bug becomes InternalFailure, because Chalice would log the bug's text."""
    try:
        return view(*arguments, **segments)
    except GatewayError:
        raise
    except Exception as error:
        raise InternalFailure from error


def _response(
    request: Request, get_response: GetResponse, record: RequestRecord, telemetry: Telemetry
) -> Response:
    """Return the view's response, or its error as a problem."""
    try:
        response = get_response(request)
        if isinstance(response.body, bytes):
            return response
        error, headers = _error_of_chalice(request, response)
    except GatewayError as raised:
        error, headers = raised, {}
        if isinstance(raised, InternalFailure) and raised.__cause__ is not None:
            telemetry.bug(raised.__cause__, record.request_id)
    except Exception as bug:  # Chalice would log it with its text
        telemetry.bug(bug, record.request_id)
        error, headers = InternalFailure(), {}
    record.slug = error.slug
    response = wire.problem(error, record.request_id)
    response.headers.update(headers)
    clear_tracebacks(error)
    return response


def _error_of_chalice(request: Request, response: Response) -> tuple[GatewayError, dict[str, str]]:
    """Return the error and the headers for a response that Chalice gives without calling a view."""
    if response.status_code == 405:
        allow = str(response.headers["Allow"])
        return MethodNotAllowed(request.method, allow.split(", ")), {"Allow": allow}
    return InternalFailure(), {}
