"""Adds entries to the YAML of a table, and leaves everything that is written as it is."""

from __future__ import annotations

import re
import textwrap
from typing import Any

import yaml

from chalicelib.routing.reading.nodes import LOADER
from gatewayctl.report import Refused


def with_entries(data: bytes, block: str) -> bytes:
    """Return the table with more entries after its last one.

    Args:
        data: The YAML of a valid table.
        block: The lines of the entries, as they are under `models`.

    Raises:
        Refused: The models are written in braces, so that lines cannot follow.
    """
    text = data.decode()
    models = _models(text)
    if models.flow_style:
        raise Refused(
            ["models is written in braces; write each entry on lines of its own, below 'models:'"]
        )
    lines = re.findall(r"[^\n]*\n|[^\n]+", text)  # YAML has no other line ends in a table
    end = "\r\n" if lines[0].endswith("\r\n") else "\n"
    column = models.value[0][0].start_mark.column
    place = _after_comments(lines, _end(models), column)
    before, after = lines[:place], lines[place:]
    if not before[-1].endswith("\n"):
        before.append(end)
    gap = [end] if after and after[0].strip() else []
    entries = textwrap.indent(textwrap.dedent(block), " " * column).split("\n")
    return "".join([*before, end, *(line + end for line in entries), *gap, *after]).encode()


def _models(text: str) -> Any:
    """Return PyYAML's node of the member `models`."""
    root: Any = yaml.compose(text.removeprefix("\ufeff"), Loader=LOADER)
    return next(value for key, value in root.value if key.value == "models")


def _end(node: Any) -> int:
    """Return the number of the first line after a node; a block ends with its last member."""
    if isinstance(node, yaml.CollectionNode) and node.value and not node.flow_style:
        last = node.value[-1]
        return _end(last[1] if isinstance(last, tuple) else last)
    mark = node.end_mark
    return int(mark.line + (1 if mark.column else 0))


def _after_comments(lines: list[str], place: int, column: int) -> int:
    """Return the line after the comments that belong to the last entry: they are indented more."""
    for number, line in enumerate(lines[place:], place + 1):
        words = line.strip()
        if words and not (words.startswith("#") and line.index("#") > column):
            break
        if words:
            place = number
    return place
