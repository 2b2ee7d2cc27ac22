"""What is known of an endpoint: its instances, its price, and what separates it from others."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from chalicelib.routing.targets import HERE
from gatewayctl.advice.facts import (
    CPU,
    GIB,
    GPU,
    ISOLATED,
    MB,
    NEURON,
    NOTHING,
    Host,
    SharingBoundary,
)
from gatewayctl.costs import rates
from gatewayctl.costs.usage import Use

if TYPE_CHECKING:
    from collections.abc import Iterable

    from chalicelib.routing import targets as routing
    from gatewayctl.costs.hosting import EndpointHosting, Hosting, Serverless
    from gatewayctl.costs.prices import Prices
    from gatewayctl.costs.usage import Usage

WITH_GPU, WITH_NEURON = ("g", "p"), ("inf", "trn")
"""How the families of instances with accelerators begin, as in `ml.g5.xlarge`."""


def host_of(
    name: str,
    hosting: Hosting,
    usage: Usage | None,
    prices: Prices | None,
    at: routing.Place = HERE,
) -> Host:
    """Return what is known of an endpoint."""
    found, region = hosting_of(name, hosting, at), hosting.region
    if found is None:
        return Host(name, SharingBoundary(region_and_account=_region_and_account(at, region)))
    if found.serverless is not None:
        return Host(
            name,
            _boundary(found, CPU, at, region),
            instances=1,
            price_an_hour=_serverless_hour(name, found.serverless, usage, prices),
            memory_bytes=found.serverless.memory_mb * MB,
            is_serverless=True,
        )
    types = {one.instance_type for one in found.answering}
    boundary = _boundary(found, _common_accelerator(types, prices), at, region)
    only = next(iter(types)) if len(types) == 1 else None
    host = on_instances(name, boundary, only, found.instances, prices)
    return replace(host, variants=len(found.variants))


def on_instances(
    name: str,
    boundary: SharingBoundary,
    instance_type: str | None,
    instances: int | None,
    prices: Prices | None,
) -> Host:
    """Return an endpoint with what the prices say about its type of instance."""
    price = prices.instances.get(instance_type or "") if prices else None
    if price is None:
        return Host(name, boundary, instance_type, instances)
    return Host(
        name,
        boundary,
        instance_type,
        instances,
        price_an_hour=float(price.per_hour),
        vcpus=price.vcpus,
        memory_bytes=None if price.memory_gib is None else float(price.memory_gib) * GIB,
        accelerators=price.gpus or None,  # The price list counts no GPU for Inferentia.
    )


def _serverless_hour(
    name: str, serverless: Serverless, usage: Usage | None, prices: Prices | None
) -> float | None:
    """Return what an hour of a serverless endpoint cost on average; None if it is unknown."""
    if usage is None or not usage.covered.seconds:
        return None
    use, seconds = usage.of_endpoint().get(name, Use()), usage.covered.seconds
    of_calls = rates.use_cost(serverless, use, prices)
    cost = rates.summed([of_calls, rates.provisioned_cost(serverless, seconds, prices)]).value
    return None if cost is None else float(cost) * 3600 / seconds


def hosting_of(name: str, hosting: Hosting, at: routing.Place) -> EndpointHosting | None:
    """Return an endpoint; None if it is not known, as in another Region or account."""
    is_here = at.role_arn is None and at.region in {None, hosting.region}
    return hosting.endpoints.get(name) if is_here else None


def is_elsewhere(one: Host, region: str | None) -> bool:
    """Whether an endpoint is in another Region or account than that which was read."""
    return one.boundary.region_and_account != _region_and_account(HERE, region)


def accelerator(instance_type: str | None, gpus: int | None) -> str | None:
    """Return what a type of instance computes with.

    Args:
        gpus: What the price list says; None if it says nothing, and the name of the type decides.
    """
    family = (instance_type or "").removeprefix("ml.")
    if family.startswith(WITH_NEURON):
        return NEURON  # The price list counts no GPU for them.
    if gpus is not None:
        return GPU if gpus else CPU
    if instance_type is None:
        return None
    return GPU if family.startswith(WITH_GPU) else CPU


def _common_accelerator(types: Iterable[str | None], prices: Prices | None) -> str | None:
    """Return what all these types of instances compute with; None if it is not the same."""
    known = {name: prices.instances.get(name or "") if prices else None for name in types}
    found = {accelerator(name, price.gpus if price else None) for name, price in known.items()}
    return found.pop() if len(found) == 1 else None


def _region_and_account(at: routing.Place, region: str | None) -> str:
    return f"{at.region or region or 'here'} {at.role_arn or ''}".strip()


def _boundary(
    found: EndpointHosting, accelerator: str | None, at: routing.Place, region: str | None
) -> SharingBoundary:
    known = found.boundary
    if not known.is_known:
        return SharingBoundary(
            region_and_account=_region_and_account(at, region), accelerator=accelerator
        )
    return SharingBoundary(
        region_and_account=_region_and_account(at, region),
        role=", ".join(known.roles),
        network=", ".join(known.networks),
        key=known.kms_key or NOTHING,
        accelerator=accelerator,
        isolation=ISOLATED if known.is_isolated else NOTHING,
    )
