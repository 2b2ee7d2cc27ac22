"""The API of a template, and the template that `chalice package` makes of an app.

What the simulator does not know is refused, not skipped.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from chalice.config import Config
from chalice.deploy.swagger import CFNSwaggerGenerator
from chalice.package import TemplateDeepMerger
from chalice.utils import to_cfn_resource_name

from deployment.fragment import environment_of, fragment
from gatewayctl.policy.functions import functions_of as configured_functions
from tests.api_gateway.access_log import format_of
from tests.support.lambda_process import HANDLER
from tests.support.paths import ROOT

if TYPE_CHECKING:
    from chalice.app import Chalice

    from tests.api_gateway.integrations import Handler

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
    """One HTTP method of one resource."""

    resource: str
    authorizer: str | None
    integration: dict[str, Any]


@dataclass(frozen=True)
class TokenAuthorizer:
    """A Lambda authorizer that gets one header."""

    header: str
    function: str
    ttl_seconds: float


@dataclass(frozen=True)
class Definition:
    """One stage of an API."""

    stage: str
    resources: dict[str, dict[str, Method]]
    """By path, then by verb in upper case."""

    authorizers: dict[str, TokenAuthorizer]
    binary_types: frozenset[str]
    minimum_compression_bytes: int | None
    gateway_responses: dict[str, dict[str, Any]]
    """The deployment's own, by type."""

    access_log_format: str | None
    function_seconds: dict[str, float]
    """The timeout of each function."""

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
            access_log_format=format_of(api),
            function_seconds={
                name: float(function.get("Timeout", DEFAULT_FUNCTION_SECONDS))
                for name, function in functions.items()
            },
        )


def function_of(uri: dict[str, str]) -> str:
    """Return the logical name of the function that an integration or an authorizer calls."""
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


def packaged_template_of(app: Chalice, stage: str = "dev") -> dict[str, Any]:
    """Make the template that `make package` makes of an app."""
    added = fragment(environment_of(stage), configured_functions(stage, ROOT))
    merged: dict[str, Any] = TemplateDeepMerger().merge(added, template_of(app, stage))
    return merged


def template_of(app: Chalice, stage: str = "dev") -> dict[str, Any]:
    """Make the template that plain Chalice makes of an app, for a stage of .chalice/config.json."""
    written = json.loads((ROOT / ".chalice/config.json").read_bytes())
    config = Config(stage, config_from_disk=written)
    api = {
        "EndpointConfiguration": config.api_gateway_endpoint_type,
        "StageName": config.api_gateway_stage,
        "MinimumCompressionSize": config.minimum_compression_size,
        # through JSON, because the routes share what Chalice has of them
        "DefinitionBody": json.loads(json.dumps(CFNSwaggerGenerator().generate_swagger(app))),
    }
    names = {HANDLER: "api_handler", **_authorizers(app)}
    functions = {
        logical: {
            "Type": "AWS::Serverless::Function",
            "Properties": {"Timeout": config.scope(stage, name).lambda_timeout},
        }
        for logical, name in names.items()
    }
    rest_api = {"Type": "AWS::Serverless::Api", "Properties": api}
    return {"Resources": {"RestAPI": rest_api, **functions}}


def functions_of(app: Chalice) -> dict[str, Handler]:
    """Return the app and its authorizers by their names in the template."""
    authorizers = {logical: app.handler_map[name] for logical, name in _authorizers(app).items()}
    return {HANDLER: app, **authorizers}


def _authorizers(app: Chalice) -> dict[str, str]:
    """Map names in the template to names in the app."""
    return {to_cfn_resource_name(one.name): one.name for one in app.builtin_auth_handlers}
