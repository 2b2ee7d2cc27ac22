"""Endpoints for several models: what they would need and cost."""

from __future__ import annotations

from dataclasses import dataclass
from math import ceil
from typing import TYPE_CHECKING

from gatewayctl.advice.facts import HOURS_A_MONTH
from gatewayctl.costs.mathematics import Demand, cold_interval, most_at_work, peak_concurrency
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
    """These endpoints."""
    at_work: float
    """Calls at work at once, if the busiest minutes of all models were the same."""
    unexplained: float | None = None
    """The share that was measured, if it is far above what the estimated memory explains."""

    @property
    def saves(self) -> float:
        return self.cost_now - self.cost_a_month

    @property
    def size(self) -> float:
        """What the models take in memory, if all are loaded."""
        return sum(one.memory_bytes or 0 for one in self.models)

    def is_cheaper(self, present: Shared) -> bool:
        """Whether it costs less than the endpoint that is there, and those of who joins it."""
        joining = self.cost_now - present.cost_now
        return self.saves > 0 and self.cost_a_month < present.cost_a_month + joining

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


def multi_model(
    models: Sequence[AdvisedModel],
    account: Account,
    cold_target: float,
    *,
    kept: Host | None = None,
    is_whole: bool = True,
) -> Shared:
    """Return the cheapest multi-model endpoint, on an instance type that one of the models has now.

    Args:
        kept: The endpoint that stays, with its type of instance: some of the models are there.
        is_whole: Whether the models are all that the endpoint will serve; if not, nobody knows
            whether it needs other instances.

    Raises:
        ValueError: Something is unknown: `gatewayctl.advice.lacking.needs` says what.
    """
    is_there = kept is not None and {one.endpoint for one in models} == {kept.name}
    found = [
        _multi_model_on(models, account, cold_target, like, is_there=is_there, is_whole=is_whole)
        for like in ([kept] if kept else by_type(models, account))
    ]
    return min(
        found, key=lambda one: (one.cost_a_month, one.instances, one.like.instance_type or "")
    )


def by_type(models: Iterable[AdvisedModel], account: Account) -> list[Host]:
    """Return an endpoint of each type of instance that these models have."""
    hosts = (account.endpoint_of(one) for one in models)
    return list({one.instance_type: one for one in hosts}.values())


def usable_memory(like: Host) -> float:
    """Return what models get of the memory of an instance."""
    return USABLE_MEMORY * (like.memory_bytes or 0)


def _multi_model_on(
    models: Sequence[AdvisedModel],
    account: Account,
    cold_target: float,
    like: Host,
    *,
    is_there: bool,
    is_whole: bool,
) -> Shared:
    demands = demands_of(models, account)
    if demands is None:
        raise ValueError(models)
    usable, present = usable_memory(like), like.instances or 1
    share_now = measured_cold(models) if is_there else None
    if share_now is not None and share_now <= cold_target:
        cold = Interval(share_now, share_now)
        return endpoint_for(models, account, like, present, cold=cold, is_measured=True)
    unexplained = None
    if share_now is not None:
        explained = cold_interval(demands, usable, present).all.high
        is_explained = _loaded_again(models, present) <= max(2 * explained, cold_target)
        unexplained = None if is_explained else share_now
    instances = present
    if is_whole:
        instances = _for_memory(demands, usable, load_of(models, like, account), cold_target)
    cold = cold_interval(demands, usable, instances).all
    return endpoint_for(models, account, like, instances, cold=cold, unexplained=unexplained)


def load_of(models: Sequence[AdvisedModel], like: Host, account: Account) -> int:
    """Return how many instances the load of these models needs together."""
    return for_load(peak_of(models), like, {one.endpoint for one in models}, account)


def peak_of(models: Iterable[AdvisedModel]) -> float:
    """Return the calls at work at once if the busiest minutes of all models were the same."""
    return sum(one.traffic.peak_busy for one in models if one.traffic)


NEVER_COLD = Interval(0.0, 0.0)


def endpoint_for(
    models: Sequence[AdvisedModel],
    account: Account,
    like: Host,
    instances: int,
    *,
    cold: Interval = NEVER_COLD,
    is_measured: bool = False,
    unexplained: float | None = None,
) -> Shared:
    """Return an endpoint with so many instances.

    Raises:
        ValueError: What it costs is unknown.
    """
    replaced = tuple(sorted({one.endpoint for one in models}))
    cost_now = account.cost_of(replaced)
    if cost_now is None or like.price_an_hour is None:
        raise ValueError(like)
    return Shared(
        models=tuple(models),
        like=like,
        instances=instances,
        cold=cold,
        is_measured=is_measured,
        cost_a_month=like.price_an_hour * instances * HOURS_A_MONTH,
        cost_now=cost_now,
        replaced=replaced,
        at_work=peak_of(models),
        unexplained=unexplained,
    )


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
