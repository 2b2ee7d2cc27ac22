"""Validates requests against botocore's service models, with AWS's error texts.

botocore checks required members, types and minimum lengths in the client. The service has to check
maximum lengths, patterns and enumerations, because botocore does not.
"""

from __future__ import annotations

import re
from functools import cache
from typing import TYPE_CHECKING, Any

import botocore.session

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from botocore.model import ServiceModel, Shape

# Character classes of Java that occur in the two service models and that Python does not have.
_JAVA_CLASSES = {
    r"\p{ASCII}": r"[\x00-\x7f]",
    r"\p{Print}": r"\x20-\x7e",
    r"\p{L}": r"\w",
    r"\p{Z}": r"\s",
    r"\p{N}": r"\d",
    r"\z": r"\Z",
}
_TYPES: dict[str, tuple[type, ...]] = {
    "string": (str,),
    "integer": (int,),
    "long": (int,),
    "float": (int, float),
    "double": (int, float),
    "boolean": (bool,),
    "timestamp": (int, float),
    "list": (list,),
    "map": (dict,),
    "structure": (dict,),
}

_LARGEST_FLOAT = 3.4028234663852886e38  # 32 bits, as the floats of the service model


@cache
def service_model(name: str) -> ServiceModel:
    """Return botocore's service model, which is several megabytes of JSON and is loaded once."""
    return botocore.session.Session().get_service_model(name)


def type_error(shape: Shape, value: Any, path: str = "") -> str | None:
    """Describe the first value whose JSON type differs from the model; None if there is none."""
    if not _has_type(shape, value):
        return f"{path or 'input'} must be a {shape.type_name}"
    for child_shape, child, child_path in _children(shape, value, path):
        if (problem := type_error(child_shape, child, child_path)) is not None:
            return problem
    return None


def _has_type(shape: Shape, value: Any) -> bool:
    """Check the type; Python, unlike JSON, takes booleans, NaN and Infinity as numbers."""
    if isinstance(value, bool):
        return bool(shape.type_name == "boolean")
    if isinstance(value, int | float) and not abs(value) <= _LARGEST_FLOAT:
        return False
    return isinstance(value, _TYPES.get(shape.type_name, (object,)))


def violations(shape: Shape, value: Any, path: str = "") -> list[str]:
    """Describe every constraint of the model that the value violates, in AWS's words."""
    found = [
        f"Value {_quoted(shape, value)} at '{path}' failed to satisfy constraint: {constraint}"
        for check in _CHECKS
        if (constraint := check(shape, value)) is not None
    ]
    for name in _missing(shape, value):
        found.append(
            f"Value null at '{_member_path(path, name)}' failed to satisfy constraint:"
            " Member must not be null"
        )
    for child_shape, child, child_path in _children(shape, value, path):
        found += violations(child_shape, child, child_path)
    return found


def _missing(shape: Shape, value: Any) -> list[str]:
    if shape.type_name != "structure":
        return []
    return [name for name in shape.required_members if value.get(name) is None]


def _children(shape: Shape, value: Any, path: str) -> Iterator[tuple[Shape, Any, str]]:
    if shape.type_name == "structure":
        for name, child in value.items():
            if name in shape.members and child is not None:
                yield shape.members[name], child, _member_path(path, name)
    elif shape.type_name == "list":
        for number, child in enumerate(value, start=1):
            yield shape.member, child, f"{path}.{number}.member"
    elif shape.type_name == "map":
        for key, child in value.items():
            yield shape.key, key, f"{path}.{key}.key"
            yield shape.value, child, f"{path}.{key}.member"


def _out_of_range(shape: Shape, value: Any) -> str | None:
    low, high = shape.metadata.get("min"), shape.metadata.get("max")
    if shape.type_name in ("integer", "long", "float", "double"):
        measure, noun = value, "value"
    elif shape.type_name in ("string", "list", "map"):
        measure, noun = len(value), "length"
    else:
        return None
    if low is not None and measure < low:
        return f"Member must have {noun} greater than or equal to {low}"
    if high is not None and measure > high:
        return f"Member must have {noun} less than or equal to {high}"
    return None


def _not_in_enum(shape: Shape, value: Any) -> str | None:
    allowed = shape.metadata.get("enum")
    if not allowed or value in allowed:
        return None
    return f"Member must satisfy enum value set: [{', '.join(allowed)}]"


def _not_matching(shape: Shape, value: Any) -> str | None:
    pattern = shape.metadata.get("pattern")
    if pattern is None or shape.type_name != "string" or _compiled(pattern).fullmatch(value):
        return None
    return f"Member must satisfy regular expression pattern: {pattern}"


_CHECKS: tuple[Callable[[Shape, Any], str | None], ...] = (
    _out_of_range,
    _not_in_enum,
    _not_matching,
)


@cache
def _compiled(pattern: str) -> re.Pattern[str]:
    for java, python in _JAVA_CLASSES.items():
        pattern = pattern.replace(java, python)
    return re.compile(pattern)


def _quoted(shape: Shape, value: Any) -> str:
    if shape.metadata.get("sensitive"):
        return "***"
    return f"'{value}'"


def _member_path(path: str, name: str) -> str:
    name = name[:1].lower() + name[1:]
    return f"{path}.{name}" if path else name
