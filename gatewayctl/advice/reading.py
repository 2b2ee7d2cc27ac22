"""Puts together what is known of an account: its endpoints, the table, the calls, the prices."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING

from chalicelib.routing.targets import HERE
from gatewayctl.advice.calls import Calls
from gatewayctl.advice.facts import (
    CPU,
    GIB,
    GPU,
    NEURON,
    NOTHING,
    Account,
    AdvisedModel,
    Host,
    SharingBoundary,
)
from gatewayctl.advice.places import named_places
from gatewayctl.costs import rates
from gatewayctl.costs.memory import without_variant
from gatewayctl.costs.prices import MB_PER_GB
from gatewayctl.costs.usage import CalledTarget, Use
from gatewayctl.target_names import title

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from chalicelib.routing import targets as routing
    from chalicelib.routing.table import RoutingTable
    from gatewayctl.advice.places import Named
    from gatewayctl.costs.cloudwatch import VariantMetrics
    from gatewayctl.costs.hosting import EndpointHosting, Hosting, Occupant, Serverless
    from gatewayctl.costs.prices import Prices
    from gatewayctl.costs.usage import Usage

MB = 2**20
NOT_ASKED: Mapping[str, Mapping[str, VariantMetrics]] = {}
WITH_GPU, WITH_NEURON = ("g", "p"), ("inf", "trn")
"""How the families of instances with accelerators begin, as in `ml.g5.xlarge`."""


def account(
    table: RoutingTable,
    hosting: Hosting,
    usage: Usage | None,
    prices: Prices | None,
    *,
    memory_factor: float,
    metrics: Mapping[str, Mapping[str, VariantMetrics]] = NOT_ASKED,
) -> Account:
    """Return what is known of the models of a table.

    Args:
        metrics: What CloudWatch says, by endpoint and variant.
        memory_factor: How much memory a model takes, as a multiple of its artifact in S3.
    """
    calls = None if usage is None else Calls(usage)
    found: defaultdict[CalledTarget, list[Named]] = defaultdict(list)
    for one in named_places(table, calls.places if calls else ()):
        found[one.place].append(one)
    names = {place: title(ones[0].path, ones[0].target) for place, ones in found.items()}
    at = {place.endpoint: ones[0].at for place, ones in found.items()}
    endpoints = {name: endpoint(name, hosting, usage, prices, where) for name, where in at.items()}
    hosts = {name: hosting_of(name, hosting, where) for name, where in at.items()}
    occupants = _occupants(one for one in hosts.values() if one is not None)
    models = [
        AdvisedModel(
            name=names[place],
            kind=ones[0].kind,
            endpoint=place.endpoint,
            image=_image(_on(occupants, place), hosts[place.endpoint]),
            memory_bytes=_memory(_on(occupants, place), memory_factor),
            traffic=calls.traffic(place, names) if calls else None,
            callers=_callers(calls.by_entry(place) if calls else {}, ones),
        )
        for place, ones in found.items()
    ]
    return Account(
        period_hours=max(1, usage.covered.seconds) / 3600 if usage else 0.0,
        models=(
            *models,
            *_others(hosts, names),
            *_forgotten(hosts, names, occupants, calls, memory_factor),
        ),
        endpoints=endpoints,
        currency=prices.currency if prices else "USD",
        serverless_price=_serverless_price(prices),
        serverless_price_of_data=_serverless_price_of_data(prices),
        unseen=_unseen(hosting, usage, metrics),
    )


def _unseen(
    hosting: Hosting, usage: Usage | None, metrics: Mapping[str, Mapping[str, VariantMetrics]]
) -> dict[str, float]:
    """Return which part of an endpoint's calls the log does not have; copies are nobody's calls."""
    uses = usage.of_endpoint() if usage else {}
    found = {}
    for name, of_variants in metrics.items():
        variants = hosting.endpoints[name].variants if name in hosting.endpoints else ()
        shadows = {one.name for one in variants if one.is_shadow}
        counted = sum(
            one.invocations or 0 for variant, one in of_variants.items() if variant not in shadows
        )
        if counted and uses:
            found[name] = max(0.0, 1 - uses.get(name, Use()).attempts / counted)
    return found


def _callers(calls: Mapping[str, int], ones: list[Named]) -> dict[tuple[str, str | None], float]:
    """Return the parts of the calls of a place that came by each path.

    Args:
        calls: The calls of the place by entry.
    """
    total = sum(calls.get(one.entry, 0) for one in ones)
    return {
        (one.path, one.target): calls.get(one.entry, 0) / total if total else 1 / len(ones)
        for one in ones
    }


def _others(
    hosts: Mapping[str, EndpointHosting | None], names: Mapping[CalledTarget, str]
) -> Iterator[AdvisedModel]:
    """Yield what is on the table's endpoints all the time, and that the table does not name."""
    known: defaultdict[str, set[str]] = defaultdict(set)
    for place in names:
        known[place.endpoint].add(without_variant(place.target))
    for name, targets in known.items():
        found = hosts[name]
        for one in found.occupants if found else ():
            if found and found.kind and one.is_resident and one.target not in targets:
                label = one.target.partition("=")[2] or "without a name"
                other = f"{name} ({label}, not in the table)"
                yield AdvisedModel(other, found.kind, name, one.image, None, None)


def _forgotten(
    hosts: Mapping[str, EndpointHosting | None],
    names: Mapping[CalledTarget, str],
    occupants: Mapping[CalledTarget, list[Occupant]],
    calls: Calls | None,
    memory_factor: float,
) -> Iterator[AdvisedModel]:
    """Yield what the log has calls of on the table's endpoints, and that the table does not name.

    Such as an artifact whose entry was removed. What is there all the time is of `_others`.
    """
    known = {_shared_by_variants(place) for place in names}
    for place in sorted(calls.places) if calls else ():
        found = hosts.get(place.endpoint)
        on = _on(occupants, place)
        if found is None or found.kind != "mme" or _shared_by_variants(place) in known:
            continue
        known.add(_shared_by_variants(place))
        if not any(one.is_resident for one in on):
            label = without_variant(place.target).partition("=")[2] or "without a name"
            yield AdvisedModel(
                f"{place.endpoint} ({label}, not in the table)",
                found.kind,
                place.endpoint,
                _image(on, found),
                _memory(on, memory_factor),
                calls.traffic(place, names) if calls else None,
            )


def _shared_by_variants(place: CalledTarget) -> CalledTarget:
    return place._replace(target=without_variant(place.target))


def endpoint(
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
    return on_instances(name, boundary, only, found.instances, prices)


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
        network=", ".join([*known.networks, *(["isolated"] if known.is_isolated else [])]),
        key=known.kms_key or NOTHING,
        accelerator=accelerator,
    )


def _occupants(hosts: Iterable[EndpointHosting]) -> Mapping[CalledTarget, list[Occupant]]:
    """Return what is on the endpoints, by what a call names."""
    by_place: defaultdict[CalledTarget, list[Occupant]] = defaultdict(list)
    for endpoint in hosts:
        for one in endpoint.occupants:
            by_place[CalledTarget(endpoint.name, one.target)].append(one)
    return by_place


def _on(occupants: Mapping[CalledTarget, list[Occupant]], place: CalledTarget) -> list[Occupant]:
    return occupants.get(CalledTarget(place.endpoint, without_variant(place.target)), [])


def _image(occupants: Sequence[Occupant], found: EndpointHosting | None) -> str | None:
    images = [one.image for one in occupants if one.image is not None]
    if not images and found is not None and len(found.boundary.images) == 1:
        images = list(found.boundary.images)
    return images[0] if images else None


def _memory(occupants: Sequence[Occupant], factor: float) -> float | None:
    """Return an estimate: what a component reserves, else a multiple of the artifact."""
    reserved = [one.reserved.memory_mb for one in occupants if one.reserved is not None]
    if any(reserved):
        return float(sum(reserved) * MB)
    sizes = [one.artifact_bytes for one in occupants]
    if not sizes or None in sizes:
        return None
    return factor * sum(size or 0 for size in sizes)


def _serverless_price(prices: Prices | None) -> float | None:
    """Return the price of a second with 1 GB of memory."""
    known = prices.serverless.per_second if prices and prices.serverless else {}
    return float(known[MB_PER_GB]) if MB_PER_GB in known else None


def _serverless_price_of_data(prices: Prices | None) -> float:
    known = prices.serverless.per_gb_processed if prices and prices.serverless else None
    return float(known or 0)
