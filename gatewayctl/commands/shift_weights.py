"""Writes weights into the YAML of a table, and leaves every other character as it is.

A parser that writes the whole document again would fold long lines and change spaces, braces and
line ends. So PyYAML says where the weights are, and only they are replaced.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import yaml

from chalicelib.routing.reading.nodes import LOADER

if TYPE_CHECKING:
    from collections.abc import Mapping

WEIGHT = "weight"
BYTE_ORDER_MARK = "\ufeff"


class _Edit(NamedTuple):
    """A text that replaces the characters from `start` to `end`."""

    start: int
    end: int
    text: str


def with_weights(data: bytes, model: str, weights: Mapping[str, int]) -> bytes:
    """Return the table with other weights.

    Args:
        data: The YAML of a valid table.
        model: The name of the entry.
        weights: The new weight of each target that changes.
    """
    text = data.decode()
    mark = BYTE_ORDER_MARK if text.startswith(BYTE_ORDER_MARK) else ""
    text = text.removeprefix(mark)
    node: Any = yaml.compose(text, Loader=LOADER)
    for key in ("models", model, "targets"):
        node = _member(node, key)
    edits = [_edit(text, _member(node, name), weight) for name, weight in weights.items()]
    for edit in sorted(edits, reverse=True):
        text = text[: edit.start] + edit.text + text[edit.end :]
    return f"{mark}{text}".encode()


def _member(node: Any, key: str) -> Any:
    """Return a member of a mapping, or None."""
    return next((value for name, value in node.value if name.value == key), None)


def _edit(text: str, target: Any, weight: int) -> _Edit:
    """Return the edit that gives a target a weight."""
    written = _member(target, WEIGHT)
    if written is not None:
        return _Edit(written.start_mark.index, written.end_mark.index, str(weight))
    if target.flow_style:
        return _in_braces(target, weight)
    return _on_a_line(text, target, weight)


def _in_braces(target: Any, weight: int) -> _Edit:
    if not target.value:
        place = target.start_mark.index + 1
        return _Edit(place, place, f"{WEIGHT}: {weight}")
    key, value = target.value[-1]
    place = value.end_mark.index
    quote = key.style or ""
    return _Edit(place, place, f", {quote}{WEIGHT}{quote}: {weight}")


def _on_a_line(text: str, target: Any, weight: int) -> _Edit:
    """Return the edit that adds a line after the last one, or before the first one.

    PyYAML does not say where the text of a block (`|` or `>`) ends.
    """
    column, (_, last) = target.start_mark.column, target.value[-1]
    end = "\r\n" if "\r\n" in text else "\n"
    indented = " " * column
    if last.style in ("|", ">"):
        place = target.start_mark.index
        return _Edit(place, place, f"{WEIGHT}: {weight}{end}{indented}")
    place = text.find("\n", last.end_mark.index)
    if place < 0:
        return _Edit(len(text), len(text), f"{end}{indented}{WEIGHT}: {weight}")
    place += 1
    return _Edit(place, place, f"{indented}{WEIGHT}: {weight}{end}")
