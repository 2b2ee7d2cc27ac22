"""What an endpoint for several models would need and cost."""

from __future__ import annotations

from dataclasses import dataclass
from math import ceil
from typing import TYPE_CHECKING, NamedTuple

from gatewayctl.advice.facts import HOURS_A_MONTH
from gatewayctl.costs.mathematics import (
    Demand,
    cold_interval,
    most_at_work,
    peak_concurrency,
)
from gatewayctl.output import measured
from gatewayctl.statistics import Interval

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from gatewayctl.advice.facts import Account, AdvisedModel, Host

USABLE_MEMORY = 0.8
"""The part of an instance's memory that models get; the container and the system have the rest.

It is assumed: AWS says only to leave memory free ("Instance recommendations for multi-model
endpoint deployments").
"""
MOST_INSTANCES = 100


@dataclass(frozen=True, slots=True)
class Shared:
    """One endpoint for several models, with instances of a type that one of them has now."""

    models: tuple[AdvisedModel, ...]
    like: Host
    """The endpoint whose type of instance it has."""
    instances: int
    cold: Interval
    """The share of calls that find their model not loaded, between what instances may do."""
    is_measured: bool
    """Whether the share was measured: the models are there already."""
    cost_a_month: float
    cost_now: float
    """What the endpoints cost that it would replace."""
    replaced: tuple[str, ...]
    """These endpoints; those that also serve other models stay."""
    at_work: float
    """Calls at work at once, if the busiest minutes of all models were the same."""
    unexplained: float | None = None
    """The share that was measured, if it is far above what the estimated memory explains."""

    @property
    def saves(self) -> float:
        return self.cost_now - self.cost_a_month

    @property
    def most_at_work(self) -> float:
        """The calls at work at once, on average, that its vCPUs can take without a queue."""
        return most_at_work(self.instances * (self.like.vcpus or 1))

    @property
    def most_calls_a_second(self) -> float | None:
        """The load under which an instance more is needed; None without calls."""
        busy = sum(one.traffic.busy_seconds for one in self.models if one.traffic)
        calls = sum(one.traffic.calls for one in self.models if one.traffic)
        return self.most_at_work / (busy / calls) if busy and calls else None

    @property
    def times_the_load(self) -> float | None:
        """By which factor the load can grow before an instance more is needed."""
        return self.most_at_work / self.at_work if self.at_work else None


def shared(
    models: Sequence[AdvisedModel],
    account: Account,
    cold_target: float,
    *,
    all_loaded: bool = False,
) -> Shared | None:
    """Return the cheapest endpoint for these models, on an instance type that one of them has now.

    None if the models fit on none of these types.

    Args:
        all_loaded: Whether every instance holds all models, as containers and components do.

    Raises:
        ValueError: Something is unknown: `gatewayctl.advice.rules_shared.needs` says what.
    """
    demands, replaced = demands_of(models, account), _replaced(models, account)
    cost_now = account.cost_of(replaced)
    if demands is None or cost_now is None:
        raise ValueError(models)
    group = _Group(models, account, cold_target, demands)
    fitting = []
    hosts = (account.endpoint_of(one) for one in models)
    for like in {one.instance_type: one for one in hosts}.values():
        if like.memory_bytes is None or like.vcpus is None or like.price_an_hour is None:
            raise ValueError(like)
        usable = like.memory_bytes * USABLE_MEMORY
        needed = group.all_loaded(like, usable) if all_loaded else group.on_demand(like, usable)
        if needed is not None:
            fitting.append(
                Shared(
                    tuple(models),
                    like,
                    **needed._asdict(),
                    cost_a_month=like.price_an_hour * needed.instances * HOURS_A_MONTH,
                    cost_now=cost_now,
                    replaced=replaced,
                    at_work=group.peak,
                )
            )
    return min(
        fitting, key=lambda one: (one.cost_a_month, one.instances, one.like.name), default=None
    )


class _Needed(NamedTuple):
    """The instances that models need; the members are those of `Shared`."""

    instances: int
    cold: Interval = Interval(0.0, 0.0)
    is_measured: bool = False
    unexplained: float | None = None


@dataclass(frozen=True, slots=True)
class _Group:
    """Models of which enough is known."""

    models: Sequence[AdvisedModel]
    account: Account
    cold_target: float
    demands: Sequence[Demand]

    @property
    def peak(self) -> float:
        return sum(one.traffic.peak_busy for one in self.models if one.traffic)

    @property
    def hosts(self) -> set[str]:
        return {one.endpoint for one in self.models}

    def all_loaded(self, like: Host, usable: float) -> _Needed | None:
        """Return the instances that hold all models each; None if they do not fit."""
        load = for_load(self.peak, like, self.hosts, self.account)
        if len(self.hosts) == 1:
            # Its load does not say what keeps it on so many, such as their memory.
            return _Needed(like.instances or load)
        return _Needed(load) if sum(one.size for one in self.demands) <= usable else None

    def on_demand(self, like: Host, usable: float) -> _Needed:
        """Return the instances for models that are loaded when they are called."""
        measured_share = measured_cold(self.models) if len(self.hosts) == 1 else None
        unexplained = None
        if measured_share is not None and like.instances:
            if measured_share <= self.cold_target:
                return _Needed(like.instances, Interval(measured_share, measured_share), True)
            explained = cold_interval(self.demands, usable, like.instances).all.high
            again = _loaded_again(self.models, like.instances)
            if again > max(2 * explained, self.cold_target):
                unexplained = measured_share
        load = for_load(self.peak, like, self.hosts, self.account)
        instances = _for_memory(self.demands, usable, load, self.cold_target)
        cold = cold_interval(self.demands, usable, instances).all
        return _Needed(instances, cold, unexplained=unexplained)


def demands_of(models: Iterable[AdvisedModel], account: Account) -> list[Demand] | None:
    """Return how often models are called, and what they take in memory; None if it is unknown."""
    demands = []
    for one in models:
        if one.memory_bytes is None or one.traffic is None:
            return None
        rate = one.traffic.calls / max(account.period_hours, 1) / 3600
        demands.append(Demand(rate, one.memory_bytes))
    return demands


def share_text(share: Interval) -> str:
    """Write an interval of shares."""
    low, high = measured(share.low), measured(share.high)
    return high if low == high else f"{low} to {high}"


def measured_cold(models: Sequence[AdvisedModel]) -> float | None:
    """Return which share of the calls found their model not loaded; None without calls.

    The models are all on one endpoint now.
    """
    traffic = [one.traffic for one in models if one.traffic is not None]
    calls = sum(one.calls for one in traffic)
    return sum(one.cold_loads for one in traffic) / calls if calls else None


def _loaded_again(models: Sequence[AdvisedModel], instances: int) -> float:
    """Return the measured share without a first load of each model by each instance."""
    traffic = [one.traffic for one in models if one.traffic is not None and one.traffic.calls]
    again = sum(one.cold_loads for one in traffic) - len(traffic) * instances
    return max(0, again) / sum(one.calls for one in traffic)


def _for_memory(demands: Sequence[Demand], usable: float, fewest: int, cold_target: float) -> int:
    """Return how many instances the cold target needs, if each model is on one of them only."""
    most = fewest
    while most < MOST_INSTANCES and cold_interval(demands, usable, most).best.all > cold_target:
        fewest, most = most, 2 * most
    while most - fewest > 1:
        middle = (fewest + most) // 2
        is_enough = cold_interval(demands, usable, middle).best.all <= cold_target
        fewest, most = (fewest, middle) if is_enough else (middle, most)
    return most


def for_load(peak: float, like: Host, hosts: Iterable[str], account: Account) -> int:
    """Return how many instances have a vCPU for each call in 99 % of the busiest minute.

    That a call keeps one vCPU at work is an assumption. The instances that have the load today are
    none: more of the same type are not needed.

    Args:
        peak: The calls at work at once in the busiest minute, on average.
        hosts: The endpoints that have the load today.
    """
    needed = max(1, ceil(peak_concurrency(peak) / (like.vcpus or 1)))
    present = [account.endpoints[name] for name in hosts]
    if all(one.instances and one.instance_type == like.instance_type for one in present):
        return min(needed, sum(one.instances or 0 for one in present))
    return needed


def alone_cost(model: AdvisedModel, account: Account) -> float | None:
    """Return what the model would cost in a month on an endpoint of its own, like the present."""
    host = account.endpoint_of(model)
    price, traffic = host.price_an_hour, model.traffic
    if host.is_serverless or price is None or host.vcpus is None or traffic is None:
        return None
    return price * for_load(traffic.peak_busy, host, [host.name], account) * HOURS_A_MONTH


def _replaced(models: Sequence[AdvisedModel], account: Account) -> tuple[str, ...]:
    """Return the endpoints that serve nothing but these models; one that they all have stays."""
    hosts = {one.endpoint for one in models}
    return tuple(hosts) if len(hosts) == 1 else tuple(account.emptied_by(models))
