"""The Chalice application: how views are registered, and the middleware around each of them.

Chalice never sees the event itself, only the members by which it finds a view. Its own checks of an
event raise exceptions, or answer with texts of their own.

The data of one request is in context variables, and not on the application: `chalice local` handles
several requests at once, each in a thread.
"""

from __future__ import annotations

from contextvars import ContextVar
from typing import TYPE_CHECKING, Any

from chalice.app import Chalice, CORSConfig, Response

from chalicelib.api import wire
from chalicelib.auth.principal import Principal
from chalicelib.errors import (
    BadRequest,
    GatewayError,
    InternalFailure,
    MethodNotAllowed,
    NoSuchPath,
    clear_tracebacks,
    quoted,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from chalice.app import ChaliceAuthorizer, Request

    from chalicelib.api.wire import RequestContext
    from chalicelib.telemetry.log import Telemetry

    View = Callable[..., Response]
    Register = Callable[[View], None]
    GetResponse = Callable[[Request], Response]
    Middleware = Callable[[Request, GetResponse], Response]
    OtherEvent = Callable[[Any, Any], Any]
    """Handles an event of another kind than a REST API's, and its Lambda context."""

APP_NAME = "inference-gateway"
GET, HEAD = "GET", "HEAD"
ANY_MEDIA_TYPE = "*/*"
NOT_FOR_CHALICE = dict.fromkeys(("multiValueQueryStringParameters", "stageVariables", "body"))

_context: ContextVar[RequestContext] = ContextVar("request_context")
_principal: ContextVar[Principal] = ContextVar("principal")


class GatewayApp(Chalice):
    """A Chalice application with binary bodies, in which each view is protected or public."""

    def __init__(self, cors: CORSConfig | None, other_event: OtherEvent) -> None:
        super().__init__(APP_NAME, configure_logs=False)
        # With a list of types, API Gateway would send base64 text to a browser whose first Accept
        # is not in the list.
        self.api.binary_types = [ANY_MEDIA_TYPE]
        self._cors = cors
        self._other_event = other_event
        self._protected: set[tuple[str, str]] = set()

    def __call__(self, event: Any, context: Any) -> Any:
        """Handle an event of any kind."""
        if not _is_of_rest_api(event):
            return self._other_event(event, context)
        request = wire.request_context(event, context)
        token = _context.set(request)
        try:
            return super().__call__(_event_for_chalice(request), context)
        finally:
            _context.reset(token)

    def protected_view(self, path: str, method: str, authorizer: ChaliceAuthorizer) -> Register:
        """Register a view that needs a principal: `view(context, principal, **segments)`."""

        def register(view: View) -> None:
            self._protected |= {(path, one) for one in _methods(method)}

            def call(**segments: str) -> Response:
                return _without_bug_text(view, _context.get(), _principal.get(), **segments)

            self._route(path, method, authorizer=authorizer)(call)

        return register

    def public_view(self, path: str, method: str) -> Register:
        """Register a view that needs no credential: `view(context, **segments)`."""

        def register(view: View) -> None:
            def call(**segments: str) -> Response:
                return _without_bug_text(view, _context.get(), **segments)

            self._route(path, method)(call)

        return register

    def is_protected(self, request: Request) -> bool:
        """Whether the request is for a protected view."""
        return (request.path, request.method) in self._protected

    def check_route(self, request: RequestContext) -> None:
        """Check that there is a view for the request, with all of its path parameters.

        Raises:
            GatewayError: There is none, or the event is malformed.
        """
        if request.fault is not None:
            raise request.fault
        # Not `self.routes[…]`, which would add the resource.
        methods = self.routes.get(request.resource)
        if not methods:
            raise NoSuchPath(f"the resource {quoted(request.resource)} is not of this application")
        if request.method not in methods:
            raise MethodNotAllowed(request.method, methods)
        if not request.path_parameters.keys() >= set(methods[request.method].view_args):
            raise BadRequest("pathParameters lacks a parameter of the resource")

    def _route(self, path: str, method: str, **settings: Any) -> Callable[[View], View]:
        """Register a route for all content types, because the content types depend on the model."""
        route: Callable[[View], View] = self.route(
            path, methods=_methods(method), content_types=[], cors=self._cors, **settings
        )
        return route


def request_middleware(
    app: GatewayApp, telemetry: Telemetry, cors_headers: Mapping[str, str]
) -> Middleware:
    """Build the outer middleware.

    It checks the route, renders errors, takes the body from a response to HEAD, adds the headers of
    every response, and writes the log line.
    """

    def middleware(request: Request, get_response: GetResponse) -> Response:
        context = _context.get()
        response = _response(app, request, get_response, context, telemetry)
        if context.record.method == HEAD:
            response.body = b""
        wire.complete(response, context.record, cors_headers)
        telemetry.request(context.record)
        return response

    return middleware


def auth_middleware(app: GatewayApp, clock: Callable[[], float]) -> Middleware:
    """Build the inner middleware, which reads the principal before a protected view is called."""

    def middleware(request: Request, get_response: GetResponse) -> Response:
        if not app.is_protected(request):
            return get_response(request)
        context = _context.get()
        record = context.record
        principal = Principal(context.authorizer, now=clock())
        record.principal, record.key_id = principal.name, principal.key_id
        token = _principal.set(principal)
        try:
            return get_response(request)
        finally:
            _principal.reset(token)

    return middleware


def _methods(method: str) -> list[str]:
    """Return the methods that a view answers: HEAD is GET without a body (RFC 9110, 9.3.2)."""
    return [GET, HEAD] if method == GET else [method]


def _is_of_rest_api(event: Any) -> bool:
    """Whether the event has the shape of a request of a REST API, well-formed or not."""
    if not isinstance(event, dict):
        return False
    context = event.get("requestContext")
    return "resource" in event or (isinstance(context, dict) and "resourcePath" in context)


def _event_for_chalice(request: RequestContext) -> dict[str, Any]:
    """Return the members by which Chalice finds a view; the view gets its request from us."""
    return {
        "requestContext": {"resourcePath": request.resource, "httpMethod": request.method},
        "pathParameters": request.path_parameters,
        "headers": {"accept": ANY_MEDIA_TYPE},  # without one Chalice refuses binary bodies
        **NOT_FOR_CHALICE,
    }


def _without_bug_text(view: View, *arguments: Any, **segments: str) -> Response:
    """Call a view. A bug becomes InternalFailure, because Chalice would log the bug's text."""
    try:
        return view(*arguments, **segments)
    except GatewayError:
        raise
    except Exception as error:
        raise InternalFailure from error


def _response(
    app: GatewayApp,
    request: Request,
    get_response: GetResponse,
    context: RequestContext,
    telemetry: Telemetry,
) -> Response:
    """Return the view's response, or its error as a problem."""
    record = context.record
    try:
        app.check_route(context)
        response = get_response(request)
        if isinstance(response.body, bytes):
            return response
        error: GatewayError = InternalFailure()  # a text of Chalice's own
    except GatewayError as raised:
        error = raised
        if isinstance(raised, InternalFailure) and raised.__cause__ is not None:
            telemetry.bug(raised.__cause__, record.request_id)
    except Exception as bug:  # Chalice would log it with its text
        telemetry.bug(bug, record.request_id)
        error = InternalFailure()
    record.slug, record.reason = error.slug, error.reason
    response = wire.problem(error, record.request_id)
    clear_tracebacks(error)
    return response
