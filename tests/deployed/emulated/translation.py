"""Translates build/sam.json into CloudFormation that the emulator accepts."""

from __future__ import annotations

import copy
import json
from typing import TYPE_CHECKING, Any

import boto3
from samtranslator.parser.parser import Parser
from samtranslator.translator.translator import Translator

from tests.deployed.emulated.emulator import REGION
from tests.support.lambda_process import NAME

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

EXTENSION = "x-amazon-apigateway"
QUERY, ALARM = "AWS::Logs::QueryDefinition", "AWS::CloudWatch::Alarm"
ONLY_TLS = "JobsBucketPolicy"


def cloudformation(
    sam: Any,
    code: Mapping[str, str],
    environment: Mapping[str, str],
    stack: str,
    *,
    authorizer_ttl_seconds: int | None = None,
    handler_policy: Any = None,
) -> Any:
    """Translate with the code in S3, and additions to the functions' environment.

    The functions are named for the stack, because one account has all stacks of the tests.
    `handler_policy` is the policy of the stage with that environment.
    """
    sam = copy.deepcopy(sam)
    for _, function in _of_type(sam, "AWS::Serverless::Function"):
        function["CodeUri"] = dict(code)
        function["Environment"]["Variables"].update(environment)
    for _, api in _of_type(sam, "AWS::Serverless::Api"):
        if authorizer_ttl_seconds is not None:
            for scheme in api["DefinitionBody"]["securityDefinitions"].values():
                authorizer = scheme[f"{EXTENSION}-authorizer"]
                authorizer["authorizerResultTtlInSeconds"] = authorizer_ttl_seconds
    if handler_policy is not None:
        (policy,) = sam["Resources"]["ApiHandlerRole"]["Properties"]["Policies"]
        policy["PolicyDocument"] = handler_policy
    sam = _renamed(sam, f"inference-gateway-{stack}")
    session = boto3.Session(region_name=REGION)
    template = Translator({}, Parser(), boto_session=session).translate(sam, {})
    for name in [name for name, one in template["Resources"].items() if _is_refused(one)]:
        del template["Resources"][name]
    template["Resources"].pop(ONLY_TLS, None)  # the emulator applies it, and speaks only HTTP
    for name, api in list(_of_type(template, "AWS::ApiGateway::RestApi")):
        _bring_out_of_definition(template, name, api)
    return template


def _renamed(sam: Any, name: str) -> Any:
    """Name the functions and their log groups, also in the policies."""
    text = json.dumps(sam)
    for start in ('"FunctionName": "', "/aws/lambda/"):
        text = text.replace(f"{start}{NAME}", f"{start}{name}")
    return json.loads(text)


def _is_refused(resource: Mapping[str, Any]) -> bool:
    """Whether the emulator refuses it; cfn-lint and AWS's models check such a resource."""
    kind = resource["Type"]
    return kind == QUERY or (kind == ALARM and "Metrics" in resource["Properties"])


def _bring_out_of_definition(template: Any, name: str, api: Any) -> None:
    """What the emulator overlooks there; a deployment has what was there before it."""
    api["BinaryMediaTypes"] = api["Body"][f"{EXTENSION}-binary-media-types"]
    responses = {
        f"{name}{kind.title().replace('_', '')}": _gateway_response(name, kind, written)
        for kind, written in api["Body"].get(f"{EXTENSION}-gateway-responses", {}).items()
    }
    for resource in template["Resources"].values():
        if resource["Type"] == "AWS::ApiGateway::Deployment":
            resource["DependsOn"] = list(responses)
    template["Resources"].update(responses)


def _gateway_response(api: str, kind: str, written: Mapping[str, Any]) -> dict[str, Any]:
    members = {f"{key[0].upper()}{key[1:]}": value for key, value in written.items()}
    return {
        "Type": "AWS::ApiGateway::GatewayResponse",
        "Properties": {"RestApiId": {"Ref": api}, "ResponseType": kind, **members},
    }


def _of_type(template: Any, kind: str) -> Iterator[tuple[str, Any]]:
    """Names and properties."""
    for name, resource in template["Resources"].items():
        if resource["Type"] == kind:
            yield name, resource["Properties"]
