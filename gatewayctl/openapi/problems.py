"""From the error family to responses: one for each status that an operation can give.

The family is the list. An operation says which of it cannot happen there, or which few can.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from chalicelib import errors
from chalicelib.errors import GatewayError
from gatewayctl.openapi import headers

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Sequence

    from gatewayctl.openapi.components import Components, Node

    Error = type[GatewayError]

URN = "urn:inference-gateway:"
MEDIA_TYPE = "application/problem+json"

FAMILY: tuple[Error, ...] = tuple(
    value
    for value in vars(errors).values()
    if isinstance(value, type) and issubclass(value, GatewayError) and hasattr(value, "slug")
)


def responses(possible: Iterable[Error], components: Components) -> Node:
    """What an operation answers instead, by status, when these errors are possible."""
    key = frozenset(possible)
    if key not in components.responses:  # thousands of operations have the same few
        components.responses[key] = _responses(key, components)
    return components.responses[key]


def _responses(possible: Collection[Error], components: Components) -> Node:
    by_status: dict[int, list[Error]] = {}
    for error in FAMILY:
        for status in statuses(error) if error in possible else ():
            by_status.setdefault(status, []).append(error)
    return {
        str(status): components.refer(
            "responses", _name(status, some), _response(status, some, components)
        )
        for status, some in sorted(by_status.items())
    }


def statuses(error: Error) -> Iterable[int]:
    """One, but for what a container says itself."""
    several: Iterable[int] = getattr(error, "statuses", (error.status,))
    return several


def _name(status: int, some: Sequence[Error]) -> str:
    """The same for the same errors in any document, and another for any others."""
    everything = [error for error in FAMILY if status in statuses(error)]
    names = ["Problem"] if some == everything else [error.__name__ for error in some]
    return f"{'Or'.join(names)}{status}"


def _response(status: int, some: Sequence[Error], components: Components) -> Node:
    retry = all(error.retry_after_seconds is not None for error in some)
    # Beside the reference and not in an `allOf`, of which generators make a class each.
    schema = {
        **_problem(components),
        "properties": {
            "type": {"enum": [f"{URN}{error.slug}" for error in some]},
            "status": {"const": status},
        },
    }
    return {
        "description": "\n".join(f"- `{error.slug}`: {error.title}" for error in some),
        "headers": headers.of_problem(status, components, retry=retry),
        "content": {MEDIA_TYPE: {"schema": schema}},
    }


def _problem(components: Components) -> Node:
    properties: Node = {
        "type": {"type": "string", "enum": [f"{URN}{error.slug}" for error in FAMILY]},
        "title": {"type": "string", "description": "Always the same for the same type"},
        "status": {"type": "integer", "minimum": 400, "maximum": 599},
        "detail": {"type": "string", "description": "What happened, and what to do"},
        "instance": {"type": "string", "description": "The request id: tell it to the operator"},
        "retryable": {
            "type": "boolean",
            "description": "Whether the same request may succeed later",
        },
    }
    problem = {
        "type": "object",
        "description": "An error, as RFC 9457 has it",
        "required": list(properties),
        "properties": {
            **properties,
            "model_message": {
                "type": "string",
                "description": "The model's own words, where its owner lets them through",
            },
        },
    }
    return components.refer("schemas", "Problem", problem)
