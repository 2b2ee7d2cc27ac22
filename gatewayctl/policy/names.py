"""Names as a policy says them, and the folding of many into what they begin with.

houston/v1.tar.gz  ─┐
houston/v2.tar.gz  ─┴►  houston/*        a fold ends at a folder if there is one to end at
iris-v1.tar.gz     ─┐
iris-v2.tar.gz     ─┴►  iris-v*          else where the names part
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import groupby, takewhile
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

Item = TypeVar("Item")

ANY = "*"

_SPECIAL = str.maketrans({character: f"${{{character}}}" for character in "*?$"})


def literal(text: str) -> str:
    """A text in which nothing means anything to IAM."""
    return text.translate(_SPECIAL)


@dataclass(frozen=True, slots=True, order=True)
class Name:
    """A text; or what a text begins with, and the rest of a pattern; or a fold of such names."""

    start: str
    rest: str = ""
    """From the first `*` on, as IAM reads it."""
    members: tuple[Name, ...] = ()

    def __str__(self) -> str:
        return literal(self.start) + self.rest

    @property
    def is_open(self) -> bool:
        """Whether it stands for more than one text."""
        return self.rest != ""

    def unfolded(self) -> tuple[Name, ...]:
        """The folds and names that this fold is made of."""
        parts = parted(self.members, lambda name: name.start)
        return tuple(fold(part, within=self.start) for part in parts)


def fold(names: Sequence[Name], within: str = "") -> Name:
    """One name for all of these, which all begin with `within`."""
    if len(names) == 1:
        return names[0]
    return Name(shared([name.start for name in names], within), ANY, tuple(sorted(names)))


def shared(texts: Sequence[str], within: str) -> str:
    """What all begin with: a folder below `within` if there is one, else as far as they agree."""
    start = _beginning(texts)
    folder = start[: start.rfind("/") + 1]
    return folder if len(folder) > len(within) else start


def parted(items: Sequence[Item], start: Callable[[Item], str]) -> list[list[Item]]:
    """Sorted items by the character in which they begin to differ; those that end there alone."""
    agreed = len(_beginning([start(item) for item in items]))
    parts = []
    for differing, group in groupby(items, lambda item: start(item)[agreed : agreed + 1]):
        alike = list(group)
        parts += [alike] if differing else [[item] for item in alike]
    return parts


def _beginning(texts: Sequence[str]) -> str:
    first, last = min(texts), max(texts)
    pairs = zip(first, last, strict=False)
    return first[: sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], pairs))]
