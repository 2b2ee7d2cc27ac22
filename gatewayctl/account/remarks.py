"""What there is to say about an entry of the table when one looks at the account."""

from __future__ import annotations

from bisect import bisect_left
from typing import TYPE_CHECKING, NamedTuple

from chalicelib.errors import closest, quoted

if TYPE_CHECKING:
    from collections.abc import Sequence

    from gatewayctl.account.values import Unread

MOST_COMPARED = 500  # to either side: similar names are looked for one by one
MOST_NAMED = 5

Keys = tuple[str | int, ...]


class Remark(NamedTuple):
    """A text about a key of the entry; a warning if calls may work all the same."""

    keys: Keys
    text: str
    is_warning: bool = False
    is_said_once: bool = False
    """Of all entries that it is true for, only the first needs to say it."""


def hidden(key: str, unread: Unread) -> Remark:
    """What a permission hides is a finding: nobody knows whether calls would work."""
    return Remark((key,), f"{unread}; until then it is not checked", is_said_once=True)


def none_called(what: str, name: str, where: str, names: Sequence[str]) -> str:
    """There is no such thing, but perhaps one that was meant; `names` are sorted."""
    return f"there is no {what} {quoted(name)} {where}{_instead(name, names)}"


def listing(names: Sequence[str]) -> str:
    more = len(names) - MOST_NAMED
    return ", ".join(names[:MOST_NAMED]) + (f" and {more:,} more" if more > 0 else "")


def _instead(name: str, names: Sequence[str]) -> str:
    place = bisect_left(names, name)
    close = closest(name, names[max(0, place - MOST_COMPARED) : place + MOST_COMPARED])
    if close is not None:
        return f"; did you mean {close}?"
    return f"; known here: {listing(names)}" if names else ""
