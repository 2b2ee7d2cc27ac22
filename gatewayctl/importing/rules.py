"""What a parameter may be, from the values that there are: a list of them, or a pattern.

A pattern also lets through what nobody has uploaded yet. So there is one only where a list would
be long, and only for what was numbered or coded by a machine: the same parts in every value, and
each part the same, or digits, or of one length. Words stay a list, however long.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from chalicelib.routing.reading.patterns import refusal
from gatewayctl.importing.entry import Parameter

if TYPE_CHECKING:
    from collections.abc import Sequence

LONGEST_LIST = 100

_DIVISIONS = (re.compile(r"[0-9]+|[A-Za-z]+|[._~-]"), re.compile(r"[0-9A-Za-z]+|[._~-]"))
_ALPHABETS = ("[0-9]", "[0-9a-f]", "[a-z]", "[A-Z]", "[a-z0-9]", "[A-Z0-9]", "[A-Za-z0-9]")


def parameter(values: Sequence[str]) -> Parameter:
    """The parameter for these values; it is named by what is known of them, which is little."""
    name = "number" if all(value.isdigit() for value in values) else "name"
    return Parameter(name, tuple(values), _pattern(values) if len(values) > LONGEST_LIST else None)


def _pattern(values: Sequence[str]) -> str | None:
    for division in _DIVISIONS:
        rows = [division.findall(value) for value in values]
        if len({len(row) for row in rows}) > 1:
            continue
        parts = [_part(set(column)) for column in zip(*rows, strict=True)]
        pattern = "".join(part or "" for part in parts)
        if all(parts) and refusal(pattern) is None:
            return pattern
    return None


def _part(texts: set[str]) -> str | None:
    """A pattern for one part of every value, or None if nothing simple would do."""
    if len(texts) == 1:
        return texts.pop().replace(".", "[.]")
    alphabet = next((one for one in _ALPHABETS if all(_made_of(one, text) for text in texts)), None)
    lengths = sorted({len(text) for text in texts})
    if alphabet is None or (len(lengths) > 1 and alphabet != "[0-9]"):
        return None
    shortest, longest = lengths[0], lengths[-1]
    return (
        f"{alphabet}{{{shortest}}}"
        if shortest == longest
        else (f"{alphabet}{{{shortest},{longest}}}")
    )


def _made_of(alphabet: str, text: str) -> bool:
    return re.fullmatch(f"{alphabet}+", text) is not None
