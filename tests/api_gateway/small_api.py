"""A small API for the simulator: its template, and functions that return what a test sets."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from tests.api_gateway.simulator import ApiGateway
from tests.support.events import STAGE_ARN

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.api_gateway.messages import Reply

INTEGRATION = "x-amazon-apigateway-integration"
BINARY_TYPES = "x-amazon-apigateway-binary-media-types"
OK = {"statusCode": 200, "headers": {"Content-Type": "text/plain"}, "body": "ok"}


def method(*, authorizer: str | None = None, **more: Any) -> Any:
    """Build a method that the function APIHandler answers."""
    integration = {"type": "aws_proxy", "httpMethod": "POST", "uri": _uri("APIHandler"), **more}
    security = {} if authorizer is None else {"security": [{authorizer: []}]}
    return {"responses": {}, INTEGRATION: integration, **security}


def preflight(**more: Any) -> Any:
    """Build the mock method with which Chalice answers preflights."""
    headers = {
        "method.response.header.Access-Control-Allow-Methods": "'POST,OPTIONS'",
        "method.response.header.Access-Control-Allow-Origin": "'*'",
    }
    integration = {
        "type": "mock",
        "responses": {"default": {"statusCode": "200", "responseParameters": headers}},
        "requestTemplates": {"application/json": '{"statusCode": 200}'},
        "passthroughBehavior": "when_no_match",
        "contentHandling": "CONVERT_TO_TEXT",
    }
    return {"responses": {}, INTEGRATION: {**integration, **more}}


def scheme(ttl_seconds: float | None = 60, **more: Any) -> Any:
    """Build the security definition of the authorizer Authorize."""
    ttl = {} if ttl_seconds is None else {"authorizerResultTtlInSeconds": ttl_seconds}
    authorizer = {"type": "token", "authorizerUri": _uri("Authorize"), **ttl, **more}
    return {
        "in": "header",
        "type": "apiKey",
        "name": "Authorization",
        "x-amazon-apigateway-authtype": "custom",
        "x-amazon-apigateway-authorizer": authorizer,
    }


def template(
    paths: dict[str, Any],
    *,
    schemes: dict[str, Any] | None = None,
    binary_types: tuple[str, ...] = ("*/*",),
    timeout: int = 29,
    **api: Any,
) -> dict[str, Any]:
    """Build a template of two functions and an API; `api` adds to the API's properties."""
    definition = {
        "swagger": "2.0",
        "paths": paths,
        "securityDefinitions": schemes or {},
        BINARY_TYPES: list(binary_types),
    }
    functions = {
        name: {"Type": "AWS::Serverless::Function", "Properties": {"Timeout": seconds}}
        for name, seconds in (("APIHandler", timeout), ("Authorize", 10))
    }
    properties = {"StageName": "api", "DefinitionBody": definition, **api}
    rest_api = {"Type": "AWS::Serverless::Api", "Properties": properties}
    return {"Resources": {"RestAPI": rest_api, **functions}}


def statement(effect: str, *resources: str) -> dict[str, Any]:
    """Build a statement of an authorizer's policy."""
    return {"Effect": effect, "Action": "execute-api:Invoke", "Resource": list(resources)}


def decision(*statements: dict[str, Any], context: dict[str, Any] | None = None) -> dict[str, Any]:
    """Build an authorizer's result."""
    policy = {"Version": "2012-10-17", "Statement": list(statements)}
    return {"principalId": "web-shop", "policyDocument": policy, "context": context or {}}


ALLOW = statement("Allow", f"{STAGE_ARN}/*/*")


@dataclass
class FakeFunction:
    """Records its events, and returns what a test sets."""

    result: Any = field(default_factory=OK.copy)
    """The result, or a function that makes it of the event."""

    events: list[Any] = field(default_factory=list)
    contexts: list[Any] = field(default_factory=list)

    def __call__(self, event: Any, context: Any) -> Any:
        self.events.append(event)
        self.contexts.append(context)
        return self.result(event) if callable(self.result) else self.result

    @property
    def event(self) -> Any:
        """The only event."""
        (only,) = self.events
        return only


def raising(error: Exception) -> Callable[[Any], Any]:
    """Make a result that is an exception."""

    def result(_: Any) -> Any:
        raise error

    return result


class SmallApi:
    """`POST /a/{b}` by default; `/c` and `GET /a/{b}` with an authorizer if `decides` is given."""

    def __init__(
        self,
        result: Any = None,
        *,
        decides: Any = None,
        ttl_seconds: float | None = 60,
        simulator: dict[str, Any] | None = None,
        **parts: Any,
    ) -> None:
        self.function = FakeFunction() if result is None else FakeFunction(result)
        self.authorizer = FakeFunction(decides)
        if decides is not None:
            guarded = method(authorizer="authorize")
            parts["schemes"] = {"authorize": scheme(ttl_seconds)}
            parts["paths"] = {
                "/a/{b}": {"post": guarded, "get": guarded, "options": preflight()},
                "/c": {"get": guarded},
                "/open": {"get": method()},
            }
        parts.setdefault("paths", {"/a/{b}": {"post": method()}})
        functions = {"APIHandler": self.function, "Authorize": self.authorizer}
        self.gateway = ApiGateway(template(**parts), functions, **(simulator or {}))

    def post(self, *headers: tuple[str, str], body: bytes = b"", path: str = "/a/b") -> Reply:
        return self.gateway.handle("POST", path, headers, body)

    def get(self, path: str = "/a/b", token: str | None = "t", verb: str = "GET") -> Reply:
        headers = [] if token is None else [("Authorization", token)]
        return self.gateway.handle(verb, path, headers)


def _uri(function: str) -> dict[str, str]:
    return {
        "Fn::Sub": "arn:${AWS::Partition}:apigateway:${AWS::Region}:lambda:path/2015-03-31"
        f"/functions/${{{function}.Arn}}/invocations"
    }
