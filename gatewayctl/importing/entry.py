"""What becomes one entry of `models`, before it has its name."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from gatewayctl.account.values import Kind

SHOWN = 5


@dataclass(frozen=True, slots=True)
class Parameter:
    """The part of an artifact's name that a caller chooses."""

    name: str
    values: tuple[str, ...]
    pattern: str | None
    """What stands for the values where they are too many to list."""

    @property
    def rule(self) -> dict[str, object]:
        return {"one_of": self.values} if self.pattern is None else {"pattern": self.pattern}


@dataclass(frozen=True, slots=True)
class Entry:
    """A model or, with a parameter, several."""

    names: tuple[str, ...]
    """What it might be called, best first; not yet legal, and not yet its own."""
    kind: Kind
    target: Mapping[str, str]
    parameter: Parameter | None = None
    comments: tuple[str, ...] = ()


def listed(things: Sequence[str]) -> str:
    """The first few, and how many more there are."""
    more = len(things) - SHOWN
    shown = ", ".join(things[:SHOWN])
    return f"{shown} and {more:,} more" if more > 0 else shown
