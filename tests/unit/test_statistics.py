"""Intervals of rates and of their differences, and quantiles."""

import statistics
from math import ceil

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gatewayctl.statistics import (
    SMALLEST_DIFFERENCE,
    Durations,
    Sample,
    calls_lacking,
    difference,
    is_enough,
)

NEWCOMBE_RATES = [  # Newcombe, Statistics in Medicine 17 (1998), 857-872, table I, method 3
    ((81, 263), (0.2553, 0.3662)),
    ((15, 148), (0.0624, 0.1605)),
    ((0, 20), (0.0, 0.1611)),
    ((1, 29), (0.0061, 0.1718)),
]
NEWCOMBE_DIFFERENCES = [  # Newcombe, Statistics in Medicine 17 (1998), 873-890, table II, method 10
    ((56, 70), (48, 80), (0.0524, 0.3339)),
    ((9, 10), (3, 10), (0.1705, 0.8090)),
    ((6, 7), (2, 7), (0.0582, 0.8062)),
    ((5, 56), (0, 29), (-0.0381, 0.1926)),
    ((0, 10), (0, 20), (-0.1611, 0.2775)),
    ((0, 10), (0, 10), (-0.2775, 0.2775)),
    ((10, 10), (0, 20), (0.6791, 1.0)),
    ((10, 10), (0, 10), (0.6075, 1.0)),
]
SAMPLES = st.integers(1, 10**6).flatmap(
    lambda calls: st.integers(0, calls).map(lambda failed: Sample(failed, calls))
)
ROUNDING = 1e-9


class TestRate:
    """Wilson's interval."""

    @pytest.mark.parametrize(("sample", "interval"), NEWCOMBE_RATES)
    def test_published(self, sample, interval):
        """The intervals are those that were published."""
        assert Sample(*sample).interval() == pytest.approx(interval, abs=5e-5)

    @given(SAMPLES)
    def test_limits(self, sample):
        """The rate is in its interval, and the interval between 0 and 1."""
        low, high = sample.interval()
        assert 0 <= low <= sample.rate <= high <= 1
        assert (low == 0) == (sample.failed == 0)
        assert (high == 1) == (sample.failed == sample.calls)

    @given(SAMPLES, st.integers(2, 100))
    def test_more_calls(self, sample, factor):
        """More calls with the same rate give a shorter interval."""
        grown = sample.grown(factor).interval()
        assert grown.half_width < sample.interval().half_width

    @given(SAMPLES)
    def test_the_other_way_round(self, sample):
        """The interval of the calls that succeeded is the mirror image."""
        succeeded = Sample(sample.calls - sample.failed, sample.calls).interval()
        low, high = sample.interval()
        assert succeeded == pytest.approx((1 - high, 1 - low), abs=ROUNDING)


class TestDifference:
    """Newcombe's interval."""

    @pytest.mark.parametrize(("one", "other", "interval"), NEWCOMBE_DIFFERENCES)
    def test_published(self, one, other, interval):
        """The intervals are those that were published."""
        assert difference(Sample(*one), Sample(*other)) == pytest.approx(interval, abs=5e-5)

    @given(SAMPLES, SAMPLES)
    def test_limits(self, one, other):
        """The difference is in its interval, which is its own mirror image the other way round."""
        low, high = difference(one, other)
        assert -1 - ROUNDING <= low <= one.rate - other.rate <= high <= 1 + ROUNDING
        assert difference(other, one) == pytest.approx((-high, -low), abs=ROUNDING)


class TestCallsLacking:
    """How many more calls tell a difference."""

    @given(SAMPLES, SAMPLES)
    def test_forecast(self, one, other):
        """With so many more calls at the same rates it is enough, and with clearly fewer it is not.

        The number is 0 if the calls so far are enough.
        """
        lacking = calls_lacking(one, other)
        assert (lacking == 0) == is_enough(difference(one, other))
        factor = 1 + lacking / one.calls
        assert is_enough(difference(one.grown(factor), other.grown(factor)))
        if lacking > 1:
            fewer = 1 + (lacking - 2) / one.calls
            assert not is_enough(difference(one.grown(fewer), other.grown(fewer)))

    def test_equal_rates(self):
        """Rates that do not differ need calls until the half-width is below one point."""
        lacking = calls_lacking(Sample(0, 50), Sample(0, 950))
        grown = 1 + lacking / 50
        interval = difference(Sample(0, 50 * grown), Sample(0, 950 * grown))
        assert (lacking, interval.excludes_zero) == (149, False)
        assert interval.half_width < SMALLEST_DIFFERENCE

    def test_one_call(self):
        """One call of each has a number, too."""
        assert calls_lacking(Sample(1, 1), Sample(1, 1)) > 100


class TestDurations:
    """Quantiles."""

    def test_nothing(self):
        """Without durations there is no quantile."""
        assert Durations().quantile(0.5) is None

    @given(st.lists(st.integers(0, 30_000), min_size=1), st.sampled_from([0.5, 0.9, 0.99, 1.0]))
    def test_nearest_rank(self, values, part):
        """A quantile is the value whose rank is the part of the number, rounded up."""
        durations = Durations()
        for value in values:
            durations.add(value)

        assert durations.quantile(part) == sorted(values)[ceil(part * len(values)) - 1]

    @given(st.lists(st.integers(0, 100), min_size=1))
    def test_median(self, values):
        """The median of an even number of values is the lower one of the two in the middle."""
        durations = Durations()
        for value in values:
            durations.add(value, times=3)

        assert durations.quantile(0.5) == statistics.median_low(values * 3)
