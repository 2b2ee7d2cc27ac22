"""Describes the parameters of an operation: in the path, and in the headers of a request."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from chalicelib.routing.headers import PASSED, STICKY, TIMEOUT
from chalicelib.routing.parameters import LONGEST_VALUE, VALUE_RULE, OneOf

if TYPE_CHECKING:
    from collections.abc import Collection

    from chalicelib.api.openapi.components import Components, Node
    from chalicelib.routing.parameters import Parameter, Pattern
    from chalicelib.routing.table import Model

LONGEST_TIMEOUT_MS = 999_999_999
PRINTABLE = "^[!-~]([ -~]*[!-~])?$"  # HTTP removes the spaces around a value

_CLASS_OR_HYPHEN = re.compile(r"(\[[^]]*\])|\\-")


def path_parameters(model: Model) -> list[Node]:
    """Describe each `{parameter}` of a model's name."""
    return [in_path(parameter.name, *_values(parameter)) for parameter in model.parameters]


def in_path(name: str, schema: Node, description: str) -> Node:
    """Describe a parameter in the path."""
    return {
        "name": name,
        "in": "path",
        "required": True,
        "description": description,
        "schema": schema,
    }


def _values(parameter: Parameter) -> tuple[Node, str]:
    rule = parameter.rule
    if isinstance(rule, OneOf):
        return list_schema(rule.values), "One of a list"
    return pattern_schema(rule), VALUE_RULE


def list_schema(values: Collection[str]) -> Node:
    """Return the schema of a text that is one of these values.

    Clients have a constant for each value of an enum. Where two values would get the same constant,
    as `a-b` and `a_b`, which makes a generator fail, the values are in a pattern.
    """
    constants = {re.sub("[^a-z0-9]+", "_", value.lower()) for value in values}
    if len(constants) == len(values):
        return {"type": "string", "enum": sorted(values)}
    alternatives = "|".join(sorted(values)).replace(".", r"\.")
    return {"type": "string", "pattern": f"^(?:{alternatives})$"}


def pattern_schema(rule: Pattern) -> Node:
    """Return the schema of a text that matches the pattern from end to end.

    JSON Schema has the regular expressions of JavaScript, where an escaped hyphen is allowed only
    in a [class].
    """
    pattern = _CLASS_OR_HYPHEN.sub(lambda found: found[1] or "-", rule.pattern)
    return {
        "type": "string",
        "pattern": f"^(?:{pattern})$",
        "minLength": 1,
        "maxLength": LONGEST_VALUE,
    }


def request_headers(model: Model, components: Components) -> list[Node]:
    """Describe the headers of a request: the time limit, and the headers passed to the model."""
    timeout: Node = {
        "name": TIMEOUT,
        "in": "header",
        "description": "How long the caller is willing to wait; it only shortens the model's time",
        "schema": {"type": "integer", "minimum": 1, "maximum": LONGEST_TIMEOUT_MS},
        "example": 5000,
    }
    passed = [_passed(*PASSED[name]) for name in model.pass_headers]
    keys = [_key(*STICKY[model.sticky])] if model.sticky in STICKY else []
    nodes = {node["name"]: node for node in (timeout, *keys, *passed)}
    return [components.refer("parameters", name, node) for name, node in nodes.items()]


def _key(header: str, longest: int) -> Node:
    return {
        "name": header,
        "in": "header",
        "description": "Requests with the same value get the same version of the model",
        "schema": {"type": "string", "pattern": PRINTABLE, "minLength": 1, "maxLength": longest},
    }


def _passed(header: str, _: str, longest: int) -> Node:
    return {
        "name": header,
        "in": "header",
        "description": "Passed on to the model",
        "schema": {"type": "string", "pattern": PRINTABLE, "minLength": 1, "maxLength": longest},
    }
