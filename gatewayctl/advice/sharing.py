"""Which models may share an endpoint, and what a model costs on one of its own."""

from __future__ import annotations

from math import ceil
from typing import TYPE_CHECKING

from gatewayctl.advice.facts import HOURS_A_MONTH
from gatewayctl.costs.mathematics import peak_concurrency

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from gatewayctl.advice.facts import Account, AdvisedModel, Host

SIMILAR = 10
"""Models are similar if none takes more than so many times the time or memory of the median."""


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


def groups(
    models: Iterable[AdvisedModel], account: Account, *, by_image: bool
) -> list[list[AdvisedModel]]:
    """Divide models into those that are known to be able to share an endpoint.

    Models of which the image or the boundary is unknown are in no group.
    """
    found: dict[object, list[AdvisedModel]] = {}
    for one in models:
        boundary = account.endpoint_of(one).boundary
        if one.image is None or None in boundary:
            continue
        found.setdefault((boundary, one.image if by_image else None), []).append(one)
    return list(found.values())


def may_share(one: AdvisedModel, other: AdvisedModel, account: Account) -> bool | None:
    """Whether two models may share an endpoint at all; None if that is unknown."""
    return account.endpoint_of(one).boundary.admits(account.endpoint_of(other).boundary)


def alike(models: Sequence[AdvisedModel]) -> list[list[AdvisedModel]]:
    """Divide models into those that are similar to each other."""
    found, left = [], list(models)
    while left:
        found.append(similar(left))
        taken = {one.name for one in found[-1]}
        left = [one for one in left if one.name not in taken]
    return found


def similar(models: Sequence[AdvisedModel]) -> list[AdvisedModel]:
    """Return the models without those that take much more time or memory than the median."""
    kept = list(models)
    for measure in (_memory, _milliseconds):
        values = sorted(value for value in map(measure, kept) if value)
        if values:
            middle = values[len(values) // 2]
            kept = [
                one
                for one in kept
                if not (value := measure(one)) or middle / SIMILAR <= value <= middle * SIMILAR
            ]
    return kept


def _memory(one: AdvisedModel) -> float | None:
    return one.memory_bytes


def _milliseconds(one: AdvisedModel) -> float | None:
    return None if one.traffic is None else one.traffic.p50_ms
