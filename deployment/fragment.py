"""`python -m deployment.fragment --stage dev`: prints what `chalice package` leaves out.

Chalice merges the fragment into its template (`--merge-template`). The fragment is fragment.json,
with the parameters, the stage's settings and the log groups; the names of the functions; API
Gateway's own error responses, as problem+json with the CORS headers of the stage; the alarms, the
dashboard and the saved queries; what Chalice's template lacks of a custom domain, a private API and
X-Ray; and with `GATEWAY_JOBS` the bucket and the queues of jobs.
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from chalice.config import Config
from chalice.constants import DEFAULT_ENDPOINT_TYPE
from chalice.package import TemplateDeepMerger

from chalicelib import errors
from chalicelib.api import cors, wire
from chalicelib.errors import ConfigurationError, quoted
from chalicelib.payload.admission import MAX_BODY_BYTES, MAX_PAYLOAD_BYTES
from chalicelib.settings import Settings
from chalicelib.telemetry.log import LOCAL_SERVICE
from deployment import jobs, monitoring
from gatewayctl.policy.documents import with_log_group
from gatewayctl.policy.functions import AUTHORIZER, WORKER, check_policies, functions_of
from gatewayctl.policy.jobs import jobs_of
from gatewayctl.report import WrongUse
from gatewayctl.stage import CONFIG, HANDLER

if TYPE_CHECKING:
    from collections.abc import Mapping

    from chalicelib.errors import GatewayError
    from gatewayctl.policy.functions import Function, Functions
    from gatewayctl.policy.jobs import JobsPlace

ROOT = Path(__file__).parents[1]

# The names that Chalice gives to the resources of `api_gateway_custom_domain`.
DOMAIN, MAPPING = "ApiGatewayCustomDomain", "ApiGatewayCustomDomainMapping"

DNS_ATTRIBUTES = {
    "REGIONAL": ("RegionalDomainName", "RegionalHostedZoneId"),
    "EDGE": ("DistributionDomainName", "DistributionHostedZoneId"),
}
"""By type of endpoint: the attributes of AWS::ApiGateway::DomainName that a DNS record needs."""


class AccessDenied(errors.GatewayError):
    """AWS WAF or a resource policy refuses the caller."""

    status, slug, title = 403, "access-denied", "Access is denied"
    detail = "The request was refused before it reached the gateway; ask its operator."


API_GATEWAY_ERRORS = (AccessDenied,)
"""The errors that only API Gateway can produce, never the function."""

RESPONSES: Mapping[str, GatewayError] = {
    "UNAUTHORIZED": errors.Unauthorized(),
    "ACCESS_DENIED": AccessDenied(),
    "WAF_FILTERED": AccessDenied(),
    # No method of this API takes a signature for IAM, so API Gateway uses these two for unknown
    # methods: the first without an Authorization header, the second with one of another form.
    "MISSING_AUTHENTICATION_TOKEN": errors.NoSuchPath(),
    "INVALID_SIGNATURE": errors.NoSuchPath(),
    "RESOURCE_NOT_FOUND": errors.NoSuchPath(),
    "REQUEST_TOO_LARGE": errors.PayloadTooLarge(MAX_BODY_BYTES),
    "THROTTLED": errors.TooManyRequests(),
    "AUTHORIZER_FAILURE": errors.AuthUnavailable(),
    "AUTHORIZER_CONFIGURATION_ERROR": errors.AuthUnavailable(),
    "API_CONFIGURATION_ERROR": errors.InternalFailure(),
    "INTEGRATION_FAILURE": errors.InternalFailure(),
    "INTEGRATION_TIMEOUT": errors.UpstreamTimedOut(),
    "DEFAULT_4XX": errors.BadRequest(),
    "DEFAULT_5XX": errors.InternalFailure(),
}
"""The problem for each type of gateway response.

No response includes `$context.error.message`, because the message may quote the caller's header.

Source: API Gateway developer guide, "Gateway response types".
"""


def responses(*, has_jobs: bool) -> Mapping[str, GatewayError]:
    """Return the problem for each type of gateway response; with jobs, a 413 names the uploads."""
    too_large = errors.PayloadTooLarge(MAX_BODY_BYTES)
    if has_jobs:
        too_large.name_uploads(MAX_PAYLOAD_BYTES)  # which every kind of model takes
    return {**RESPONSES, "REQUEST_TOO_LARGE": too_large}


def gateway_responses(
    cors_headers: Mapping[str, str], *, has_jobs: bool = False
) -> dict[str, object]:
    """Return the property `GatewayResponses` of an AWS::Serverless::Api."""
    problems = responses(has_jobs=has_jobs)
    return {name: _response(problem, cors_headers) for name, problem in problems.items()}


def _response(problem: GatewayError, cors_headers: Mapping[str, object]) -> dict[str, object]:
    headers = {**wire.problem_headers(problem), **cors_headers}
    if problem.retry_after_seconds is not None:
        headers["Retry-After"] = str(problem.retry_after_seconds)
    return {
        "StatusCode": problem.status,
        # API Gateway takes a value in single quotes as a constant.
        "ResponseParameters": {"Headers": {name: f"'{value}'" for name, value in headers.items()}},
        "ResponseTemplates": {
            "application/json": json.dumps(problem.problem("$context.requestId"))
        },
    }


def fragment(
    environment: Mapping[str, str], functions: Functions, project: Path = ROOT
) -> dict[str, Any]:
    """Return the fragment for a stage with these environment variables and functions.

    Raises:
        ConfigurationError: The gateway would not start with this environment.
    """
    template: dict[str, Any] = json.loads((ROOT / "deployment/fragment.json").read_bytes())
    settings = Settings.from_env(environment)
    resources = template["Resources"]
    api = resources["RestAPI"]["Properties"]
    cors_headers = cors.headers(settings.cors_origin, settings.cors_headers)
    api["GatewayResponses"] = gateway_responses(cors_headers, has_jobs=settings.jobs is not None)
    # A new text makes a new deployment of the API. Without it, functions of other names would
    # replace those that the deployed API calls, and the API would still call the old names.
    # The title is the API's name, which tells its metrics from those of another stage.
    api["DefinitionBody"] = {
        "info": {
            "title": functions.handler.name,
            "description": f"Calls {functions.handler.name}",
        }
    }
    _complete(template, "APIHandler", "ApiHandler", functions.handler, project)
    _complete(template, "Authorize", "Authorize", functions.authorizer, project)
    return template


def fragment_of(stage: str, project: Path = ROOT) -> dict[str, Any]:
    """Return the fragment for a stage of config.json.

    Raises:
        WrongUse: The configuration cannot be read or deployed.
        ConfigurationError: The gateway would not start with the stage's environment.
    """
    functions = functions_of(stage, project)  # reads the configuration, and says what is wrong
    check_policies(functions, stage)
    config = _config(stage, project)
    for name, value in config.environment_variables.items():
        if not isinstance(value, str):
            raise WrongUse(f"{name} of stage {stage} in {CONFIG} must be a text in quotes")
    jobs.check_environments(
        stage, project, lambda name: _config(stage, project, name).environment_variables
    )
    settings = Settings.from_env(config.environment_variables)
    template = fragment(config.environment_variables, functions, project)
    place = jobs_of(stage, project)
    names = monitoring.Names(
        api=functions.handler.name,
        handler_service=_service(stage, project, HANDLER),
        authorizer_service=_service(stage, project, AUTHORIZER),
        has_model_metrics=settings.metrics_per_model,
        jobs=place and monitoring.Jobs(_service(stage, project, WORKER), *jobs.queue_names(place)),
    )
    template["Resources"] |= monitoring.resources(names)
    if place is not None:
        template = _with_jobs(
            template, place, functions, jobs.origins_of(settings, config), project
        )
    _add_what_chalice_lacks(template, config)
    return template


def _add_what_chalice_lacks(template: dict[str, Any], config: Config) -> None:
    if config.api_gateway_custom_domain:
        _add_custom_domain(template, config.api_gateway_endpoint_type)
    if config.api_gateway_endpoint_vpce:
        _add_vpc_endpoints(template, config)
    if config.xray_enabled:
        template["Resources"]["RestAPI"]["Properties"]["TracingEnabled"] = True


def environment_of(stage: str, project: Path = ROOT) -> dict[str, str]:
    """Return the environment variables that Chalice gives to the handler of a stage."""
    return _config(stage, project).environment_variables


def _service(stage: str, project: Path, function: str) -> str:
    variables = _config(stage, project, function).environment_variables
    return str(variables.get("POWERTOOLS_SERVICE_NAME", LOCAL_SERVICE))


def _config(stage: str, project: Path, function: str = HANDLER) -> Config:
    return Config(
        stage,
        function,
        config_from_disk=json.loads((project / CONFIG).read_bytes()),
        default_params={"api_gateway_endpoint_type": DEFAULT_ENDPOINT_TYPE},
    )


def _with_jobs(
    template: dict[str, Any],
    place: JobsPlace,
    functions: Functions,
    origins: list[Any],
    project: Path,
) -> dict[str, Any]:
    """Return the template with the bucket, the queues and the third function."""
    assert functions.worker is not None  # they depend on the same setting
    users = {"ApiHandlerRole": functions.handler, "WorkRole": functions.worker}
    roles = [role for role, function in users.items() if function.has_own_role]
    more = jobs.fragment(place, origins, roles)
    merged: dict[str, Any] = TemplateDeepMerger().merge(more, template)
    _complete(merged, "Work", "Work", functions.worker, project)
    return merged


def _complete(
    template: dict[str, Any], name: str, start: str, function: Function, project: Path
) -> None:
    """Give a function and its log group their names, and its role the function's policy."""
    resources = template["Resources"]
    resources[name].setdefault("Properties", {})["FunctionName"] = function.name
    resources[f"{start}LogGroup"]["Properties"]["LogGroupName"] = function.log_group
    if function.has_own_role:
        resources[f"{start}Role"] = _role(f"{start}RolePolicy", project / function.policy)


def _role(policy_name: str, policy_file: Path) -> dict[str, Any]:
    """Return Chalice's role with the function's policy, as the template's log group allows it."""
    document = with_log_group(json.loads(policy_file.read_bytes()))
    policy = {"PolicyName": policy_name, "PolicyDocument": document}
    return {"Type": "AWS::IAM::Role", "Properties": {"Policies": [policy]}}


def _add_custom_domain(template: dict[str, Any], endpoint_type: str) -> None:
    """Add what Chalice's resources of `api_gateway_custom_domain` lack.

    The mapping can only be made after the stage, whose logical name SAM makes of the stage's name.
    `RestAPI.Stage` is SAM's reference to the stage, whatever its name is.

    Raises:
        WrongUse: Chalice cannot make a custom domain for this type of endpoint.

    Source: SAM developer guide, "Generated CloudFormation resources", "Referencing".
    """
    if endpoint_type not in DNS_ATTRIBUTES:
        raise WrongUse(
            f"{CONFIG} has api_gateway_custom_domain and api_gateway_endpoint_type "
            f"{quoted(str(endpoint_type))}; it must be {' or '.join(DNS_ATTRIBUTES)}, because "
            "Chalice can make no other custom domains"
        )
    target, zone = DNS_ATTRIBUTES[endpoint_type]
    template["Resources"][MAPPING] = {"Properties": {"Stage": {"Ref": "RestAPI.Stage"}}}
    template["Outputs"] |= {
        "CustomDomainTarget": {"Value": {"Fn::GetAtt": [DOMAIN, target]}},
        "CustomDomainHostedZone": {"Value": {"Fn::GetAtt": [DOMAIN, zone]}},
    }


def _add_vpc_endpoints(template: dict[str, Any], config: Config) -> None:
    """Name the VPC endpoints of a private API, which Chalice's template has in its policy only."""
    named = config.api_gateway_endpoint_vpce
    template["Resources"]["RestAPI"]["Properties"]["EndpointConfiguration"] = {
        "Type": config.api_gateway_endpoint_type,
        "VPCEndpointIds": [named] if isinstance(named, str) else named,
    }


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--stage", required=True)
    stage = parser.parse_args().stage
    try:
        made = fragment_of(stage)
    except ConfigurationError as error:
        for line in error.lines:
            sys.stderr.write(f"error: stage {stage} of {CONFIG}: {line}\n")
        return 2
    except (WrongUse, OSError) as error:
        sys.stderr.write(f"error: {error}\n")
        return 2
    json.dump(made, sys.stdout, indent=2)
    sys.stdout.write("\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
