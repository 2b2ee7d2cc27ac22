"""The cost of each endpoint, divided among those who use it.

Amounts are exact fractions of the currency's unit. They are rounded only where they are shown, by
`gatewayctl.costs.mathematics.in_cents`, so that every way to group them adds up to the same bill.
"""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from typing import TYPE_CHECKING, NamedTuple

from gatewayctl.costs import rates
from gatewayctl.costs.figures import Figure, Origin, calculated, unknown
from gatewayctl.costs.hosting import EndpointHosting
from gatewayctl.costs.mathematics import proportions
from gatewayctl.costs.memory import UNRESERVED, idle_weights, without_variant
from gatewayctl.costs.usage import CalledTarget, Use, User

if TYPE_CHECKING:
    from collections.abc import Mapping

    from gatewayctl.costs.cloudwatch import VariantMetrics
    from gatewayctl.costs.hosting import Hosting
    from gatewayctl.costs.memory import IdleWeights
    from gatewayctl.costs.prices import Prices
    from gatewayctl.costs.usage import Period, Usage

    Parts = Mapping[User, Fraction]

OTHERS = "(not through the gateway)"
"""Stands for the entry of calls that CloudWatch counted and the gateway's log does not have."""
NOT_CALLED = "(not called)"
"""Stands for the entry of what is on an endpoint and was not called."""
NOT_KNOWN = "(callers not known)"
"""Stands for the entry if there is no log."""
NOT_ENTRIES = (OTHERS, NOT_CALLED, NOT_KNOWN, UNRESERVED)

ONLY_GATEWAY = "all calls came through the gateway"
LIKE_CALLS = "each call took the same time"
NO_USAGE = "who called what is not known without a log"


@dataclass(frozen=True, slots=True)
class Share:
    """What one user bears of the cost of one endpoint."""

    user: User
    use: Use
    by_busy: Figure[Fraction]
    """By the time at work."""
    with_idle: Figure[Fraction]
    """The time at work by itself, and the idle time by the memory that is taken."""


@dataclass(frozen=True, slots=True)
class EndpointCost:
    """What an endpoint costs in a period, and who bears it."""

    hosting: EndpointHosting
    amount: Figure[Fraction]
    """The cost of the period, exact."""
    per_hour: Figure[Fraction]
    """What an hour without calls costs, with the capacity that is there now."""
    instance_seconds: Figure[int]
    """How long instances were there, added up; 0 if it is serverless."""
    busy_share: Figure[float]
    """Which share of the instances' time calls were at work, at most 1."""
    shares: tuple[Share, ...]
    """Their amounts add up to the amount, exactly."""


def attributed(
    hosting: Hosting,
    usage: Usage | None,
    period: Period,
    prices: Prices | None,
    metrics: Mapping[str, Mapping[str, VariantMetrics]],
) -> list[EndpointCost]:
    """Return the cost of each endpoint that is there or was called, sorted by name.

    Args:
        usage: Who called what; None if there is no log.
        period: The time that the costs are for.
        metrics: What CloudWatch says, by endpoint and variant; what it does not say is missing.
    """
    used: dict[str, dict[User, Use]] = {}
    for user, use in (usage.uses if usage else {}).items():
        used.setdefault(user.place.endpoint, {})[user] = use
    return [
        _KnownEndpoint(
            hosting.endpoints.get(name) or EndpointHosting(name, None, ()),
            used.get(name, {}),
            metrics.get(name, {}),
            has_usage=usage is not None,
        ).cost(period, prices)
        for name in sorted({*hosting.endpoints, *used})
    ]


class _Work(NamedTuple):
    """How long each user's calls were at work."""

    milliseconds: Parts
    origin: Origin
    note: str = ""


class _Costing(NamedTuple):
    """What an endpoint costs, and how that is divided."""

    amount: Figure[Fraction]
    by_busy: Figure[Parts]
    with_idle: Figure[Parts]

    def shares(self, uses: Mapping[User, Use]) -> tuple[Share, ...]:
        users = sorted({*uses, *(self.by_busy.value or {}), *(self.with_idle.value or {})})
        return tuple(
            Share(
                user,
                uses.get(user, Use()),
                _of(user, self.amount, self.by_busy),
                _of(user, self.amount, self.with_idle),
            )
            for user in users
        )


@dataclass(frozen=True, slots=True)
class _KnownEndpoint:
    """What is known of one endpoint."""

    hosting: EndpointHosting
    uses: Mapping[User, Use]
    metrics: Mapping[str, VariantMetrics]
    has_usage: bool

    def cost(self, period: Period, prices: Prices | None) -> EndpointCost:
        uses = {**self.uses, **self._others()}
        work = self._work(uses)
        seconds = rates.instance_seconds(self.hosting, self.metrics, period)
        busy = self._busy_share(work, seconds)
        amount = rates.instance_cost(self.hosting, self.metrics, period, prices)
        if (serverless := self.hosting.serverless) is None:
            costing = self._of_instances(amount, work, busy, prices)
        else:
            costs = {user: rates.use_cost(serverless, use, prices) for user, use in uses.items()}
            at_rest = rates.provisioned_cost(serverless, period.seconds, prices)
            costing = self._of_serverless(rates.summed([amount, at_rest]), costs, work)
        return EndpointCost(
            self.hosting,
            costing.amount,
            rates.per_hour(self.hosting, prices),
            seconds,
            busy,
            costing.shares(uses),
        )

    def _of_instances(
        self, amount: Figure[Fraction], work: _Work, busy: Figure[float], prices: Prices | None
    ) -> _Costing:
        memory = idle_weights(self.hosting, {user.place for user in self.uses}, prices)
        parts = proportions(work.milliseconds) or self._nobody
        by_busy = Figure(parts, work.origin, work.note)
        by_memory = Figure(self._idle_parts(work, memory) or parts, memory.origin, memory.note)
        if memory.is_whole or busy.value is None:
            # Without a log nobody is known to have called, so that all of the time is idle.
            return _Costing(amount, by_busy, by_memory)
        return _Costing(amount, by_busy, calculated(_mixed, busy, by_busy, by_memory))

    def _of_serverless(
        self, at_rest: Figure[Fraction], costs: Mapping[User, Figure[Fraction]], work: _Work
    ) -> _Costing:
        """Divide what the calls cost; there is no idle time to divide."""
        parts = proportions({user: one.value or 0 for user, one in costs.items()})
        divided = Figure(
            parts or proportions(work.milliseconds) or self._nobody, work.origin, work.note
        )
        return _Costing(rates.summed([at_rest, *costs.values()]), divided, divided)

    @property
    def _nobody(self) -> Parts:
        return {self._user(""): Fraction(1)}

    def _user(self, target: str) -> User:
        """Return who stands for the users of a place that nobody is known to have called."""
        nobody = NOT_CALLED if self.has_usage else NOT_KNOWN
        entry = UNRESERVED if target == UNRESERVED else nobody
        return User(CalledTarget(self.hosting.name, target), entry, "")

    @property
    def _counts(self) -> list[VariantMetrics]:
        """What CloudWatch says of the variants that answer calls."""
        shadows = {one.name for one in self.hosting.variants if one.is_shadow}
        return [metrics for name, metrics in self.metrics.items() if name not in shadows]

    def _others(self) -> dict[User, Use]:
        """Return the calls that CloudWatch counted and the log does not have."""
        counted = sum(one.invocations or 0 for one in self._counts)
        calls = counted - sum(use.attempts for use in self.uses.values())
        if calls <= 0:
            return {}
        user = User(
            CalledTarget(self.hosting.name, ""), OTHERS if self.has_usage else NOT_KNOWN, ""
        )
        return {user: Use(calls=calls, attempts=calls, busy_ms=round(calls * self._mean_ms()))}

    def _mean_ms(self) -> Fraction:
        """Return the mean time of a call by CloudWatch; 0 if CloudWatch does not say it."""
        calls = sum(one.invocations or 0 for one in self._counts)
        seconds = sum(one.latency_seconds or 0.0 for one in self._counts)
        return Fraction(round(seconds * 1_000_000), 1000 * calls) if calls else Fraction(0)

    def _work(self, uses: Mapping[User, Use]) -> _Work:
        is_counted = any(one.invocations is not None for one in self._counts)
        if not uses and not is_counted:
            return _Work({}, Origin.ASSUMED, ONLY_GATEWAY if self.has_usage else NO_USAGE)
        if self.hosting.kind == "async" or not any(use.busy_ms for use in uses.values()):
            # The gateway hands an asynchronous call over, and does not see how long it takes.
            each = self._mean_ms() or Fraction(1)
            work = {user: use.calls * each for user, use in uses.items()}
            if len(work) > 1 or not self._mean_ms():
                return _Work(work, Origin.ASSUMED, LIKE_CALLS)
            return _Work(work, Origin.AWS)
        busy = {user: Fraction(use.busy_ms) for user, use in uses.items()}
        if not is_counted:
            return _Work(busy, Origin.ASSUMED, ONLY_GATEWAY)
        return _Work(busy, Origin.AWS if len(uses) > len(self.uses) else Origin.MEASURED)

    def _busy_share(self, work: _Work, seconds: Figure[int]) -> Figure[float]:
        if not self.has_usage and not self.metrics:
            return unknown(NO_USAGE)
        busy = sum(work.milliseconds.values(), Fraction(0))
        return calculated(
            lambda busy, seconds: min(1.0, float(busy / (1000 * seconds))) if seconds else 0.0,
            Figure(busy, work.origin, work.note),
            seconds,
        )

    def _idle_parts(self, work: _Work, memory: IdleWeights) -> dict[User, Fraction]:
        """Divide the memory among users: that of a place by the time of its users' calls."""
        users: dict[CalledTarget, dict[User, Fraction]] = {}
        for user, milliseconds in work.milliseconds.items():
            place = user.place._replace(target=without_variant(user.place.target))
            users.setdefault(place, {})[user] = milliseconds
        nobody = {place: {self._user(place.target): Fraction(1)} for place in memory.by_place}
        return {
            user: of_place * of_user
            for place, of_place in proportions(memory.by_place).items()
            for user, of_user in _proportions(users.get(place, nobody[place])).items()
        }


def _proportions(milliseconds: Parts) -> dict[User, Fraction]:
    """Return the parts of users; those whose calls took no time count alike."""
    return proportions(milliseconds) or proportions(dict.fromkeys(milliseconds, 1))


def _mixed(busy: float, by_busy: Parts, by_memory: Parts) -> Parts:
    share = Fraction(busy)
    return {
        user: share * by_busy.get(user, 0) + (1 - share) * by_memory.get(user, 0)
        for user in {**by_busy, **by_memory}
    }


def _of(user: User, amount: Figure[Fraction], parts: Figure[Parts]) -> Figure[Fraction]:
    return calculated(lambda whole, each: whole * each.get(user, Fraction(0)), amount, parts)
