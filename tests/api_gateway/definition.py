"""What a template says of its API. What the simulator does not know of is refused, not skipped."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

INTEGRATION = "x-amazon-apigateway-integration"
AUTHORIZER = "x-amazon-apigateway-authorizer"
BINARY_TYPES = "x-amazon-apigateway-binary-media-types"

API_MEMBERS = {"DefinitionBody", "EndpointConfiguration", "MinimumCompressionSize", "StageName"}
API_MEMBERS |= {"GatewayResponses"}
UNSEEN_MEMBERS = {
    "AccessLogSetting",
    "MethodSettings",
    "OpenApiVersion",
}  # clients do not see them while they work
SWAGGER_MEMBERS = {"definitions", "info", "paths", "schemes", "securityDefinitions", "swagger"}
SWAGGER_MEMBERS |= {BINARY_TYPES}
METHOD_MEMBERS = {"consumes", "description", "parameters", "produces", "responses", "security"}
METHOD_MEMBERS |= {"summary", INTEGRATION}
AUTHORIZER_MEMBERS = {"type", "authorizerUri", "authorizerResultTtlInSeconds"}

DEFAULT_TTL_SECONDS = 300
DEFAULT_FUNCTION_SECONDS = 3.0


class NotModelled(Exception):
    """The template uses something of API Gateway's that this simulator does not have."""


@dataclass(frozen=True)
class Method:
    """One verb of one resource."""

    resource: str
    authorizer: str | None
    integration: dict[str, Any]


@dataclass(frozen=True)
class TokenAuthorizer:
    """A Lambda authorizer that is shown one header."""

    header: str
    function: str
    ttl_seconds: float


@dataclass(frozen=True)
class Definition:
    """An API, one stage of it."""

    stage: str
    resources: dict[str, dict[str, Method]]
    """By path, then by verb in upper case."""

    authorizers: dict[str, TokenAuthorizer]
    binary_types: frozenset[str]
    minimum_compression_bytes: int | None
    gateway_responses: dict[str, dict[str, Any]]
    """Its own, by type; for the others it has API Gateway's."""

    function_seconds: dict[str, float]
    """How long each function of the template may take."""

    @classmethod
    def of(cls, template: dict[str, Any]) -> Definition:
        resources = template["Resources"]
        (api,) = _of_type(resources, "AWS::Serverless::Api").values()
        swagger = api["DefinitionBody"]
        _know(API_MEMBERS | UNSEEN_MEMBERS, api, "the API")
        _know(SWAGGER_MEMBERS, swagger, "the Swagger document")
        functions = _of_type(resources, "AWS::Serverless::Function")
        return cls(
            stage=api["StageName"],
            resources={path: _methods(path, verbs) for path, verbs in swagger["paths"].items()},
            authorizers={
                name: _authorizer(name, scheme)
                for name, scheme in swagger.get("securityDefinitions", {}).items()
            },
            binary_types=frozenset(swagger.get(BINARY_TYPES, ())),
            minimum_compression_bytes=api.get("MinimumCompressionSize"),
            gateway_responses=api.get("GatewayResponses", {}),
            function_seconds={
                name: float(function.get("Timeout", DEFAULT_FUNCTION_SECONDS))
                for name, function in functions.items()
            },
        )


def function_of(uri: dict[str, str]) -> str:
    """The logical name of the function that an integration or an authorizer calls."""
    found = re.search(r"\$\{(\w+)\.Arn}/invocations$", uri["Fn::Sub"])
    if found is None:
        raise NotModelled(f"a URI other than a function's: {uri}")
    return found[1]


def _of_type(resources: dict[str, Any], kind: str) -> dict[str, Any]:
    return {
        name: resource["Properties"]
        for name, resource in resources.items()
        if resource["Type"] == kind
    }


def _methods(path: str, verbs: dict[str, Any]) -> dict[str, Method]:
    if "+}" in path or "x-amazon-apigateway-any-method" in verbs:
        raise NotModelled(f"greedy parameters and ANY methods: {path}")
    return {verb.upper(): _method(path, method) for verb, method in verbs.items()}


def _method(path: str, method: dict[str, Any]) -> Method:
    _know(METHOD_MEMBERS, method, f"a method of {path}")
    names = [name for scheme in method.get("security", ()) for name in scheme]
    if len(names) > 1:
        raise NotModelled(f"two security schemes on {path}: {names}")
    integration = method[INTEGRATION]
    if integration["type"] not in {"aws_proxy", "mock"}:
        raise NotModelled(f"an integration of type {integration['type']}")
    return Method(path, names[0] if names else None, integration)


def _authorizer(name: str, scheme: dict[str, Any]) -> TokenAuthorizer:
    authorizer = scheme.get(AUTHORIZER, {})
    _know(AUTHORIZER_MEMBERS, authorizer, f"the authorizer {name}")
    if authorizer.get("type") != "token":
        raise NotModelled(f"an authorizer that is not of type token: {name}")
    return TokenAuthorizer(
        header=scheme["name"],
        function=function_of(authorizer["authorizerUri"]),
        ttl_seconds=authorizer.get("authorizerResultTtlInSeconds", DEFAULT_TTL_SECONDS),
    )


def _know(known: set[str], members: dict[str, Any], where: str) -> None:
    unknown = members.keys() - known
    if unknown:
        raise NotModelled(f"{where} has {', '.join(sorted(unknown))}")
