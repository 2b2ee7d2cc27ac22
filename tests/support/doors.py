"""The two ways into the gateway that need no network.

`chalice local` delivers a body as the bytes that came and knows each header once. API Gateway
delivers JSON: a body as base64, headers in two forms, and what it says about the request itself.

Both ask the authorizer first about a credential that a test gives. A request without one is made
by somebody who may call everything.
"""

from __future__ import annotations

import base64
import json
import time
import uuid
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from chalice.local import RouteMatcher
from chalice.test import Client

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from chalice.app import Chalice

    Headers = Mapping[str, str] | Iterable[tuple[str, str]]

ROOT = Path(__file__).resolve().parents[2]
OPEN = {"/health"}
METHOD_ARN = "arn:aws:execute-api:us-east-1:123456789012:abcdefghij/api"

TOKEN = "of-somebody-who-may-call-everything"
CONTEXT = {
    "outcome": "ok",
    "principal": "tests",
    "grants": "*",
    "expires": "",
    "key_id": "k3yoft3s",
}


@dataclass(frozen=True)
class Answer:
    """What the caller gets."""

    status: int
    headers: Mapping[str, str]
    """By lower-case name."""

    body: bytes

    def json(self) -> Any:
        return json.loads(self.body)


class LocalDoor:
    """As `chalice local` calls the app."""

    def __init__(self, app: Chalice) -> None:
        self._client = Client(app, stage_name="local", project_dir=str(ROOT))

    def send(self, method: str, path: str, headers: Headers = (), body: bytes = b"") -> Answer:
        headers = dict(headers)
        if _authorization(headers) is None:
            headers["Authorization"] = f"Bearer {TOKEN}"
        response = self._client.http.request(method, path, headers, body)
        return Answer(response.status_code, _lower(response.headers), response.body)


class ApiGatewayDoor:
    """As Lambda calls the app with an event of API Gateway's."""

    def __init__(self, app: Chalice) -> None:
        self._app = app
        self._routes = RouteMatcher(list(app.routes))

    def send(self, method: str, path: str, headers: Headers = (), body: bytes = b"") -> Answer:
        return self.deliver(self.event(method, path, headers, body))

    def event(
        self, method: str, path: str, headers: Headers = (), body: bytes = b""
    ) -> dict[str, Any]:
        """The event of a request that API Gateway lets through."""
        headers = list(headers.items() if hasattr(headers, "items") else headers)
        matched = self._routes.match_route(path)
        return event(
            method,
            path.partition("?")[0],
            resource=matched.route,
            path_parameters=matched.captured,
            headers=headers,
            query=matched.query_params,
            body=body,
            authorizer=self._context(method, path, _authorization(dict(headers))),
        )

    def deliver(self, event: dict[str, Any], context: Any = None) -> Answer:
        """Both directions as JSON, because that is how Lambda has them."""
        event = json.loads(json.dumps(event))
        response = json.loads(json.dumps(self._app(event, context or LambdaContext())))
        assert response["isBase64Encoded"] is True
        assert response["multiValueHeaders"] == {}
        body = base64.b64decode(response["body"], validate=True)
        return Answer(response["statusCode"], _lower(response["headers"]), body)

    def _context(self, method: str, path: str, authorization: str | None) -> dict[str, Any]:
        """What the authorizer says, where there is one to ask and something to ask about."""
        authorize = self._app.handler_map.get("authorize")
        if authorize is None or authorization is None:
            return CONTEXT
        answer = authorize(json.loads(json.dumps(token_event(authorization, method, path))), None)
        answer = json.loads(json.dumps(answer))
        return {**answer["context"], "principalId": answer["principalId"], "integrationLatency": 7}


def token_event(authorization: str, method: str = "GET", path: str = "/models") -> dict[str, str]:
    """What API Gateway asks an authorizer."""
    return {
        "type": "TOKEN",
        "authorizationToken": authorization,
        "methodArn": f"{METHOD_ARN}/{method}{path}",
    }


def event(
    method: str,
    path: str,
    *,
    resource: str,
    path_parameters: Mapping[str, str],
    headers: Headers = (),
    query: Mapping[str, list[str]] | None = None,
    body: bytes = b"",
    authorizer: Mapping[str, Any] = CONTEXT,
) -> dict[str, Any]:
    """A REST API's proxy event, with `*/*` among its binary types."""
    pairs = list(headers.items() if hasattr(headers, "items") else headers)
    many: dict[str, list[str]] = {}
    for name, value in pairs:
        many.setdefault(name, []).append(value)
    query = query or {}
    closed = {} if resource in OPEN else {"authorizer": dict(authorizer)}
    return {
        "resource": resource,
        "path": path,
        "httpMethod": method,
        "headers": {name: values[-1] for name, values in many.items()} or None,
        "multiValueHeaders": many or None,
        "queryStringParameters": {name: values[-1] for name, values in query.items()} or None,
        "multiValueQueryStringParameters": query or None,
        "pathParameters": dict(path_parameters) or None,
        "stageVariables": None,
        "requestContext": {
            "resourceId": "a1b2c3",
            "resourcePath": resource,
            "httpMethod": method,
            "path": f"/api{path}",
            "accountId": "123456789012",
            "protocol": "HTTP/1.1",
            "stage": "api",
            "requestTimeEpoch": round(time.time() * 1000),
            "requestId": str(uuid.uuid4()),
            "identity": {"sourceIp": "192.0.2.7", "userAgent": "tests"},
            "apiId": "abcdefghij",
            **closed,
        },
        "body": base64.b64encode(body).decode() or None,
        "isBase64Encoded": bool(body),
    }


@dataclass(frozen=True)
class LambdaContext:
    """What Lambda says about an invocation."""

    aws_request_id: str = field(default_factory=lambda: str(uuid.uuid4()))
    remaining_ms: int = 29_000

    def get_remaining_time_in_millis(self) -> int:
        return self.remaining_ms


def _authorization(headers: Mapping[str, str]) -> str | None:
    return next((headers[name] for name in headers if name.lower() == "authorization"), None)


def _lower(headers: Mapping[str, str]) -> dict[str, str]:
    lower = {name.lower(): value for name, value in headers.items()}
    assert len(lower) == len(headers), "a header comes twice"
    return lower
