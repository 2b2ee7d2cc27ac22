"""The patterns that a parameter may have: regular expressions that always match or fail quickly.

Python's `re` tries every way in which a pattern can match, and some patterns have so many ways that
matching takes years. Therefore the steps of a match are counted while the pattern is read: the most
that any value can cause, as if each character fitted each part of the pattern. A value has at most
63 characters, so a way ends there. The count alone decides, and no time is measured: `(a+)+`
exceeds the limit, `v[0-9]+([.][0-9]+)?` does not.

Python's own parser, `re._parser`, is private and changes. That parser also accepts what is refused
here: back-references, look-around, flags, lazy and possessive repeats.
"""

from __future__ import annotations

import re
from collections import deque
from functools import lru_cache
from typing import NamedTuple

from chalicelib.errors import quoted
from chalicelib.routing.parameters import LONGEST_VALUE

LONGEST_PATTERN = 200
MAX_STEPS = 1_000_000  # enough for three open-ended repeats; at worst some ten milliseconds

# What `re` does for one step of each sort, in units of a character that is compared.
_CHARACTER, _REPEAT, _GROUP = 1, 3, 12

# A count for each length, from 0 to the longest value, is kept as one number: length n has the bits
# from n * _BITS on. So `+` adds counts, `*` combines those of two parts that follow each other, and
# `& _LENGTHS` drops what is longer than a value. A product of two counts has less than 50 bits.
# The remainder of `_SUM` is the sum over all lengths, as that of 9 is for a decimal's digits.
_BITS = 64
_LENGTHS = (1 << _BITS * (LONGEST_VALUE + 1)) - 1
_SUM = (1 << _BITS) - 1

_LITERAL = r"[A-Za-z0-9_~.-]|\\[.dw-]"
# Python warns about `--` and `~~` in a class: a later version may read them as operators.
_CLASS = r"(?!\[[^\]]*(?:--|~~))\[\^?(?:[A-Za-z0-9_~.]|\\[.dw-])(?:[A-Za-z0-9_~.-]|\\[.dw-])*\]"
_TOKEN = re.compile(
    rf"""
      (?P<atom>  {_CLASS} | {_LITERAL} )
    | (?P<open>  \((?:\?:)? (?!\?) )
    | (?P<close> \) )
    | (?P<or>    \| )
    | (?P<times> [*+?] | \{{ \d{{1,2}} (?:,\d{{0,2}})? \}} )
    """,
    re.VERBOSE | re.ASCII,
)
_OPEN_ENDED = {"*": (0, LONGEST_VALUE), "+": (1, LONGEST_VALUE), "?": (0, 1)}


@lru_cache(maxsize=1024)
def refusal(pattern: str) -> str | None:
    """Return why a parameter cannot have this pattern, or None if it can."""
    if len(pattern) > LONGEST_PATTERN:
        return f"is longer than {LONGEST_PATTERN} characters"
    try:
        _Reader(pattern).read()
        re.compile(pattern)
    except _Refused as error:
        return str(error)
    except re.error as error:
        return f"is no regular expression: {error}"
    return None


class _Refused(Exception):
    pass


class _Part(NamedTuple):
    """What a part of a pattern can do: counts for each number of characters that it has taken."""

    ways: int
    """In how many ways the part ends there."""
    steps: int
    """How many steps are made there, until no way is left."""


class _Reader:
    """Reads a pattern from left to right and counts the steps that a match can take."""

    def __init__(self, pattern: str) -> None:
        self._tokens = deque(_tokens(pattern))

    def read(self) -> _Part:
        """Read the pattern, and return what it can do.

        Raises:
            _Refused: A match could take too long, or the pattern is not in the grammar.
        """
        part = self._alternatives()
        if self._tokens:
            raise _Refused("has a ')' without its '('")
        return part

    def _alternatives(self) -> _Part:
        ways, steps = self._sequence()
        while self._take("or"):
            other = self._sequence()
            ways, steps = _bounded(ways + other.ways, steps + other.steps + _GROUP)
        return _Part(ways, steps)

    def _sequence(self) -> _Part:
        ways, steps = 1, 0
        while self._tokens and self._tokens[0][0] not in {"or", "close"}:
            part = self._repeated(self._item())
            ways, steps = _bounded(ways * part.ways, steps + ways * part.steps)
        return _Part(ways, steps)

    def _item(self) -> _Part:
        if self._take("atom"):
            return _Part(1 << _BITS, _CHARACTER)
        if not self._take("open"):
            raise _Refused(f"repeats nothing, or a repeat, at {quoted(self._tokens[0][1])}")
        ways, steps = self._alternatives()
        if not self._take("close"):
            raise _Refused("has a '(' without its ')'")
        return _Part(ways, steps + _GROUP)

    def _repeated(self, part: _Part) -> _Part:
        times = self._take("times")
        if not times:
            return part
        least, most = _bounds(times)
        if most > LONGEST_VALUE:
            raise _Refused(f"repeats more often than the {LONGEST_VALUE} characters of a value")
        if part.steps == _CHARACTER:  # most repeats are of this sort, and `re` makes them fast
            ways = _one_each(most) - (_one_each(least - 1) if least else 0)
            return _Part(ways, _one_each(most - 1) * (_CHARACTER + _REPEAT) if most else 0)
        ways, steps, repeated = 0, 0, 1
        for count in range(most):
            if count >= least:
                ways += repeated
            ways, steps = _bounded(ways, steps + repeated * (part.steps + _GROUP))
            repeated, _ = _bounded(repeated * part.ways, 0)
        return _Part(ways + repeated, steps)

    def _take(self, kind: str) -> str:
        if self._tokens and self._tokens[0][0] == kind:
            return self._tokens.popleft()[1]
        return ""


def _one_each(longest: int) -> int:
    """Return the count 1 for each length from 0 on."""
    return _LENGTHS // _SUM & (1 << _BITS * (longest + 1)) - 1


def _bounded(ways: int, steps: int) -> _Part:
    """Return the counts for lengths that a value can have.

    Raises:
        _Refused: They are too many.
    """
    part = _Part(ways & _LENGTHS, steps & _LENGTHS)
    if any(counts > MAX_STEPS and counts % _SUM > MAX_STEPS for counts in part):
        raise _Refused("can take too long: bound its repeats, as in {1,20}, and do not nest them")
    return part


def _tokens(pattern: str) -> list[tuple[str, str]]:
    tokens = []
    position = 0
    while position < len(pattern):
        match = _TOKEN.match(pattern, position)
        if match is None:
            raise _Refused(_out_of_grammar(pattern[position:]))
        tokens.append((str(match.lastgroup), match[0]))
        position = match.end()
    return tokens


def _out_of_grammar(rest: str) -> str:
    if rest[0] in "^$":
        return f"needs no {rest[0]}: it always has to match the whole value"
    return (
        f"has {quoted(rest[:10])}; it may be made of A-Z a-z 0-9 _ ~ - . \\. \\d \\w, "
        "[classes], (groups), | and ? * + {m,n}"
    )


def _bounds(times: str) -> tuple[int, int]:
    if times in _OPEN_ENDED:
        return _OPEN_ENDED[times]
    least, comma, most = times[1:-1].partition(",")
    return int(least), int(most or LONGEST_VALUE) if comma else int(least)
