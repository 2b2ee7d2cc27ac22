"""A JSON parser that accepts only standard JSON: UTF-8, and no NaN or Infinity."""

from __future__ import annotations

import json
from typing import NoReturn

from sagemaker_local.modelserver.errors import BadInput

TYPE_NAMES = {
    dict: "an object",
    list: "a list",
    str: "a string",
    bool: "a boolean",
    type(None): "null",
    int: "a number",
    float: "a number",
}


def parse(body: bytes) -> object:
    """Return the value of a JSON document.

    Raises:
        BadInput: The document is not standard JSON.
    """
    try:
        return json.loads(body.decode(), parse_constant=_refuse_constant)
    except UnicodeDecodeError as error:
        raise BadInput(f"The body is not UTF-8: bad byte at position {error.start}.") from error
    except RecursionError as error:
        raise BadInput("The JSON is nested too deeply.") from error
    except json.JSONDecodeError as error:
        where = f"line {error.lineno}, column {error.colno}"
        raise BadInput(f"The body is not JSON: {error.msg} at {where}.") from error
    except ValueError as error:  # a whole number with more digits than Python converts
        raise BadInput("The JSON holds a whole number with too many digits.") from error


def type_name(value: object) -> str:
    """Return JSON's name for the type of a parsed value."""
    return TYPE_NAMES[type(value)]


def _refuse_constant(constant: str) -> NoReturn:
    raise BadInput(f"The body is not JSON: {constant} is not a JSON number.")
