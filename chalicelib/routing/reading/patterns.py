"""The patterns that a parameter may have: regular expressions that always match or fail quickly.

Python's `re` tries every way in which a pattern can match, and some patterns have so many ways that
matching takes years. Therefore the ways are counted while the pattern is read. A character or class
has one way, the ways of alternatives are added, those of a sequence are multiplied, and `x{m,n}` of
an x with w ways has w**m + … + w**n. A value has at most 63 characters, so `*` and `+` end at 63.
The count is an upper bound for any value, and it alone decides: `(a+)+` exceeds the limit,
`v[0-9]+([.][0-9]+)?` does not.

Python's own parser, `re._parser`, is private and changes. That parser also accepts what is refused
here: back-references, look-around, flags, lazy and possessive repeats.
"""

from __future__ import annotations

import re

from chalicelib.errors import quoted
from chalicelib.routing.parameters import LONGEST_VALUE

LONGEST_PATTERN = 200
MAX_WAYS = 300_000  # enough for three open-ended repeats; at worst some ten milliseconds

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
    """Return why a parameter cannot have this pattern, or None if it can."""
    if len(pattern) > LONGEST_PATTERN:
        return f"is longer than {LONGEST_PATTERN} characters"
    try:
        ways = _Reader(pattern).ways()
        re.compile(pattern)
    except _Refused as error:
        return str(error)
    except re.error as error:
        return f"is no regular expression: {error}"
    if ways > MAX_WAYS:
        return "can take too long: bound its repeats, as in {1,20}, and do not nest them"
    return None


class _Refused(Exception):
    pass


class _Reader:
    """Reads a pattern from left to right and counts the ways in which it can match."""

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
            ways = min(ways * self._repeated(self._item()), MAX_WAYS + 1)
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
        # Counting ends above the limit, because the numbers would become very large.
        total: int = sum(ways**count for count in range(least, most + 1))
        return min(total, MAX_WAYS + 1)

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
