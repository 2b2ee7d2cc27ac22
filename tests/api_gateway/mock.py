"""A method that API Gateway answers from its definition: `mock`, in which Chalice has preflights.

https://docs.aws.amazon.com/apigateway/latest/developerguide/how-to-mock-integration.html
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from tests.api_gateway.definition import NotModelled
from tests.api_gateway.gateway_responses import Refused
from tests.api_gateway.media_types import first_type, is_binary
from tests.api_gateway.reply import Reply

if TYPE_CHECKING:
    from collections.abc import Set

    from tests.api_gateway.reply import Pairs
    from tests.api_gateway.request import Request

HEADER = "method.response.header."


def reply(integration: dict[str, Any], request: Request, binary_types: Set[str]) -> Reply:
    """The default response, if the request template names a status."""
    binary = is_binary(request.header("Content-Type"), binary_types)
    if binary and integration.get("contentHandling") != "CONVERT_TO_TEXT":
        # https://github.com/aws/chalice/issues/1310
        raise Refused("API_CONFIGURATION_ERROR", "Unable to transform request")
    _check_template(integration, request)
    if integration["responses"].keys() != {"default"}:
        raise NotModelled("responses of a mock that are chosen by a pattern")
    response = integration["responses"]["default"]
    headers = _headers(response.get("responseParameters", {}))
    return Reply(int(response["statusCode"]), (("Content-Type", "application/json"), *headers))


def _check_template(integration: dict[str, Any], request: Request) -> None:
    """It stands for the answer of a server. Where there is none, the request's body does."""
    if integration["passthroughBehavior"] != "when_no_match":
        raise NotModelled(f"passthroughBehavior {integration['passthroughBehavior']}")
    template = integration["requestTemplates"].get(first_type(request.header("Content-Type")))
    if template is not None and {"$", "#"} & set(template):
        raise NotModelled(f"a template that is more than text: {template}")
    try:
        status = json.loads(template or request.body)["statusCode"]
    except (ValueError, KeyError, TypeError) as error:
        raise Refused("API_CONFIGURATION_ERROR", "Unable to parse statusCode") from error
    if not isinstance(status, int):
        raise Refused("API_CONFIGURATION_ERROR", "statusCode is not an integer")


def _headers(parameters: dict[str, str]) -> Pairs:
    pairs = []
    for name, value in parameters.items():
        if not (name.startswith(HEADER) and value[0] == value[-1] == "'"):
            raise NotModelled(f"a response parameter that is no header with a fixed text: {name}")
        pairs.append((name.removeprefix(HEADER), value[1:-1]))
    return tuple(pairs)
