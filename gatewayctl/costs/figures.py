"""Numbers that say where they are from."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Generic, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from typing import Any

Number_co = TypeVar("Number_co", covariant=True)
Result = TypeVar("Result")


class Origin(StrEnum):
    """Where a number is from, the best first."""

    MEASURED = "measured"
    """The gateway has measured it, call by call."""
    AWS = "aws"
    """An answer of AWS: the account, CloudWatch, S3 or the price list."""
    ASSUMED = "assumed"
    """Nobody has measured it; the number stands on an assumption that is named beside it."""
    UNKNOWN = "unknown"
    """There is no number."""


_ORDER = list(Origin)


def weakest(origins: Iterable[Origin]) -> Origin:
    """Return the origin of a number that is calculated from numbers of these origins."""
    return max(origins, key=_ORDER.index, default=Origin.MEASURED)


@dataclass(frozen=True, slots=True)
class Figure(Generic[Number_co]):
    """A number with its origin."""

    value: Number_co | None
    """None if and only if the origin is `unknown`."""
    origin: Origin
    note: str = ""
    """For an assumed number the assumption, for an unknown one what would make it known."""


def unknown(note: str) -> Figure[Number_co]:
    """Return the figure of a number that nobody knows, and what would make it known."""
    return Figure(None, Origin.UNKNOWN, note)


def calculated(calculate: Callable[..., Result], *figures: Figure[Any]) -> Figure[Result]:
    """Return the result of a calculation, with the weakest origin and all assumptions.

    If a number is unknown, so is the result, and its note says what would make them all known.

    Args:
        calculate: Gets the values of the figures.
    """
    if missing := [one for one in figures if one.value is None]:
        return unknown(notes(missing))
    return Figure(
        calculate(*(one.value for one in figures)),
        weakest(one.origin for one in figures),
        notes(figures),
    )


def notes(figures: Iterable[Figure[Any]]) -> str:
    """Return the notes of several figures, each once."""
    return "; ".join(dict.fromkeys(one.note for one in figures if one.note))
