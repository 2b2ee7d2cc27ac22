"""Cold shares, concurrency and exact division."""

import heapq
from collections import OrderedDict
from fractions import Fraction
from math import isclose
from random import Random

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from gatewayctl.costs.mathematics import (
    Demand,
    cents,
    cold_interval,
    cold_shares,
    divided,
    in_cents,
    most_at_work,
    peak_concurrency,
)

ROUNDING = 1e-9
DEMANDS = st.lists(
    st.builds(Demand, st.floats(0, 100), st.floats(0, 2_000)), min_size=1, max_size=30
)
CAPACITY = st.floats(0, 20_000)
WEIGHTS = st.dictionaries(
    st.text(max_size=5),
    st.one_of(st.integers(0, 10**9), st.floats(0, 1e9), st.fractions(0, 1000)),
    min_size=1,
    max_size=40,
)
MANY_CALLS = 200_000
ONE_POINT = 0.01


def zipf(models, exponent=1.0):
    return [1 / (number + 1) ** exponent for number in range(models)]


def mixed_sizes(models):
    random = Random(7)
    return [random.uniform(0.2, 3.0) for _ in range(models)]


def simulated(demands, capacity):
    """Return the cold share of all calls of an LRU cache with sizes, after it has filled."""
    random, cache, used, cold = Random(1), OrderedDict(), 0.0, 0
    rates = [one.per_second for one in demands]
    numbers = random.choices(range(len(rates)), rates, k=MANY_CALLS)
    for place, number in enumerate(numbers):
        if number in cache:
            cache.move_to_end(number)
            continue
        cold += place >= MANY_CALLS // 10
        cache[number] = demands[number].size
        used += demands[number].size
        while used > capacity:
            _, size = cache.popitem(last=False)
            used -= size
    return cold / (MANY_CALLS - MANY_CALLS // 10)


class TestColdShares:
    """Che's approximation."""

    @pytest.mark.parametrize("part", [0.2, 0.4, 0.6, 0.9])
    @pytest.mark.parametrize(
        ("models", "exponent", "sizes"),
        [(100, 0.8, "equal"), (300, 1.0, "mixed"), (60, 1.2, "mixed"), (1_000, 0.6, "equal")],
    )
    def test_simulation(self, models, exponent, sizes, part):
        """It is within one percentage point of a simulated cache that evicts by last use."""
        demands = [
            Demand(rate, 1.0 if sizes == "equal" else size)
            for rate, size in zip(zipf(models, exponent), mixed_sizes(models), strict=True)
        ]
        capacity = part * sum(one.size for one in demands)
        found = cold_shares(demands, capacity).all
        assert found == pytest.approx(simulated(demands, capacity), abs=ONE_POINT)

    @pytest.mark.parametrize("room", [3, 5, 10, 15])
    @pytest.mark.parametrize(("models", "exponent"), [(20, 1.0), (60, 1.2), (100, 0.8)])
    def test_few(self, models, exponent, room):
        """Where memory holds only a few models, the simulated cache is within the interval."""
        sizes = mixed_sizes(models)
        demands = list(map(Demand, zipf(models, exponent), sizes))
        capacity = room * sum(sizes) / models
        found = cold_interval(demands, capacity, instances=1).all
        assert found.low <= simulated(demands, capacity) <= found.high

    @pytest.mark.parametrize("room", [3.75, 6.75, 12.9, 18.75, 37.5])
    @pytest.mark.parametrize("exponent", [0.3, 0.9, 1.2])
    @pytest.mark.parametrize("sizes", ["equal", "mixed"])
    def test_rest(self, room, exponent, sizes):
        """Memory that is left because no model fits into it is within the interval, too."""
        models = int(room / 0.75)
        each = [1.0] * models if sizes == "equal" else mixed_sizes(models)
        demands = list(map(Demand, zipf(models, exponent), each))
        capacity = room * sum(each) / models
        found = cold_interval(demands, capacity, instances=1).all
        assert found.low - ONE_POINT <= simulated(demands, capacity) <= found.high + ONE_POINT

    @pytest.mark.parametrize("instances", [2, 3])
    @pytest.mark.parametrize("exponent", [0.4, 1.0])
    @pytest.mark.parametrize(
        ("largest", "points"), [(0.3, 1), (3.0, 5)], ids=["equal sizes", "ten times as large"]
    )
    def test_one_instance_each(self, largest, points, exponent, instances):
        """Models that are on one instance each are within one point of the interval, and within
        five if large ones come together on one instance by chance."""
        dice = Random(7)
        sizes = [dice.choice([0.3, 0.3, 0.3, largest]) for _ in range(30)]
        rates = zipf(30, exponent)
        dice.shuffle(rates)
        demands = list(map(Demand, rates, sizes))
        capacity = 10 * sum(sizes) / len(sizes)
        found = cold_interval(demands, capacity, instances).all
        each = [demands[number::instances] for number in range(instances)]
        cold = sum(
            simulated(part, capacity) * sum(one.per_second for one in part) for part in each
        ) / sum(rates)
        allowed = points * ONE_POINT
        assert found.low - allowed <= cold <= found.high + allowed

    @settings(deadline=None)
    @given(DEMANDS, CAPACITY, st.floats(0, 5_000), st.integers(1, 8))
    def test_more_memory(self, demands, capacity, more, instances):
        """More memory never raises the cold share of any model, nor that of all calls."""
        before = cold_interval(demands, capacity, instances)
        after = cold_interval(demands, capacity + more, instances)
        for old, new in zip(before, after, strict=True):
            assert new.all <= old.all + ROUNDING
            assert all(b <= a + ROUNDING for a, b in zip(old.each, new.each, strict=True))

    @settings(deadline=None)
    @given(DEMANDS, CAPACITY, st.randoms(use_true_random=False))
    def test_order(self, demands, capacity, random):
        """The order of the models does not matter."""
        order = list(range(len(demands)))
        random.shuffle(order)
        shares = cold_shares(demands, capacity)
        shuffled = cold_shares([demands[number] for number in order], capacity)
        assert isclose(shares.all, shuffled.all, abs_tol=ROUNDING)
        for place, number in enumerate(order):
            assert isclose(shares.each[number], shuffled.each[place], abs_tol=ROUNDING)

    @settings(deadline=None)
    @given(DEMANDS, CAPACITY, st.integers(1, 20))
    def test_interval(self, demands, capacity, instances):
        """The best case is never worse than the worst, and all shares are from 0 to 1."""
        found = cold_interval(demands, capacity, instances)
        assert 0 <= found.all.low <= found.all.high + ROUNDING <= 1 + 2 * ROUNDING
        for number in range(len(demands)):
            low, high = found.best.each[number], found.worst.each[number]
            assert 0 <= low <= high + ROUNDING <= 1 + 2 * ROUNDING

    @settings(deadline=None)
    @given(DEMANDS)
    def test_all_fit(self, demands):
        """If all models that are called fit, none is cold."""
        called = sum(one.size for one in demands if one.per_second)
        assert cold_shares(demands, called * 1.01 + 1).all == 0

    def test_misfit(self):
        """A model that is larger than the memory of an instance is cold at every call."""
        demands = [Demand(1, 10), Demand(1, 100)]
        assert cold_shares(demands, 50).each[1] == 1
        assert cold_interval(demands, 50, instances=8).best.each == (0, 1)


class TestConcurrency:
    """How many calls are at work at once."""

    @pytest.mark.parametrize("at_work", [0.05, 0.7, 3.0, 40.0])
    @pytest.mark.parametrize("kind", ["constant", "exponential"])
    def test_simulation(self, at_work, kind):
        """In 99 % of all moments of random arrivals no more are at work, and in 98 % it is close.

        Whether all calls take the same time or very different ones does not matter.
        """
        random, now, busy, seen = Random(3), 0.0, [], []
        for _ in range(100_000):
            now += random.expovariate(at_work)
            while busy and busy[0] <= now:
                heapq.heappop(busy)
            seen.append(len(busy))
            heapq.heappush(busy, now + (1.0 if kind == "constant" else random.expovariate(1)))
        peak = peak_concurrency(at_work, 0.99)
        assert sum(number <= peak for number in seen) / len(seen) >= 0.985
        assert sum(number <= peak - 1 for number in seen) / len(seen) <= 0.995 or peak == 0

    def test_quantiles(self):
        """The quantiles are those of Poisson's distribution (tables: 3 for 1, 15 for 8 at 99 %)."""
        assert [peak_concurrency(mean) for mean in (0, 0.001, 0.5, 1, 8)] == [0, 0, 3, 4, 15]

    def test_large(self):
        """Above ten thousand the normal distribution gives what the sum gives below."""
        below, above = peak_concurrency(9_999.9), peak_concurrency(10_000.1)
        assert below <= above <= below + 2

    @settings(deadline=None)
    @given(st.integers(1, 300), st.sampled_from([0.5, 0.9, 0.99, 0.999]))
    def test_inverse(self, places, part):
        """The most that so many places bear is the load at which they just suffice."""
        load = most_at_work(places, part)
        assert peak_concurrency(load, part) <= places < peak_concurrency(load * 1.001 + 0.001, part)


class TestDivision:
    """A bill is divided to the cent."""

    @settings(deadline=None)
    @given(st.integers(0, 10**9), WEIGHTS)
    def test_sum(self, total, weights):
        """The parts add up to the total, and each is less than 1 from its exact share."""
        parts = divided(total, weights)
        assert sum(parts.values()) == total
        whole = sum(map(Fraction, weights.values()))
        for key, weight in weights.items():
            share = total * Fraction(weight) / whole if whole else Fraction(total, len(weights))
            assert abs(parts[key] - share) < 1

    @settings(deadline=None)
    @given(st.integers(0, 10**6), WEIGHTS, st.randoms(use_true_random=False))
    def test_order(self, total, weights, random):
        """The order of the weights does not matter."""
        shuffled = list(weights.items())
        random.shuffle(shuffled)
        assert divided(total, dict(shuffled)) == divided(total, weights)

    @settings(deadline=None)
    @given(st.dictionaries(st.text(max_size=3), st.fractions(0, 1000), max_size=30))
    def test_cents(self, amounts):
        """Rounded amounts add up to the rounded sum."""
        assert sum(in_cents(amounts).values()) == cents(sum(amounts.values(), Fraction(0)))

    def test_nobody(self):
        """A bill that nobody can bear is an error, and nothing can be divided among nobody."""
        assert divided(0, {}) == {}
        with pytest.raises(ValueError, match="no keys"):
            divided(1, {})

    @settings(deadline=None)
    @given(WEIGHTS)
    def test_equal_weights(self, weights):
        """Of equal weights no two parts differ by more than 1."""
        assume(len(weights) > 1)
        parts = divided(1_000, dict.fromkeys(weights, 1)).values()
        assert max(parts) - min(parts) <= 1
