"""Intervals for rates, and for the difference of two rates; quantiles of durations.

Sources: E. B. Wilson, Journal of the American Statistical Association 22 (1927), 209-212: the
score interval of a rate, without a correction for continuity. R. G. Newcombe, Statistics in
Medicine 17 (1998), 873-890: the hybrid score interval of a difference, method 10.
"""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter
from itertools import accumulate
from math import ceil, sqrt
from typing import NamedTuple

Z = 1.959963984540054
"""The quantile of the normal distribution for an interval of 95 %."""

SMALLEST_DIFFERENCE = 0.01
"""Differences of rates below one percentage point are not looked for."""


class Interval(NamedTuple):
    """The values between two limits, both included."""

    low: float
    high: float

    @property
    def excludes_zero(self) -> bool:
        return self.low > 0 or self.high < 0

    @property
    def half_width(self) -> float:
        return (self.high - self.low) / 2


class Sample(NamedTuple):
    """How many of a number of calls failed; calculations take fractions, too."""

    failed: float
    calls: float

    @property
    def rate(self) -> float:
        return self.failed / self.calls

    def grown(self, factor: float) -> Sample:
        """Return the sample after more calls that fail at the same rate."""
        return Sample(self.failed * factor, self.calls * factor)

    def interval(self) -> Interval:
        """Return Wilson's interval of the rate; there has to be a call."""
        square = Z**2 / self.calls
        middle = self.rate + square / 2
        spread = sqrt(square * (self.rate * (1 - self.rate) + square / 4))
        low, high = ((middle + side) / (1 + square) for side in (-spread, spread))
        # Without a failure the lower limit is 0, and rounding may have missed it.
        return Interval(min(max(low, 0.0), self.rate), max(min(high, 1.0), self.rate))


def difference(one: Sample, other: Sample) -> Interval:
    """Return Newcombe's interval of the rate of `one` minus the rate of `other`."""
    observed = one.rate - other.rate
    (low, high), (other_low, other_high) = one.interval(), other.interval()
    below = sqrt((one.rate - low) ** 2 + (other_high - other.rate) ** 2)
    above = sqrt((high - one.rate) ** 2 + (other.rate - other_low) ** 2)
    return Interval(observed - below, observed + above)


def is_enough(interval: Interval) -> bool:
    """Whether an interval tells a difference, or that there is none that matters."""
    return interval.excludes_zero or interval.half_width < SMALLEST_DIFFERENCE


def calls_lacking(one: Sample, other: Sample) -> int:
    """Return how many more calls `one` needs, so that `difference` is enough; 0 if it is.

    It is a forecast: both go on failing at the rates so far, and get calls in the proportion so
    far. The interval then excludes 0, or its half-width falls below one percentage point.
    """
    if is_enough(difference(one, other)):
        return 0
    too_small, enough = 1.0, 2.0
    while not is_enough(difference(one.grown(enough), other.grown(enough))):
        too_small, enough = enough, enough * 2
    while (enough - too_small) * one.calls > 0.5:
        middle = (too_small + enough) / 2
        if is_enough(difference(one.grown(middle), other.grown(middle))):
            enough = middle
        else:
            too_small = middle
    return ceil(one.calls * enough - one.calls)


class Durations:
    """Counts durations by whole milliseconds, so that memory does not grow with their number."""

    def __init__(self) -> None:
        self._counts: Counter[int] = Counter()

    def add(self, milliseconds: int, times: int = 1) -> None:
        """Count a duration."""
        self._counts[milliseconds] += times

    def quantile(self, part: float) -> int | None:
        """Return the nearest-rank quantile: the least value that `part` of all do not exceed.

        Returns:
            Whole milliseconds; None if nothing was counted.
        """
        values = sorted(self._counts)
        if not values:
            return None
        sums = list(accumulate(self._counts[value] for value in values))
        return values[bisect_left(sums, part * sums[-1])]
