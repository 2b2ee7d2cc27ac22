"""The rows of a compiled table, and the check that the parser can have made them."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, cast

if TYPE_CHECKING:
    from collections.abc import Iterator

    Row = Mapping[str, Any]
    """One checked entry of `models` without the defaults: its options as written, `parameters` (in
    the order of the name), `description`, `example`, and its target: `kind`, `target` (the keys of
    its kind) and `place`; or `targets`, which has these and `weight` for each name, and then also
    `sticky` and `fallback`."""

MOST_WEIGHT = 1000

_NUMBERS = {"timeout_seconds", "cold_seconds"}
_TYPES = {
    **dict.fromkeys(("kind", "description", "example", "pattern", "sticky"), str),
    **dict.fromkeys(("one_of", "accepts", "fallback"), list),
    **dict.fromkeys(("target", "targets", "parameters", "place"), dict),
    **dict.fromkeys(_NUMBERS, float),
    "weight": int,
}
"""The type of each key of a row, of its targets and of a parameter's rule, without the options."""


class CompiledRows(Mapping[str, "Row"]):
    """The rows of a compiled form, as JSON. A row is decoded when it is first needed."""

    def __init__(self, texts: dict[str, Any]) -> None:
        self._rows = texts

    def __getitem__(self, key: str) -> Row:
        row = self._rows[key]
        if isinstance(row, str):
            row = self._rows[key] = json.loads(row)
        return cast("Row", row)

    def __contains__(self, key: object) -> bool:
        return key in self._rows

    def __iter__(self) -> Iterator[str]:
        return iter(self._rows)

    def __len__(self) -> int:
        return len(self._rows)


def check_row(key: str, row: Row, defaults: Row, options: Mapping[str, type]) -> None:
    """Check the types of a row, and what is read from its texts.

    Args:
        key: The row's key in the table.
        row: The row.
        defaults: The options that it may leave out.
        options: The type of each option.

    Raises:
        KeyError: There is no such key.
        TypeError: A value has another type, or a list of a parameter's values is empty.
        ValueError: The example is not JSON.
    """
    parameters = row.get("parameters", {})
    targets = row.get("targets", {"": row})
    for part in (defaults, row, *parameters.values(), *targets.values()):
        _check_types(part, {**options, **_TYPES})
    for one in targets.values():
        if set(map(type, one["target"].values())) != {str}:
            raise TypeError(key)
    weights = [one["weight"] for one in targets.values() if one is not row]
    known = targets.keys() >= set(row.get("fallback", ())) and (
        not weights or MOST_WEIGHT >= max(weights) > 0 <= min(weights)
    )
    if len(parameters) != key.count("/") or not targets or not known:
        raise TypeError(key)


def _check_types(part: Row, types: Mapping[str, type]) -> None:
    for key, value in part.items():
        kind = float if key in _NUMBERS and type(value) is int else type(value)
        if kind is not types[key]:
            raise TypeError(key)
        if kind is list and not all(type(item) is str for item in value):
            raise TypeError(key)
        if key == "place" and not all(type(item) is str for item in value.values()):
            raise TypeError(key)
        if key == "one_of" and not value:
            raise TypeError(key)
        if key == "example":
            json.loads(value)
