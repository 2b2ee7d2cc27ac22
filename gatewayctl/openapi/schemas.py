"""The gateway's own answers."""

from __future__ import annotations

from typing import TYPE_CHECKING

from chalicelib.routing.targets import KINDS
from chalicelib.telemetry.log import TABLE_DIGITS

if TYPE_CHECKING:
    from gatewayctl.openapi.components import Components, Node

TEXT: Node = {"type": "string"}
TEXTS: Node = {"type": "array", "items": TEXT}


def models(components: Components) -> Node:
    """Of `GET /models`."""
    last = "The last name on this page, if there is another; ask for it with `after`"
    listing = _object(
        "Models in the order of their names",
        {"models": {"type": "array", "items": model(components)}},
        {"next": {**TEXT, "description": last}},
    )
    return components.refer("schemas", "Models", listing)


def model(components: Components) -> Node:
    """Of `GET /models/…`, and of one line of the list."""
    rule = {"type": "object", "properties": {"one_of": TEXTS, "pattern": TEXT}}
    entry = _object(
        "What a caller needs to know of a model",
        {
            "name": TEXT,
            "path": TEXT,
            "kind": {**TEXT, "enum": list(KINDS)},
            "description": {"type": ["string", "null"]},
            "content_types": TEXTS,
            "accepts": TEXTS,
            "parameters": {"type": "object", "additionalProperties": rule},
        },
        {"example": {"description": "A body that it takes; not in the list"}},
    )
    return components.refer("schemas", "Model", entry)


def health(components: Components) -> Node:
    """Of `GET /health`."""
    table = {**TEXT, "pattern": f"^[0-9a-f]{{{TABLE_DIGITS}}}$"}
    node = _object(
        "The table that is in force",
        {"status": {"const": "ok"}, "models": {"type": "integer", "minimum": 0}, "table": table},
    )
    return components.refer("schemas", "Health", node)


def _object(description: str, always: Node, sometimes: Node | None = None) -> Node:
    return {
        "type": "object",
        "description": description,
        "required": list(always),
        "properties": {**always, **(sometimes or {})},
    }
