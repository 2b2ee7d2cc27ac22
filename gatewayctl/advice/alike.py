"""Which models may share an endpoint, and are similar enough to do so."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from gatewayctl.advice.facts import Account, AdvisedModel

SIMILAR = 10
"""Models are similar if none takes more than so many times the time or memory of the median."""


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


def similar(
    models: Sequence[AdvisedModel], to: Sequence[AdvisedModel] | None = None
) -> list[AdvisedModel]:
    """Return the models that take neither much more nor much less time or memory than the median.

    Args:
        to: The models whose median counts, if it is not that of all.
    """
    kept = list(models)
    for measure in (_memory, _milliseconds):
        values = sorted(value for value in map(measure, kept if to is None else to) if value)
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
