"""Bodies, in both directions, as far as the table knows them.

The gateway passes bytes on and looks into none of them. What a model takes is told by its example
alone: the schema has the example's types, and makes nothing mandatory.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from chalicelib.routing.table import Model
    from gatewayctl.openapi.components import Node


def request(model: Model) -> Node:
    """The request body of a model."""
    content = {name: {"schema": _schema(name)} for name in model.content_types}
    if model.example is not None:
        example = json.loads(model.example)
        for name in filter(_is_json, content):
            content[name] = {"schema": schema_of(example), "example": example}
    return {"required": True, "content": content}


def answer(model: Model) -> Node:
    """The content of a model's answer."""
    return {name: {"schema": _schema(name)} for name in model.accepts}


def schema_of(example: Any) -> Node:
    """The types in an example; where it shows none, or several in one place, any will do."""
    match example:
        case bool():
            return {"type": "boolean"}
        case int() | float():
            return {"type": "number"}
        case str():
            return {"type": "string"}
        case list():
            return {"type": "array", "items": _in_common([schema_of(item) for item in example])}
        case dict():
            members = {name: schema_of(member) for name, member in example.items()}
            return {"type": "object", "properties": members}
        case _:
            return {}


def _in_common(schemas: list[Node]) -> Node:
    first, *others = schemas or [{}]
    return first if all(other == first for other in others) else {}


def _schema(media_type: str) -> Node:
    """JSON may be anything, text is a text, and all else is bytes, which have no type in 3.1."""
    if _is_json(media_type):
        return {}
    if media_type.startswith("text/"):
        return {"type": "string"}
    return {"contentMediaType": media_type}


def _is_json(media_type: str) -> bool:
    return media_type == "application/json" or media_type.endswith("+json")
