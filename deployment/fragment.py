"""`python -m deployment.fragment --stage dev`: prints what `chalice package` leaves out.

Chalice merges the fragment into its template (`--merge-template`). The fragment is fragment.json,
with the parameters, the stage's settings and the log groups; the names of the functions; and API
Gateway's own error responses, as problem+json with the CORS headers of the stage.
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from chalicelib import errors
from chalicelib.api import cors, wire
from chalicelib.payload.admission import MAX_BODY_BYTES
from chalicelib.settings import Settings
from gatewayctl.policy.documents import with_log_group
from gatewayctl.policy.functions import functions_of
from gatewayctl.report import WrongUse

if TYPE_CHECKING:
    from collections.abc import Mapping

    from chalicelib.errors import GatewayError
    from gatewayctl.policy.functions import Function, Functions

ROOT = Path(__file__).parents[1]


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


def gateway_responses(cors_origin: str | None) -> dict[str, object]:
    """Return the property `GatewayResponses` of an AWS::Serverless::Api."""
    cors_headers = cors.headers(cors_origin) if cors_origin else {}
    return {name: _response(problem, cors_headers) for name, problem in RESPONSES.items()}


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


def fragment(environment: dict[str, str], functions: Functions) -> dict[str, Any]:
    """Return the fragment for a stage with these environment variables and functions."""
    template: dict[str, Any] = json.loads((ROOT / "deployment/fragment.json").read_bytes())
    origin = Settings.from_env(environment).cors_origin
    resources = template["Resources"]
    api = resources["RestAPI"]["Properties"]
    api["GatewayResponses"] = gateway_responses(origin)
    # A new text makes a new deployment of the API. Without it, functions of other names would
    # replace those that the deployed API calls, and the API would still call the old names.
    api["DefinitionBody"] = {"info": {"description": f"Calls {functions.handler.name}"}}
    for template_name, start, function in (
        ("APIHandler", "ApiHandler", functions.handler),
        ("Authorize", "Authorize", functions.authorizer),
    ):
        resources[template_name]["Properties"] = {"FunctionName": function.name}
        resources[f"{start}LogGroup"]["Properties"]["LogGroupName"] = function.log_group
        if function.has_own_role:
            resources[f"{start}Role"] = _role(f"{start}RolePolicy", function)
    return template


def _role(policy_name: str, function: Function) -> dict[str, Any]:
    """Return Chalice's role with the function's policy, as the template's log group allows it."""
    document = with_log_group(json.loads((ROOT / function.policy).read_bytes()))
    policy = {"PolicyName": policy_name, "PolicyDocument": document}
    return {"Type": "AWS::IAM::Role", "Properties": {"Policies": [policy]}}


def environment_of(stage: str) -> dict[str, str]:
    """Return the environment variables that Chalice gives to the functions of a stage."""
    config = json.loads((ROOT / ".chalice/config.json").read_bytes())
    levels = (config, config["stages"][stage])
    return {k: v for level in levels for k, v in level.get("environment_variables", {}).items()}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--stage", required=True)
    stage = parser.parse_args().stage
    try:
        made = fragment(environment_of(stage), functions_of(stage, ROOT))
    except (WrongUse, OSError) as error:
        parser.error(str(error))
    json.dump(made, sys.stdout, indent=2)
    sys.stdout.write("\n")


if __name__ == "__main__":
    main()
