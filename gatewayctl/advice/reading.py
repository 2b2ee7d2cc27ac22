"""Puts together what is known of an account: its endpoints, the table, the calls, the prices."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING

from gatewayctl.advice.calls import Calls
from gatewayctl.advice.facts import (
    MB,
    Account,
    AdvisedModel,
)
from gatewayctl.advice.hosts import host_of, hosting_of
from gatewayctl.advice.places import named_places
from gatewayctl.costs.memory import without_variant
from gatewayctl.costs.prices import MB_PER_GB
from gatewayctl.costs.usage import CalledTarget, Use
from gatewayctl.target_names import title

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from chalicelib.routing.table import RoutingTable
    from gatewayctl.advice.places import Named
    from gatewayctl.costs.cloudwatch import VariantMetrics
    from gatewayctl.costs.hosting import EndpointHosting, Hosting, Occupant
    from gatewayctl.costs.prices import Prices
    from gatewayctl.costs.usage import Usage

NOT_ASKED: Mapping[str, Mapping[str, VariantMetrics]] = {}


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
    endpoints = {name: host_of(name, hosting, usage, prices, where) for name, where in at.items()}
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
            *_others(hosts, names, calls, memory_factor),
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
    hosts: Mapping[str, EndpointHosting | None],
    names: Mapping[CalledTarget, str],
    calls: Calls | None,
    memory_factor: float,
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
                place = CalledTarget(name, one.target)
                traffic = calls.traffic(place, names) if calls else None
                memory = _memory([one], memory_factor)
                yield AdvisedModel(other, found.kind, name, one.image, memory, traffic)


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
