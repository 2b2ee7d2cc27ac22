"""What callers write after `/predict/`: legal names, each given once."""

from __future__ import annotations

import re
from itertools import count
from typing import TYPE_CHECKING, NamedTuple

from chalicelib.routing.table import row_key
from chalicelib.routing.targets import LONGEST_NAME

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from gatewayctl.importing.entry import Entry
    from gatewayctl.importing.hosting import Section

_ILLEGAL = re.compile("[^a-z0-9-]+")


class Named(NamedTuple):
    """An entry under its name, such as `housing/{name}`."""

    name: str
    entry: Entry
    refused: str | None
    """The name that it would have if it were not another's."""


def named(sections: Iterable[Section]) -> list[tuple[Section, list[Named]]]:
    """A name of its own for each entry: whoever comes first has the one that fits best."""
    names = _Names()
    return [(one, [names.named(entry) for entry in one.hosted.entries]) for one in sections]


def legal(text: str) -> str:
    """The model's name that is closest to a text."""
    name = _ILLEGAL.sub("-", text.lower()).strip("-")
    return name[:LONGEST_NAME].rstrip("-") or "model"


class _Names:
    def __init__(self) -> None:
        self._taken: set[str] = set()
        self._counters: dict[str, count[int]] = {}

    def named(self, entry: Entry) -> Named:
        parameters = [] if entry.parameter is None else [entry.parameter.name]
        wanted, *others = dict.fromkeys(legal(name) for name in entry.names)
        for first in self._possible(wanted, others, len(parameters)):
            key = row_key(first, len(parameters))
            if key not in self._taken:
                break
        self._taken.add(key)
        name = "/".join([first, *(f"{{{parameter}}}" for parameter in parameters)])
        return Named(name, entry, None if first == wanted else wanted)

    def _possible(self, wanted: str, others: list[str], parameters: int) -> Iterator[str]:
        yield wanted
        yield from others
        last = others[-1] if others else wanted
        # Kept, so that the ten-thousandth of a name does not try all numbers again.
        for number in self._counters.setdefault(row_key(last, parameters), count(2)):
            ending = f"-{number}"
            yield f"{last[: LONGEST_NAME - len(ending)].rstrip('-')}{ending}"
