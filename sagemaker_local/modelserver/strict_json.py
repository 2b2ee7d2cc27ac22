"""JSON as the standard has it: UTF-8, and no constants that only Python knows."""

from __future__ import annotations

import json
from typing import NoReturn

from sagemaker_local.modelserver.errors import BadInput

KINDS = {
    dict: "an object",
    list: "a list",
    str: "a string",
    bool: "a boolean",
    type(None): "null",
    int: "a number",
    float: "a number",
}


def parse(body: bytes) -> object:
    """The value in a body. When it is not strictly JSON: BadInput."""
    try:
        return json.loads(body.decode(), parse_constant=_refuse_constant)
    except UnicodeDecodeError as error:
        raise BadInput(f"The body is not UTF-8: bad byte at position {error.start}.") from error
    except RecursionError as error:
        raise BadInput("The JSON is nested too deeply.") from error
    except json.JSONDecodeError as error:
        where = f"line {error.lineno}, column {error.colno}"
        raise BadInput(f"The body is not JSON: {error.msg} at {where}.") from error
    except ValueError as error:  # a whole number of more digits than Python converts
        raise BadInput("The JSON holds a whole number with too many digits.") from error


def kind_of(value: object) -> str:
    """What JSON calls a value."""
    return KINDS[type(value)]


def _refuse_constant(constant: str) -> NoReturn:
    raise BadInput(f"The body is not JSON: {constant} is not a JSON number.")
