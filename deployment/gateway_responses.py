"""What API Gateway answers by itself, said as the gateway says it: problem+json, with CORS.

One row for each type of gateway response: the problem of ours that means the same, or one of
`BEFORE_US` that only API Gateway can have. `$context.error.message` is nowhere: it may quote the
caller's header.
https://docs.aws.amazon.com/apigateway/latest/developerguide/supported-gateway-response-types.html
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from chalicelib import errors
from chalicelib.api import cors
from chalicelib.payload.admission import MAX_BODY_BYTES

if TYPE_CHECKING:
    from collections.abc import Mapping

    from chalicelib.errors import GatewayError


class NoSuchPath(errors.GatewayError):
    """When the path does not exist, or not with this method."""

    status, slug, title = 404, "no-such-path", "There is no such path"
    detail = (
        "There is no such path, or not with this method; there are POST /predict/<model>, "
        "GET /models, GET /models/<model> and GET /health."
    )


class AccessDenied(errors.GatewayError):
    """When something in front of the gateway refuses the caller: WAF, or a resource policy."""

    status, slug, title = 403, "access-denied", "Access is denied"
    detail = "The request was refused before it reached the gateway; ask its operator."


class BadRequest(errors.GatewayError):
    """When API Gateway cannot take the request for any other reason."""

    status, slug, title = 400, "bad-request", "The request is not valid"
    detail = "The request was refused before it reached the gateway: its form is not valid."


BEFORE_US = (NoSuchPath, AccessDenied, BadRequest)

_UNAUTHORIZED = errors.Unauthorized()
_TOO_LARGE = errors.PayloadTooLarge(MAX_BODY_BYTES)

RESPONSES: Mapping[str, GatewayError] = {
    "UNAUTHORIZED": _UNAUTHORIZED,
    "ACCESS_DENIED": AccessDenied(),
    "WAF_FILTERED": AccessDenied(),
    # No method of ours is signed for IAM, so both say that there is no such method: the first to
    # a request without a credential, the second when it has an Authorization of another form.
    "MISSING_AUTHENTICATION_TOKEN": NoSuchPath(),
    "INVALID_SIGNATURE": NoSuchPath(),
    "RESOURCE_NOT_FOUND": NoSuchPath(),
    "REQUEST_TOO_LARGE": _TOO_LARGE,
    "THROTTLED": errors.RateLimited(),
    "QUOTA_EXCEEDED": errors.RateLimited(),
    "AUTHORIZER_FAILURE": errors.AuthUnavailable(),
    "AUTHORIZER_CONFIGURATION_ERROR": errors.AuthUnavailable(),
    "API_CONFIGURATION_ERROR": errors.InternalFailure(),
    "INTEGRATION_FAILURE": errors.InternalFailure(),
    "INTEGRATION_TIMEOUT": errors.UpstreamTimedOut(),
    "DEFAULT_4XX": BadRequest(),
    "DEFAULT_5XX": errors.InternalFailure(),
}


def gateway_responses(cors_origin: str | None) -> dict[str, object]:
    """The property `GatewayResponses` of an AWS::Serverless::Api."""
    shared = cors.headers(cors_origin) if cors_origin else {}
    return {kind: _response(problem, shared) for kind, problem in RESPONSES.items()}


def _response(problem: GatewayError, shared: Mapping[str, object]) -> dict[str, object]:
    headers = {
        "Content-Type": "application/problem+json",
        "Cache-Control": "no-store",
        "X-Content-Type-Options": "nosniff",
        **shared,
    }
    if problem.status == 401:
        headers["WWW-Authenticate"] = "Bearer"
    if problem.retry_after_seconds is not None:
        headers["Retry-After"] = str(problem.retry_after_seconds)
    return {
        "StatusCode": problem.status,
        # A quoted value is a constant to API Gateway.
        "ResponseParameters": {"Headers": {name: f"'{said}'" for name, said in headers.items()}},
        "ResponseTemplates": {
            "application/json": json.dumps(problem.problem("$context.requestId"))
        },
    }
