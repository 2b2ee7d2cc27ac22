"""Which patterns a parameter may have: a small part of regular expressions, and none that blows up.

Python's `re` tries every way in which a pattern can match, and some patterns have more ways than
there is time. So the ways are counted while the pattern is read: a character or class is tried in
one way, alternatives add up, a sequence multiplies, and `x{m,n}` of an x with w ways has
w**m + … + w**n. A value has at most 63 characters, hence `*` and `+` end at 63. The count is an
upper bound for any value, and it alone decides: `(a+)+` is beyond it, `v[0-9]+([.][0-9]+)?` is not.

The pattern is read here and not by `re._parser`, which is private to Python and changes, and
which would first have to be told about everything that is refused anyway: back-references,
look-around, flags, lazy and possessive repeats.
"""

from __future__ import annotations

import re

from chalicelib.errors import quoted
from chalicelib.routing.parameters import LONGEST_VALUE

LONGEST_PATTERN = 200
MOST_WAYS = 300_000  # three open-ended repeats; some ten milliseconds at the very worst

_LITERAL = r"[A-Za-z0-9_~.-]|\\[.dw-]"
_CLASS = r"\[\^?(?:[A-Za-z0-9_~.]|\\[.dw-])(?:[A-Za-z0-9_~.-]|\\[.dw-])*\]"
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


def refusal(pattern: str) -> str | None:
    """Why a parameter cannot have this pattern, or None if it can."""
    if len(pattern) > LONGEST_PATTERN:
        return f"is longer than {LONGEST_PATTERN} characters"
    try:
        ways = _Reader(pattern).ways()
        re.compile(pattern)
    except _Refused as error:
        return str(error)
    except re.error as error:
        return f"is no regular expression: {error}"
    if ways > MOST_WAYS:
        return "can take too long: bound its repeats, as in {1,20}, and do not nest them"
    return None


class _Refused(Exception):
    pass


class _Reader:
    """Reads a pattern from left to right and counts the ways to try it."""

    def __init__(self, pattern: str) -> None:
        self._tokens = list(_tokens(pattern))

    def ways(self) -> int:
        ways = self._alternatives()
        if self._tokens:
            raise _Refused("has a ')' without its '('")
        return ways

    def _alternatives(self) -> int:
        ways = self._sequence()
        while self._take("or"):
            ways += self._sequence()
        return ways

    def _sequence(self) -> int:
        ways = 1
        while self._tokens and self._tokens[0][0] not in {"or", "close"}:
            ways = min(ways * self._repeated(self._item()), MOST_WAYS + 1)
        return ways

    def _item(self) -> int:
        if self._take("atom"):
            return 1
        if not self._take("open"):
            raise _Refused(f"repeats nothing, or a repeat, at {quoted(self._tokens[0][1])}")
        ways = self._alternatives()
        if not self._take("close"):
            raise _Refused("has a '(' without its ')'")
        return ways

    def _repeated(self, ways: int) -> int:
        times = self._take("times")
        if not times:
            return ways
        least, most = _bounds(times)
        if most > LONGEST_VALUE:
            raise _Refused(f"repeats more often than the {LONGEST_VALUE} characters of a value")
        # More than too many is not counted: the numbers would grow beyond any size.
        total: int = sum(ways**count for count in range(least, most + 1))
        return min(total, MOST_WAYS + 1)

    def _take(self, kind: str) -> str:
        if self._tokens and self._tokens[0][0] == kind:
            return self._tokens.pop(0)[1]
        return ""


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
