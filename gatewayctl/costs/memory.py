"""Who takes the memory of an endpoint, and so bears its idle time."""

from __future__ import annotations

from fractions import Fraction
from typing import TYPE_CHECKING, NamedTuple

from gatewayctl.costs.figures import Origin
from gatewayctl.costs.prices import MB_PER_GB
from gatewayctl.costs.usage import CalledTarget

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping

    from gatewayctl.costs.hosting import EndpointHosting, Reserved
    from gatewayctl.costs.prices import InstancePrice, Prices

VARIANT = "TargetVariant="
UNRESERVED = "(not reserved)"
"""Stands for the target of the part of an endpoint that no inference component reserves."""

EQUAL_SIZES = "artifacts of unknown size are as large as the others on average"
NO_SIZES = "all models on the endpoint take the same memory"
NO_CAPACITY = "inference components fill the instances"


class IdleWeights(NamedTuple):
    """How the idle time of an endpoint is divided among its places."""

    by_place: Mapping[CalledTarget, Fraction]
    """In bytes, or in parts of the instances for inference components."""
    origin: Origin
    note: str = ""
    is_whole: bool = False
    """Whether the whole cost goes by these weights, and not only that of the idle time."""


def idle_weights(
    hosting: EndpointHosting, called: Collection[CalledTarget], prices: Prices | None
) -> IdleWeights:
    """Return who takes the memory of an endpoint.

    What is in memory all the time takes it whether it is called or not; an artifact of a
    multi-model endpoint only if it is called. Inference components take what they reserve.

    Args:
        called: The places of the endpoint that were called.
        prices: They say what an instance type has.
    """
    if any(one.reserved is not None for one in hosting.occupants):
        return _by_reservation(hosting, prices)
    sizes = _sizes(hosting, called)
    known = [size for size in sizes.values() if size is not None]
    if len(sizes) <= 1:
        return IdleWeights(dict.fromkeys(sizes, Fraction(1)), Origin.MEASURED)
    if not any(known):
        return IdleWeights(dict.fromkeys(sizes, Fraction(1)), Origin.ASSUMED, NO_SIZES)
    mean = Fraction(sum(known), len(known))
    weights = {place: mean if size is None else Fraction(size) for place, size in sizes.items()}
    if len(known) < len(sizes):
        return IdleWeights(weights, Origin.ASSUMED, EQUAL_SIZES)
    return IdleWeights(weights, Origin.AWS)


def without_variant(target: str) -> str:
    """Return a target of the log without the variant that it names: variants share a model."""
    return ", ".join(part for part in target.split(", ") if not part.startswith(VARIANT))


def _sizes(
    hosting: EndpointHosting, called: Collection[CalledTarget]
) -> dict[CalledTarget, int | None]:
    """Return what is in memory, with its size; None if that is not known."""
    known: dict[str, list[int | None]] = {}
    for one in hosting.occupants:
        known.setdefault(one.target, []).append(one.artifact_bytes)
    resident = {one.target for one in hosting.occupants if one.is_resident}
    targets = resident | {without_variant(place.target) for place in called}
    found: dict[CalledTarget, int | None] = {}
    for target in sorted(targets):
        each = [size for size in known.get(target, []) if size is not None]
        is_complete = target in known and len(each) == len(known[target])
        found[CalledTarget(hosting.name, target)] = sum(each) if is_complete else None
    return found


def _by_reservation(hosting: EndpointHosting, prices: Prices | None) -> IdleWeights:
    """Divide by the part of the instances that each component reserves, of what it needs most."""
    reserved = [
        (CalledTarget(hosting.name, one.target), one.reserved)
        for one in hosting.occupants
        if one.reserved is not None
    ]
    capacity = _capacity(hosting, prices)
    if capacity is None:
        weights = _added((place, Fraction(one.memory_mb)) for place, one in reserved)
        if not any(weights.values()):
            weights = dict.fromkeys(weights, Fraction(1))
        return IdleWeights(weights, Origin.ASSUMED, NO_CAPACITY, is_whole=True)
    weights = _added((place, _largest_part(one, capacity)) for place, one in reserved)
    rest = 1 - sum(weights.values(), Fraction(0))
    if rest > 0:
        weights[CalledTarget(hosting.name, UNRESERVED)] = rest
    return IdleWeights(weights, Origin.AWS, is_whole=True)


def _added(pairs: Iterable[tuple[CalledTarget, Fraction]]) -> dict[CalledTarget, Fraction]:
    weights: dict[CalledTarget, Fraction] = {}
    for place, weight in pairs:
        weights[place] = weights.get(place, Fraction(0)) + weight
    return weights


class _Capacity(NamedTuple):
    """What all instances of an endpoint have together; 0 if they have none."""

    vcpus: Fraction
    memory_mb: Fraction
    gpus: Fraction


def _capacity(hosting: EndpointHosting, prices: Prices | None) -> _Capacity | None:
    totals = [Fraction(0)] * 3
    for variant in hosting.variants:
        price = prices.instances.get(variant.instance_type or "") if prices else None
        if price is None or price.vcpus is None or price.memory_gib is None:
            return None
        if not variant.instances:
            return None
        has = _of_instance(price)
        totals = [old + variant.instances * new for old, new in zip(totals, has, strict=True)]
    return _Capacity(*totals) if hosting.variants else None


def _of_instance(price: InstancePrice) -> tuple[Fraction, Fraction, Fraction]:
    memory = Fraction(price.memory_gib or 0) * MB_PER_GB
    return Fraction(price.vcpus or 0), memory, Fraction(price.gpus or 0)


def _largest_part(reserved: Reserved, capacity: _Capacity) -> Fraction:
    """Return the largest part that a component reserves of anything that the instances have."""
    needs = (reserved.cpu_cores, reserved.memory_mb, reserved.accelerators)
    parts = [
        Fraction(need) / has for need, has in zip(needs, capacity, strict=True) if need and has
    ]
    return max(parts, default=Fraction(0))
