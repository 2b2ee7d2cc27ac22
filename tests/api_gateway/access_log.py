"""The access log of a stage: one line for each request, as the format of the template says.

Source: https://docs.aws.amazon.com/apigateway/latest/developerguide/api-gateway-variables-for-access-logging.html
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

VARIABLE = re.compile(r"\$context\.([A-Za-z_.]+)")
NO_VALUE = "-"

Facts = dict[str, str]
"""The values of `$context`, as far as they are known, by their name after `$context.`"""


def format_of(api: Mapping[str, Any]) -> str | None:
    """Return the format of an API with an access log; a condition of the template is met."""
    setting = api.get("AccessLogSetting", {})
    if "Fn::If" in setting:
        _, setting, _ = setting["Fn::If"]
    text: str | None = setting.get("Format")
    return text


def line(text: str, facts: Facts) -> str:
    """Fill the format in; a variable without a value is a hyphen."""
    return VARIABLE.sub(lambda found: facts.get(found[1], NO_VALUE), text)
