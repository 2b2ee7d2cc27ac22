"""Endpoints whose models are all in memory: containers, and components on accelerators."""

from __future__ import annotations

from typing import TYPE_CHECKING

from chalicelib.routing.targets import MOST_CONTAINERS
from gatewayctl.advice.sharing import by_type, endpoint_for, load_of, usable_memory

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from gatewayctl.advice.facts import Account, AdvisedModel, Host
    from gatewayctl.advice.sharing import Shared


def as_it_is(models: Sequence[AdvisedModel], account: Account, like: Host) -> Shared:
    """Return an endpoint whose containers or components all stay in memory.

    Its load does not say what keeps it on so many instances, such as their memory.
    """
    return endpoint_for(models, account, like, like.instances or 1)


def packed(
    models: Iterable[AdvisedModel],
    most: int,
    memory: float,
    begun: Iterable[tuple[Sequence[AdvisedModel], float]] = (),
) -> list[list[AdvisedModel]]:
    """Divide models into sets that fit into memory: first fit, the largest first.

    What fits nowhere is a set of its own.

    Args:
        most: How many models a set may have.
        memory: What the models of a new set may take.
        begun: Sets that are there already, and what the models of each may take.
    """
    found = [list(one) for one, _ in begun]
    room = [memory - _size(one) for one, memory in begun]
    for one in sorted(models, key=lambda one: (-(one.memory_bytes or 0), one.name)):
        size = one.memory_bytes or 0
        for place, others in enumerate(found):
            if len(others) < most and size <= room[place]:
                others.append(one)
                room[place] -= size
                break
        else:
            found.append([one])
            room.append(memory - size)
    return found


def _size(models: Iterable[AdvisedModel]) -> float:
    return sum(one.memory_bytes or 0 for one in models)


def containers(
    models: Sequence[AdvisedModel], account: Account, staying: Sequence[Shared]
) -> list[Shared]:
    """Return the multi-container endpoints that cost the least together, on one type of instance.

    Who can share with nobody is alone in one of them.

    Args:
        staying: Endpoints that are there, which the models may join.
    """
    begun = [(one.models, usable_memory(one.like)) for one in staying]
    found = []
    for like in by_type(models, account):
        sets = packed(models, MOST_CONTAINERS, usable_memory(like), begun)
        likes = [one.like for one in staying] + [like] * len(sets)
        fewest = [one.instances for one in staying] + [1] * len(sets)
        found.append(
            [
                endpoint_for(each, account, on, max(least, load_of(each, on, account)))
                for each, on, least in zip(sets, likes, fewest, strict=False)
            ]
        )
    return min(found, key=_together, default=[])


def _together(endpoints: Sequence[Shared]) -> tuple[float, int, list[str]]:
    """Return what endpoints cost together, if those stay apart that would save nothing."""
    cost = sum(min(one.cost_a_month, one.cost_now) for one in endpoints)
    return cost, len(endpoints), [one.like.instance_type or "" for one in endpoints]


def components(models: Sequence[AdvisedModel], account: Account) -> Shared | None:
    """Return the cheapest endpoint with a component for each of the models that fit there.

    A component has at least one accelerator, so an instance has no more of them than accelerators.
    Source: API reference, InferenceComponentComputeResourceRequirements,
    `NumberOfAcceleratorDevicesRequired`: at least 1.
    """
    found = []
    for like in by_type(models, account):
        usable = usable_memory(like)
        fitting = [one for one in models if (one.memory_bytes or 0) <= usable]
        if fitting and like.accelerators:
            needed = len(packed(fitting, like.accelerators, usable))
            needed = max(needed, load_of(fitting, like, account))
            found.append(endpoint_for(fitting, account, like, needed))
    return min(
        found,
        key=lambda one: (-one.saves, one.instances, one.like.instance_type or ""),
        default=None,
    )
