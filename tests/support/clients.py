"""Two clients of the gateway that need no network.

`chalice local` passes a body on as the bytes that came, and has one value for each header. API
Gateway passes JSON on: the body as base64, headers in two forms, and a request context.

Both clients ask the authorizer first about a credential that a test gives. Without one, the
request is of a caller who may call every model.
"""

from __future__ import annotations

import base64
import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from chalice.local import RouteMatcher
from chalice.test import Client

from tests.support.events import (
    CONTEXT,
    OPEN_RESOURCES,
    LambdaContext,
    pairs_of,
    proxy_event,
    token_event,
)
from tests.support.paths import ROOT

if TYPE_CHECKING:
    from collections.abc import Mapping

    from chalice.app import Chalice

    from tests.support.events import Headers

TOKEN = "of-somebody-who-may-call-everything"


@dataclass(frozen=True)
class Response:
    """What the caller gets."""

    status: int
    headers: Mapping[str, str]
    """By lower-case name."""

    body: bytes

    def json(self) -> Any:
        return json.loads(self.body)


class LocalClient:
    """Calls the app as `chalice local` does."""

    def __init__(self, app: Chalice) -> None:
        self._client = Client(app, stage_name="local", project_dir=str(ROOT))

    def send(self, method: str, path: str, headers: Headers = (), body: bytes = b"") -> Response:
        headers = dict(headers)
        if _authorization(headers) is None:
            headers["Authorization"] = f"Bearer {TOKEN}"
        response = self._client.http.request(method, path, headers, body)
        return Response(response.status_code, lower_names(response.headers), response.body)


class LambdaClient:
    """Calls the app as Lambda does, with an event of API Gateway's."""

    def __init__(self, app: Chalice) -> None:
        self._app = app
        self._routes = RouteMatcher(list(app.routes))

    def send(self, method: str, path: str, headers: Headers = (), body: bytes = b"") -> Response:
        return self.deliver(self.event(method, path, headers, body))

    def event(
        self, method: str, path: str, headers: Headers = (), body: bytes = b""
    ) -> dict[str, Any]:
        """Build the event of a request that API Gateway lets through."""
        headers = pairs_of(headers)
        matched = self._routes.match_route(path)
        return proxy_event(
            method,
            path.partition("?")[0],
            resource=matched.route,
            path_parameters=matched.captured,
            headers=headers,
            query=matched.query_params,
            body=body,
            authorizer=self._context(matched.route, method, path, _authorization(dict(headers))),
        )

    def deliver(self, event: dict[str, Any], context: Any = None) -> Response:
        """Invoke the app with this event, through JSON in both directions as on Lambda."""
        event = json.loads(json.dumps(event))
        result = json.loads(json.dumps(self._app(event, context or LambdaContext())))
        assert result["isBase64Encoded"] is True
        assert result["multiValueHeaders"] == {}
        body = base64.b64decode(result["body"], validate=True)
        return Response(result["statusCode"], lower_names(result["headers"]), body)

    def _context(
        self, resource: str, method: str, path: str, authorization: str | None
    ) -> dict[str, Any]:
        """Ask the authorizer, if the app has one and the request has a credential."""
        authorize = self._app.handler_map.get("authorize")
        if authorize is None or authorization is None or resource in OPEN_RESOURCES:
            return CONTEXT
        question = json.loads(json.dumps(token_event(authorization, method, path)))
        result = json.loads(json.dumps(authorize(question, LambdaContext())))
        return {**result["context"], "principalId": result["principalId"], "integrationLatency": 7}


def lower_names(headers: Mapping[str, str]) -> dict[str, str]:
    """Return the headers by lower-case name; none of them may come twice."""
    lower = {name.lower(): value for name, value in headers.items()}
    assert len(lower) == len(headers), "a header comes twice"
    return lower


def _authorization(headers: Mapping[str, str]) -> str | None:
    return next((headers[name] for name in headers if name.lower() == "authorization"), None)
