"""The parameters in a model's path, and the rules for their values."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from chalicelib.routing.parameters import LONGEST_VALUE, VALUE_RULE, OneOf

if TYPE_CHECKING:
    from chalicelib.routing.parameters import Parameter, Pattern
    from chalicelib.routing.table import Model
    from gatewayctl.openapi.components import Node

_CLASS_OR_HYPHEN = re.compile(r"(\[[^]]*\])|\\-")


def of_path(model: Model) -> list[Node]:
    """One for each `{parameter}` of the model's name."""
    return [in_path(parameter.name, *_described(parameter)) for parameter in model.parameters]


def in_path(name: str, schema: Node, description: str) -> Node:
    return {
        "name": name,
        "in": "path",
        "required": True,
        "description": description,
        "schema": schema,
    }


def _described(parameter: Parameter) -> tuple[Node, str]:
    rule = parameter.rule
    if isinstance(rule, OneOf):
        return {"type": "string", "enum": sorted(rule.values)}, "One of a list"
    return matching(rule), VALUE_RULE


def matching(rule: Pattern) -> Node:
    """A text that the whole pattern matches, in the regular expressions of JSON Schema.

    They are JavaScript's, where an escaped hyphen is allowed in a [class] alone.
    """
    pattern = _CLASS_OR_HYPHEN.sub(lambda found: found[1] or "-", rule.pattern)
    return {
        "type": "string",
        "pattern": f"^(?:{pattern})$",
        "minLength": 1,
        "maxLength": LONGEST_VALUE,
    }
