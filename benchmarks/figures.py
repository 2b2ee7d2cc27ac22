"""Figures from several rounds, as they stand in a table: medians, and ratios pair by pair."""

from __future__ import annotations

import statistics
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence


@dataclass(frozen=True)
class Ratio:
    """How often the other one fits in, round by round: the middle, and where half of all lie."""

    median: float
    lower: float
    upper: float

    @classmethod
    def of(cls, ours: Sequence[float], theirs: Sequence[float]) -> Ratio:
        ratios = [our / their for our, their in zip(ours, theirs, strict=True)]
        if len(ratios) < 2:
            return cls(ratios[0], ratios[0], ratios[0])
        lower, median, upper = statistics.quantiles(ratios, method="inclusive")
        return cls(median, lower, upper)

    def __str__(self) -> str:
        return f"**{self.median:.2f}** ({self.lower:.2f}\N{EN DASH}{self.upper:.2f})"


def milliseconds(seconds: Sequence[float]) -> str:
    return f"{digits(statistics.median(seconds) * 1000)} ms"


def megabytes(sizes: Sequence[float]) -> str:
    return f"{digits(statistics.median(sizes) / 1e6)} MB"


def digits(value: float) -> str:
    """Three of them, or all that stand before the point."""
    return f"{value:,.0f}" if value >= 100 else f"{value:.1f}" if value >= 10 else f"{value:.2f}"
