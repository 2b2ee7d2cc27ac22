"""The mathematics of costs and advice: cold models, concurrency, exact division.

Sources:
- The cold share of a cache that evicts what was used least recently: H. Che, Y. Tung, Z. Wang,
  "Hierarchical Web Caching Systems", IEEE JSAC 20(7), 2002; why it is so exact: C. Fricker,
  P. Robert, J. Roberts, "A versatile and accurate approximation for LRU cache performance",
  ITC 24, 2012, arXiv:1202.3974. Sizes enter as in section 5 of the second paper.
- Calls at work at one moment: L = λW (J. Little, Operations Research 9(3), 1961). With arrivals
  at random and nobody waiting, their number is Poisson's with that mean, whatever the distribution
  of the service times (M/G/∞: L. Takács, "Introduction to the Theory of Queues", 1962, chapter 3).
- The division: largest remainders (A. Hamilton; M. Balinski, H. Young, "Fair Representation",
  1982).
"""

from __future__ import annotations

from fractions import Fraction
from math import exp, expm1, fsum, lgamma, log, sqrt
from typing import TYPE_CHECKING, NamedTuple, TypeVar

from gatewayctl.statistics import Interval

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from decimal import Decimal
    from typing import Any

    Weight = int | float | Decimal | Fraction

Key = TypeVar("Key", bound="tuple[Any, ...] | str")

_HALVINGS = 200
_LARGEST_POISSON_SUM = 10_000


class Demand(NamedTuple):
    """How often a model is called, and how much memory it needs."""

    per_second: float
    """Its calls a second, on average."""
    size: float
    """Its size in memory, in any unit that the capacity has too."""


class ColdShares(NamedTuple):
    """Which share of the calls finds its model not loaded."""

    each: tuple[float, ...]
    """The share of each model's own calls, in the order of the demands."""
    all: float
    """The share of all calls; 0 if there are none."""


def cold_shares(
    demands: Sequence[Demand], capacity: float, *, largest: float | None = None
) -> ColdShares:
    """Return the cold share of each model on one instance, by Che's approximation.

    The instance keeps the models that were called last. A model leaves memory if it has not been
    called for T seconds, where T is such that the models in memory fill it: the solution of
    Σ size · (1 - e^(-rate · T)) = capacity. Calls come at random (Poisson). If all models that
    are called fit, none is cold. A model that alone exceeds the capacity is cold at every call.

    Args:
        demands: The models; a rate or a size of 0 is allowed.
        capacity: The memory for models, in the unit of the sizes.
        largest: The largest size that can stay in memory; None: the capacity.
    """
    largest = capacity if largest is None else largest
    seconds = _characteristic_seconds(demands, capacity)
    each = tuple(
        1.0 if one.size > largest else exp(-one.per_second * seconds) if one.per_second else 0.0
        for one in demands
    )
    calls = fsum(one.per_second for one in demands)
    cold = fsum(one.per_second * share for one, share in zip(demands, each, strict=True))
    return ColdShares(each, min(1.0, cold / calls) if calls else 0.0)


def _characteristic_seconds(demands: Sequence[Demand], capacity: float) -> float:
    """Return the T of `cold_shares`; infinite if the models that are called fit."""
    called = [one for one in demands if one.per_second > 0 and one.size > 0]
    if fsum(one.size for one in called) <= capacity:
        return float("inf")
    if capacity <= 0:
        return 0.0

    def filled(seconds: float) -> float:
        return fsum(-one.size * expm1(-one.per_second * seconds) for one in called)

    low, high = 0.0, 1.0
    while filled(high) < capacity:
        low, high = high, high * 2
        if high > 1e300:
            return float("inf")
    for _ in range(_HALVINGS):
        middle = (low + high) / 2
        if not low < middle < high:
            break
        low, high = (middle, high) if filled(middle) < capacity else (low, middle)
    return low


class ColdInterval(NamedTuple):
    """The cold shares of an endpoint between two ways in which instances may load models."""

    best: ColdShares
    """Each model is on one instance only, so that the memory of all instances adds up."""
    worst: ColdShares
    """Each instance loads every model that is called, and has its own calls of each. Beside the
    models in memory the place of one more stays empty."""

    @property
    def all(self) -> Interval:
        """The share of all calls."""
        return Interval(self.best.all, self.worst.all)


def cold_interval(demands: Sequence[Demand], capacity: float, instances: int) -> ColdInterval:
    """Return the cold shares on several instances of an endpoint, as an interval.

    SageMaker sends calls of a model to the instance that has it, and loads a model that is called
    much on several. What it does exactly is not documented, so the truth is between the two ends.
    With every model on every instance, each instance has the n-th part of all calls, which changes
    T by the factor n and no share: the shares are those of one instance with all calls.

    Che's approximation fills memory to the last byte. Models have sizes, so that part of it stays
    empty: less than the model that did not fit, where a large one counts by its size (the mean
    length of the interval around a moment in a renewal process, E[s²] / E[s]). Models of one size
    come close to that. Where memory holds few models this counts.

    Args:
        capacity: The memory for models of one instance.
        instances: How many instances there are, at least 1.
    """
    called = [one.size for one in demands if one.per_second > 0]
    filled = fsum(called)
    empty = fsum(size * size for size in called) / filled if filled > capacity else 0.0
    return ColdInterval(
        cold_shares(demands, capacity * instances, largest=capacity),
        cold_shares(demands, capacity - empty, largest=capacity),
    )


def peak_concurrency(at_work: float, part: float = 0.99) -> int:
    """Return how many calls are at work at once, at most, in `part` of all moments.

    Args:
        at_work: How many are at work on average in the busiest period. By Little's law that is the
            time that its calls take together, divided by its length.
        part: The part of the moments of that period, below 1.
    """
    if at_work <= 0:
        return 0
    if at_work > _LARGEST_POISSON_SUM:
        # Poisson's quantile by the normal distribution.
        return int(at_work + _normal_quantile(part) * sqrt(at_work) + 0.5)
    number, total = 0, exp(-at_work)
    while total < part:
        number += 1
        total += exp(number * log(at_work) - at_work - lgamma(number + 1))
        if number > 4 * at_work + 100:  # rounding can keep the sum below a part close to 1
            break
    return number


def most_at_work(places: int, part: float = 0.99) -> float:
    """Return the largest average at which `places` calls at once suffice in `part` of all moments.

    It is the inverse of `peak_concurrency`: under a higher load calls would have to wait.
    """
    low, high = 0.0, float(places + 1)
    for _ in range(60):
        middle = (low + high) / 2
        low, high = (middle, high) if peak_concurrency(middle, part) <= places else (low, middle)
    return low


def _normal_quantile(part: float) -> float:
    """Return the quantile of the normal distribution."""
    from statistics import NormalDist  # noqa: PLC0415  (few commands need it)

    return NormalDist().inv_cdf(part)


def divided(total: int, weights: Mapping[Key, Weight]) -> dict[Key, int]:
    """Divide a whole number, such as a bill in cents, in proportion to weights.

    The parts are whole and their sum is the total. Each is less than 1 away from its exact share.
    The order of the weights does not matter: of equal remainders, the greater weight is served
    first, and of equal weights the lesser key.

    Args:
        total: The number; it is not negative.
        weights: The weights, not negative; if all are 0, the keys count alike.

    Raises:
        ValueError: There is something to divide, and no key.
    """
    if not weights:
        if total:
            raise ValueError("a number cannot be divided among no keys")
        return {}
    exact = {key: Fraction(weight) for key, weight in weights.items()}
    whole = sum(exact.values()) or Fraction(0)
    if not whole:
        exact, whole = dict.fromkeys(exact, Fraction(1)), Fraction(len(exact))
    shares = {key: total * weight / whole for key, weight in exact.items()}
    parts = {key: int(share) for key, share in shares.items()}
    first = sorted(shares, key=lambda key: (parts[key] - shares[key], -exact[key], key))
    for key in first[: total - sum(parts.values())]:
        parts[key] += 1
    return parts


def proportions(weights: Mapping[Key, Weight]) -> dict[Key, Fraction]:
    """Return the exact share of each weight of their sum; nothing if the sum is 0."""
    exact = {key: Fraction(weight) for key, weight in weights.items()}
    whole = sum(exact.values())
    return {key: weight / whole for key, weight in exact.items()} if whole else {}


def in_cents(amounts: Mapping[Key, Fraction]) -> dict[Key, int]:
    """Round amounts of money to cents, so that the cents add up to the rounded sum."""
    return divided(cents(sum(amounts.values(), Fraction(0))), amounts)


def cents(amount: Fraction) -> int:
    """Round an amount of money that is not negative to cents, halves up."""
    return int(amount * 100 + Fraction(1, 2))
