"""Gateway responses: what API Gateway sends itself, by default or as the deployment says.

Source: https://docs.aws.amazon.com/apigateway/latest/developerguide/supported-gateway-response-types.html
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, NamedTuple

from tests.api_gateway.messages import Refused, Reply

if TYPE_CHECKING:
    from collections.abc import Mapping


class GatewayResponse(NamedTuple):
    """The response to one type of refusal."""

    status: int
    error_type: str
    text: str | None
    member: str = "message"


DEFAULTS = {
    "ACCESS_DENIED": GatewayResponse(
        403, "AccessDeniedException", "User is not authorized to access this resource", "Message"
    ),
    "API_CONFIGURATION_ERROR": GatewayResponse(
        500, "InternalServerErrorException", "Internal server error"
    ),
    "AUTHORIZER_CONFIGURATION_ERROR": GatewayResponse(
        500, "AuthorizerConfigurationException", None
    ),
    "AUTHORIZER_FAILURE": GatewayResponse(500, "AuthorizerConfigurationException", None),
    # AWS's list says 504; what clients of a Lambda function that fails report is 502.
    "INTEGRATION_FAILURE": GatewayResponse(
        502, "InternalServerErrorException", "Internal server error"
    ),
    "INTEGRATION_TIMEOUT": GatewayResponse(
        504, "InternalServerErrorException", "Endpoint request timed out"
    ),
    "MISSING_AUTHENTICATION_TOKEN": GatewayResponse(
        403, "MissingAuthenticationTokenException", "Missing Authentication Token"
    ),
    "REQUEST_TOO_LARGE": GatewayResponse(413, "RequestTooLargeException", "Request Too Long"),
    "THROTTLED": GatewayResponse(429, "TooManyRequestsException", "Too Many Requests"),
    "UNAUTHORIZED": GatewayResponse(401, "UnauthorizedException", "Unauthorized"),
    "UNSUPPORTED_MEDIA_TYPE": GatewayResponse(415, "BadRequestException", "Unsupported Media Type"),
    # These two are not on AWS's list.
    "HEADERS_TOO_LARGE": GatewayResponse(
        431, "BadRequestException", "HTTP header is larger than 10240 bytes."
    ),
    "URI_TOO_LONG": GatewayResponse(414, "BadRequestException", "Request URI too long"),
}


# No deployment can change these.
UNCHANGEABLE = {"HEADERS_TOO_LARGE", "URI_TOO_LONG"}


def reply(refused: Refused, own: Mapping[str, Mapping[str, Any]], request_id: str) -> Reply:
    """Render the deployment's `own` response for this type, or the default one."""
    response = DEFAULTS[refused.response_type]
    of_its_kind = "DEFAULT_4XX" if response.status < 500 else "DEFAULT_5XX"
    chosen = own.get(refused.response_type) or own.get(of_its_kind)
    if chosen is not None and refused.response_type not in UNCHANGEABLE:
        return _rendered(chosen, request_id)
    content = {response.member: refused.text or response.text}
    headers = (("Content-Type", "application/json"), ("x-amzn-ErrorType", response.error_type))
    return Reply(response.status, headers, json.dumps(content, separators=(",", ":")).encode())


def _rendered(response: Mapping[str, Any], request_id: str) -> Reply:
    """Render a template, in which only the request's id is filled in."""
    template = response["ResponseTemplates"]["application/json"]
    body = template.replace("$context.requestId", request_id)
    assert "$" not in body, "the simulator fills in nothing else"
    headers = response["ResponseParameters"]["Headers"]
    assert all(value[0] == value[-1] == "'" for value in headers.values())
    pairs = tuple((name, value[1:-1]) for name, value in headers.items())
    return Reply(response["StatusCode"], pairs, body.encode())
