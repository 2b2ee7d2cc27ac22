"""A REST API of API Gateway in front of the gateway's app, in this process.

It has what callers notice: the routes, the authorizer, preflights, and for what never reaches the
app the problems of the deployment. It keeps no policy, throttles nobody and compresses nothing.
"""

from __future__ import annotations

import base64
import sys
import time
import uuid
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs

from chalice.local import (
    ForbiddenError,
    InvalidAuthorizerError,
    LambdaContext,
    LocalGatewayAuthorizer,
    LocalGatewayException,
    NotAuthorizedError,
)

from chalicelib.api import wire
from chalicelib.api.authorizers import called_as
from chalicelib.payload.admission import TRANSFER_ENCODING
from chalicelib.routing.headers import REQUEST_ID, UPLOAD
from deployment.fragment import responses

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from chalice.app import Chalice
    from chalice.config import Config

    from chalicelib.errors import GatewayError

    Headers = list[tuple[str, str]]

STAGE = "local"
AUTHORIZATION = "authorization"
WITH_BODY = frozenset({"POST", "PUT", "PATCH"})
# Headers that API Gateway does not pass on. Source: its developer guide, "Known issues".
NOT_PASSED_ON = frozenset(
    (
        *("connection", "content-length", "content-md5", "expect", "max-forwards"),
        *("proxy-authenticate", "server", "te", "trailer", TRANSFER_ENCODING, "upgrade"),
        "www-authenticate",
    )
)
REFUSED_BY_AUTHORIZER: Mapping[type[LocalGatewayException], str] = {
    NotAuthorizedError: "UNAUTHORIZED",
    ForbiddenError: "ACCESS_DENIED",
    InvalidAuthorizerError: "AUTHORIZER_CONFIGURATION_ERROR",
}


@dataclass(frozen=True, slots=True)
class Request:
    """A request that has arrived whole."""

    method: str
    target: str
    """The path and the query, as in the request line."""

    headers: Headers = field(repr=False)
    body: bytes = field(repr=False)

    @property
    def path(self) -> str:
        return self.target.partition("?")[0]

    def values(self) -> dict[str, list[str]]:
        """Return the values of each header that is passed on, by lower-case name."""
        values: dict[str, list[str]] = {}
        for name, value in self.headers:
            values.setdefault(name.lower(), []).append(value)
        has_length = not values.keys().isdisjoint(("content-length", TRANSFER_ENCODING))
        passed = {name: texts for name, texts in values.items() if name not in NOT_PASSED_ON}
        if self.method in WITH_BODY and not has_length and UPLOAD.lower() not in passed:
            # HTTP says that there is no body, but the caller may send one all the same, unless it
            # has uploaded it. With this header the gateway asks for a length, once it has found
            # the model.
            passed[TRANSFER_ENCODING] = ["identity"]
        return passed


@dataclass(frozen=True, slots=True)
class Answer:
    """A response of the app, or of this API."""

    status: int
    headers: Headers
    body: bytes = b""
    title: str | None = None
    """The title of the problem, if this API refused the request."""

    is_logged: bool = False
    """Whether the app has logged the request."""


class RestApi:
    """The API; `handle` may be called by many threads at once."""

    def __init__(
        self,
        app: Chalice,
        config: Config,
        cors_headers: Mapping[str, str],
        *,
        has_jobs: bool = False,
    ) -> None:
        self._app = app
        self._config = config
        self._cors_headers = cors_headers
        self.responses = responses(has_jobs=has_jobs)
        """The problem for each type of API Gateway's own responses."""
        self._authorizer = LocalGatewayAuthorizer(app)

    def handle(self, request: Request) -> Answer:
        """Answer a request."""
        request_id = str(uuid.uuid4())
        found = match(self._app.routes, request.path)
        if found is None:
            return self.problem(self.responses["MISSING_AUTHENTICATION_TOKEN"], request_id)
        resource, parameters = found
        if request.method in self._app.routes[resource]:
            return self._invoke(request, resource, parameters, request_id)
        preflight = self._preflight(resource) if request.method == "OPTIONS" else None
        return preflight or self.problem(self.responses["MISSING_AUTHENTICATION_TOKEN"], request_id)

    def problem(self, error: GatewayError, request_id: str | None = None) -> Answer:
        """Return an error as the deployment's gateway responses would."""
        request_id = request_id or str(uuid.uuid4())
        response = wire.problem(error, request_id)
        own = {REQUEST_ID: request_id, "x-amzn-RequestId": request_id}
        headers = {**response.headers, **self._cors_headers, **own}
        return Answer(response.status_code, _pairs(headers), response.body, error.title)

    def _invoke(
        self, request: Request, resource: str, parameters: Mapping[str, str], request_id: str
    ) -> Answer:
        """Ask the authorizer and call the app, as the two functions on Lambda."""
        event = _event(request, resource, parameters, request_id)
        context = self._context()
        try:
            with called_as(self._context().aws_request_id):
                event, context = self._authorizer.authorize(request.path, event, context)
        except LocalGatewayException as refused:
            return self.problem(self.responses[REFUSED_BY_AUTHORIZER[type(refused)]], request_id)
        except Exception as failed:
            _print_failure("the authorizer", failed)
            return self.problem(self.responses["AUTHORIZER_FAILURE"], request_id)
        try:
            result = self._app(event, context)
        except Exception as failed:
            _print_failure("the app", failed)
            return self.problem(self.responses["INTEGRATION_FAILURE"], request_id)
        own = {"x-amzn-RequestId": request_id}
        headers = _pairs({**result["headers"], **result["multiValueHeaders"], **own})
        body = base64.b64decode(result["body"])
        return Answer(result["statusCode"], headers, body, is_logged=True)

    def _preflight(self, resource: str) -> Answer | None:
        """Return the constant answer that Chalice gives a resource with CORS; None without CORS."""
        methods = self._app.routes[resource]
        cors = next((entry.cors for entry in methods.values() if entry.cors), None)
        if cors is None:
            return None
        headers = {
            **cors.get_access_control_headers(),
            "Access-Control-Allow-Methods": ",".join([*methods, "OPTIONS"]),
            "Content-Type": "application/json",
        }
        return Answer(200, list(headers.items()))

    def _context(self) -> LambdaContext:
        return Context(
            self._config.function_name,
            self._config.lambda_memory_size,
            max_runtime_ms=self._config.lambda_timeout * 1000,
        )


class Context(LambdaContext):
    """Chalice's context, with whole milliseconds as on Lambda."""

    def get_remaining_time_in_millis(self) -> int:
        return int(super().get_remaining_time_in_millis())


def match(resources: Iterable[str], path: str) -> tuple[str, dict[str, str]] | None:
    """Find the resource of a path, and the path's parameters, which are not decoded.

    Slashes before and after the path do not count. No parameter is empty.
    """
    segments = path.strip("/").split("/")
    for resource in sorted(resources):
        parts = resource.strip("/").split("/")
        if len(parts) == len(segments):
            pairs = list(zip(parts, segments, strict=True))
            if all(value if _is_parameter(part) else part == value for part, value in pairs):
                return resource, {part[1:-1]: value for part, value in pairs if _is_parameter(part)}
    return None


def _is_parameter(part: str) -> bool:
    return part.startswith("{") and part.endswith("}")


def _event(
    request: Request, resource: str, parameters: Mapping[str, str], request_id: str
) -> dict[str, Any]:
    """Build the event, in payload format 1.0.

    Source: API Gateway developer guide, "Lambda proxy integrations in API Gateway".
    """
    now = time.time()
    values = request.values()
    query = parse_qs(request.target.partition("?")[2], keep_blank_values=True)
    return {
        "resource": resource,
        "path": request.path,
        "httpMethod": request.method,
        "headers": {name: texts[-1] for name, texts in values.items()},
        "multiValueHeaders": values,
        "queryStringParameters": {name: texts[-1] for name, texts in query.items()} or None,
        "multiValueQueryStringParameters": query or None,
        "pathParameters": dict(parameters) or None,
        "stageVariables": None,
        "requestContext": {
            "httpMethod": request.method,
            "identity": {
                "sourceIp": "127.0.0.1",
                "userAgent": values.get("user-agent", [None])[-1],
            },
            "path": request.path,
            "protocol": "HTTP/1.1",
            "requestId": request_id,
            "requestTime": time.strftime("%d/%b/%Y:%H:%M:%S +0000", time.gmtime(now)),
            "requestTimeEpoch": round(now * 1000),
            "resourcePath": resource,
            "stage": STAGE,
        },
        "body": base64.b64encode(request.body).decode() or None,
        "isBase64Encoded": bool(request.body),
    }


def _pairs(headers: Mapping[str, str | list[str]]) -> Headers:
    """List headers, of which some may have several values."""
    return [
        (name, value)
        for name, values in headers.items()
        for value in ([values] if isinstance(values, str) else values)
    ]


def _print_failure(what: str, error: Exception) -> None:
    """Print the type of an error alone; its text may hold the credential."""
    sys.stdout.write(f"error: {what} failed: {type(error).__name__}\n")
    sys.stdout.flush()
