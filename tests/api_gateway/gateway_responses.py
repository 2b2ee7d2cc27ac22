"""What API Gateway answers itself: no word of the app's, no CORS, no problem+json.

This is the one place to plug a deployment's own gateway responses into.
https://docs.aws.amazon.com/apigateway/latest/developerguide/supported-gateway-response-types.html
"""

from __future__ import annotations

import json
from typing import NamedTuple

from tests.api_gateway.reply import Reply


class GatewayResponse(NamedTuple):
    """What a client gets for one type of refusal."""

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
    "UNAUTHORIZED": GatewayResponse(401, "UnauthorizedException", "Unauthorized"),
    "UNSUPPORTED_MEDIA_TYPE": GatewayResponse(415, "BadRequestException", "Unsupported Media Type"),
    # These two are not on AWS's list: no deployment can change them.
    "HEADERS_TOO_LARGE": GatewayResponse(
        431, "BadRequestException", "HTTP header is larger than 10240 bytes."
    ),
    "URI_TOO_LONG": GatewayResponse(414, "BadRequestException", "Request URI too long"),
}


class Refused(Exception):
    """The request ends here, with the gateway response of this type."""

    def __init__(self, response_type: str, reason: str, text: str | None = None) -> None:
        super().__init__(f"{response_type}: {reason}")
        self.response_type = response_type
        self.text = text


def reply(refused: Refused) -> Reply:
    response = DEFAULTS[refused.response_type]
    content = {response.member: refused.text or response.text}
    headers = (("Content-Type", "application/json"), ("x-amzn-ErrorType", response.error_type))
    return Reply(response.status, headers, json.dumps(content, separators=(",", ":")).encode())
