"""Templates in the shape of `chalice package`'s, and functions that do as they are told."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from tests.api_gateway.simulator import ApiGateway

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.api_gateway.functions import Handler
    from tests.api_gateway.reply import Reply

INTEGRATION = "x-amazon-apigateway-integration"
BINARY_TYPES = "x-amazon-apigateway-binary-media-types"
API = "arn:aws:execute-api:us-east-1:123456789012:abcdefghij/api"
OK = {"statusCode": 200, "headers": {"Content-Type": "text/plain"}, "body": "ok"}


def uri(function: str) -> dict[str, str]:
    return {
        "Fn::Sub": "arn:${AWS::Partition}:apigateway:${AWS::Region}:lambda:path/2015-03-31"
        f"/functions/${{{function}.Arn}}/invocations"
    }


def method(*, authorizer: str | None = None, function: str = "APIHandler", **more: Any) -> Any:
    """A method that the function answers."""
    integration = {"type": "aws_proxy", "httpMethod": "POST", "uri": uri(function), **more}
    security = {} if authorizer is None else {"security": [{authorizer: []}]}
    return {"responses": {}, INTEGRATION: integration, **security}


def preflight(**more: Any) -> Any:
    """A method that API Gateway answers for Chalice's CORS."""
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


def scheme(function: str = "Authorize", ttl_seconds: float | None = 60, **more: Any) -> Any:
    """An authorizer, as it stands among the security definitions."""
    ttl = {} if ttl_seconds is None else {"authorizerResultTtlInSeconds": ttl_seconds}
    authorizer = {"type": "token", "authorizerUri": uri(function), **ttl, **more}
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
    seconds: dict[str, int] | None = None,
    swagger: dict[str, Any] | None = None,
    **api: Any,
) -> dict[str, Any]:
    """The functions of an API, and the API; `swagger` and `api` add to what is there."""
    definition = {
        "swagger": "2.0",
        "paths": paths,
        "securityDefinitions": schemes or {},
        BINARY_TYPES: list(binary_types),
        **(swagger or {}),
    }
    properties = {"StageName": "api", "DefinitionBody": definition, **api}
    functions = {
        name: {"Type": "AWS::Serverless::Function", "Properties": {"Timeout": timeout}}
        for name, timeout in (seconds or {"APIHandler": 29}).items()
    }
    rest_api = {"Type": "AWS::Serverless::Api", "Properties": properties}
    return {"Resources": {"RestAPI": rest_api, **functions}}


def statement(effect: str, *resources: str) -> dict[str, Any]:
    """Of a policy."""
    return {"Effect": effect, "Action": "execute-api:Invoke", "Resource": list(resources)}


def says(*statements: dict[str, Any], context: dict[str, Any] | None = None) -> dict[str, Any]:
    """What an authorizer answers."""
    policy = {"Version": "2012-10-17", "Statement": list(statements)}
    return {"principalId": "web-shop", "policyDocument": policy, "context": context or {}}


ALLOW = statement("Allow", f"{API}/*/*")


@dataclass
class Told:
    """A function that remembers what it got, and answers as it is told."""

    answer: Any = field(default_factory=OK.copy)
    """The result, or what makes it of the event."""

    events: list[Any] = field(default_factory=list)
    contexts: list[Any] = field(default_factory=list)

    def __call__(self, event: Any, context: Any) -> Any:
        self.events.append(event)
        self.contexts.append(context)
        return self.answer(event) if callable(self.answer) else self.answer

    @property
    def event(self) -> Any:
        """The only one that it got."""
        (only,) = self.events
        return only


def raising(error: Exception) -> Callable[[Any], Any]:
    """The answer of a function that fails."""

    def answer(_: Any) -> Any:
        raise error

    return answer


@dataclass
class Small:
    """An API with one function, `POST /a/{b}`."""

    function: Told
    api: ApiGateway

    def post(self, *headers: tuple[str, str], body: bytes = b"", path: str = "/a/b") -> Reply:
        return self.api.handle("POST", path, headers, body)


def small(answer: Any = None, *, more: dict[str, Any] | None = None, **parts: Any) -> Small:
    """With these parts of the template; `more` is the simulator's."""
    function = Told() if answer is None else Told(answer)
    parts.setdefault("paths", {"/a/{b}": {"post": method()}})
    return Small(function, ApiGateway(template(**parts), {"APIHandler": function}, **(more or {})))


class Guarded:
    """An API whose every method but `GET /open` has an authorizer."""

    def __init__(
        self,
        answer: Any,
        *,
        ttl_seconds: float | None = 60,
        authorizer: Handler | None = None,
        **more: Any,
    ) -> None:
        guarded = method(authorizer="authorize")
        paths = {
            "/a/{b}": {"post": guarded, "get": guarded, "options": preflight()},
            "/c": {"get": guarded},
            "/open": {"get": method()},
            "/other": {"get": method(authorizer="other")},
        }
        schemes = {"authorize": scheme(ttl_seconds=ttl_seconds), "other": scheme("Other")}
        seconds = {"APIHandler": 29, "Authorize": 10, "Other": 10}
        self.function, self.authorizer, self.other = Told(), Told(answer), Told(says(ALLOW))
        self.api = ApiGateway(
            template(paths, schemes=schemes, seconds=seconds),
            {
                "APIHandler": self.function,
                "Authorize": authorizer or self.authorizer,
                "Other": self.other,
            },
            **more,
        )

    def get(self, path: str = "/a/b", token: str | None = "t", **more: str) -> Reply:
        return self.send("GET", path, token, **more)

    def send(
        self, verb: str, path: str, token: str | None = "t", header: str = "Authorization"
    ) -> Reply:
        return self.api.handle(verb, path, [] if token is None else [(header, token)])
