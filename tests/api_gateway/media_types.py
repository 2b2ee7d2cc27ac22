"""Which bodies are binary to API Gateway.

https://docs.aws.amazon.com/apigateway/latest/developerguide/api-gateway-payload-encodings-workflow.html
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Set

ANYTHING = "*/*"
JSON = "application/json"


def is_binary(header: str | None, binary_types: Set[str]) -> bool:
    """Only the first type of an Accept counts. With `*/*` in the list everything is binary."""
    kind = first_type(header)
    family = f"{kind.partition('/')[0]}/*"
    return ANYTHING in binary_types or kind in binary_types or family in binary_types


def first_type(header: str | None) -> str:
    """Without its parameters; JSON where there is none."""
    return (header or JSON).partition(",")[0].partition(";")[0].strip().lower()
