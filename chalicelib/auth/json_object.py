"""A JSON object that somebody else wrote, strictly."""

from __future__ import annotations

import json
from typing import Any, NoReturn


class NotAnObject(ValueError):
    """When bytes are not strictly one JSON object; it repeats nothing of them."""


def json_object(data: bytes) -> dict[str, Any]:
    """The object in these bytes. When there is none, or one has a member twice: NotAnObject."""
    try:
        value = json.loads(
            data.decode("utf-8"), object_pairs_hook=_distinct, parse_constant=_refuse
        )
    except (ValueError, RecursionError):
        raise NotAnObject("is not JSON, or an object in it has a member twice") from None
    if not isinstance(value, dict):
        raise NotAnObject("is not a JSON object")
    return value


def _distinct(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Of two members with one name, readers differ in which one they take."""
    members = dict(pairs)
    if len(members) < len(pairs):
        raise ValueError
    return members


def _refuse(_: str) -> NoReturn:
    raise ValueError
