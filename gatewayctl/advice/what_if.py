"""Compares an account with what it would be if another routing table were in force."""

from __future__ import annotations

import re
from collections import defaultdict
from dataclasses import dataclass, replace
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, NamedTuple

from chalicelib.errors import InvalidParameter, UnknownModel, quoted
from gatewayctl.advice.alike import may_share
from gatewayctl.advice.hosts import accelerator, on_instances
from gatewayctl.advice.places import Named, named, named_places
from gatewayctl.advice.sharing import USABLE_MEMORY, demands_of, share_text
from gatewayctl.costs.mathematics import cold_interval, peak_concurrency
from gatewayctl.output import first_few, plural
from gatewayctl.report import WrongUse
from gatewayctl.statistics import Interval
from gatewayctl.target_names import title

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from chalicelib.routing.table import RoutingTable
    from gatewayctl.advice.facts import Account, AdvisedModel, Host, SharingBoundary, Traffic
    from gatewayctl.costs.prices import Prices
    from gatewayctl.costs.usage import CalledTarget

PLAN = re.compile(r"(?P<pattern>[^=]+)=(?P<type>ml\.[a-z0-9-]+\.[a-z0-9-]+)(:(?P<count>[0-9]+))?")
MOST_PLANNED = 1000


class Plan(NamedTuple):
    """The instances of endpoints that are not there yet, or that would have others."""

    pattern: str
    """The names of the endpoints, as in `team-a-*`."""
    instance_type: str
    instances: int

    @classmethod
    def parse(cls, text: str) -> Plan:
        """Read `PATTERN=TYPE` or `PATTERN=TYPE:COUNT`.

        Raises:
            WrongUse: It is none.
        """
        match = PLAN.fullmatch(text)
        count = int(match["count"] or 1) if match else 0
        if match is None or not 1 <= count <= MOST_PLANNED:
            raise WrongUse(
                f"--plan {quoted(text)} names no instances; write ENDPOINT=TYPE or "
                "ENDPOINT=TYPE:COUNT, as in 'digits=ml.c5.large:2' or 'team-a-*=ml.m5.large'"
            )
        return cls(match["pattern"], match["type"], count)


@dataclass(frozen=True, slots=True)
class WhatIf:
    """An account as it would be with another table."""

    account: Account
    lost: tuple[str, ...]
    """Paths that were called, and that the other table does not have."""
    new: tuple[str, ...]
    """Paths that the other table adds; nothing is known of their calls."""


def what_if(
    present: Account,
    table: RoutingTable,
    plans: Sequence[Plan],
    prices: Prices | None,
    find: Callable[[str], Host],
) -> WhatIf:
    """Give the present calls to the targets of another table.

    A path that has several targets gives each the part of its calls that its weight says. What no
    path leads to stays on its endpoint, such as an artifact whose entry was removed.

    Args:
        find: Returns what is known of an endpoint that the other table names.
    """
    moved: defaultdict[CalledTarget, list[tuple[AdvisedModel, float, Named]]] = defaultdict(list)
    lost, known = set(), set()
    for model in present.models:
        for (path, _), part in model.callers.items():
            known.add(path)
            targets = targets_of(table, path)
            if not targets and part and model.traffic and model.traffic.calls:
                lost.add(path)
            weights = sum(one.weight for one in targets)
            for one in targets:
                moved[one.place].append((model, part * one.weight / weights, one))
    here = {one.name: present.endpoint_of(one).boundary for one in present.models}
    endpoints = {}
    for place, ones in moved.items():
        endpoint = find(place.endpoint)
        endpoints[place.endpoint] = _planned(endpoint, here[ones[0][0].name], plans, prices)
    staying = (one for one in present.models if not one.callers and one.endpoint in endpoints)
    models = (*(_moved(ones) for ones in moved.values()), *staying)
    paths = {one.path for one in named_places(table, moved)}
    return WhatIf(
        replace(present, models=models, endpoints=endpoints),
        lost=tuple(sorted(lost)),
        new=tuple(sorted(paths - known)),
    )


def targets_of(table: RoutingTable, path: str) -> list[Named]:
    """Return the targets of a path that get calls; none if the table does not have the path."""
    try:
        found = table.resolve(path)
    except (UnknownModel, InvalidParameter):
        return []
    return [named(found.model, one, found.parameters) for one in found.targets if one.weight]


def _moved(ones: Sequence[tuple[AdvisedModel, float, Named]]) -> AdvisedModel:
    """Return the model at a place to which the calls of others go."""
    first, _, where = ones[0]
    traffic = [_part(model.traffic, part) for model, part, _ in ones if model.traffic is not None]
    return replace(
        first,
        name=title(where.path, where.target),
        kind=where.kind,
        endpoint=where.place.endpoint,
        traffic=_added(traffic) if len(traffic) == len(ones) else None,
        callers={(one.path, one.target): part for _, part, one in ones},
    )


def _part(traffic: Traffic, part: float) -> Traffic:
    return replace(
        traffic,
        calls=round(traffic.calls * part),
        busy_seconds=traffic.busy_seconds * part,
        peak_busy=traffic.peak_busy * part,
    )


def _added(traffic: Sequence[Traffic]) -> Traffic:
    """Add the calls of several; what cannot be added is that of the one with the most calls."""
    most = max(traffic, key=lambda one: one.calls)
    return replace(
        most,
        calls=sum(one.calls for one in traffic),
        busy_seconds=sum(one.busy_seconds for one in traffic),
        p99_ms=max(one.p99_ms for one in traffic),
        peak_busy=sum(one.peak_busy for one in traffic),
    )


def _planned(
    found: Host, boundary: SharingBoundary, plans: Sequence[Plan], prices: Prices | None
) -> Host:
    """Return an endpoint with the instances of the first plan whose pattern has its name."""
    plan = next((one for one in plans if fnmatchcase(found.name, one.pattern)), None)
    if plan is None:
        return found
    price = prices.instances.get(plan.instance_type) if prices else None
    kind = accelerator(plan.instance_type, price.gpus if price else None)
    own = boundary if found.instances is None else found.boundary
    planned = own._replace(accelerator=kind)
    return on_instances(found.name, planned, plan.instance_type, plan.instances, prices)


def cold(account: Account, endpoint: str) -> Interval | None:
    """Return the share of an endpoint's calls that find their model not loaded.

    Only models of a multi-model endpoint can be not loaded. None if it is unknown.
    """
    models = [one for one in account.on(endpoint) if one.kind == "mme"]
    host = account.endpoints[endpoint]
    if not models:
        return Interval(0.0, 0.0)
    if host.memory_bytes is None or host.instances is None:
        return None
    demands = demands_of(models, account)
    if demands is None:
        return None
    return cold_interval(demands, host.memory_bytes * USABLE_MEMORY, host.instances).all


def all_cold(account: Account) -> Interval | None:
    """Return the share of all calls that find their model not loaded; None if it is unknown."""
    low = high = 0.0
    total = 0
    for name in account.endpoints:
        found = cold(account, name)
        if found is None:
            return None
        calls = sum(one.traffic.calls for one in account.on(name) if one.traffic)
        total += calls
        low, high = low + calls * found.low, high + calls * found.high
    return Interval(low / total, high / total) if total else Interval(0.0, 0.0)


def risks(present: Account, other: WhatIf, cold_target: float) -> Iterator[str]:
    """Yield what may go wrong with the other table."""
    if other.lost:
        yield f"callers get a 404: the table does not have {first_few(other.lost)}"
    was = {path: one for one in present.models for path, _ in one.callers}
    for name in sorted(other.account.endpoints):
        models = other.account.on(name)
        before = {path: was[path] for one in models for path, _ in one.callers if path in was}
        yield from _mixed(name, models, list(before.values()), present)
        yield from _too_much(name, other.account, cold_target)


def _mixed(
    name: str, models: Sequence[AdvisedModel], before: Sequence[AdvisedModel], present: Account
) -> Iterator[str]:
    """Yield which models an endpoint would bring together that are apart today."""
    images = {one.image for one in before}
    if models[0].kind == "mme" and len(images) > 1:
        yield f"{name}: a multi-model endpoint has one image, and these models have several"
    reasons: dict[str, list[str]] = {}
    for other in before[1:]:
        if may_share(before[0], other, present) is False:
            one = present.endpoint_of(before[0]).boundary
            apart = one.differences(present.endpoint_of(other).boundary)
            reasons.setdefault(", ".join(apart), []).append(other.name)
    for why, names in reasons.items():
        yield f"{name}: {first_few(names)} is apart from {before[0].name} today by {why}"


def _too_much(name: str, account: Account, cold_target: float) -> Iterator[str]:
    """Yield what is too much for the instances of an endpoint."""
    host, models = account.endpoints[name], account.on(name)
    if host.instances is None:
        yield f"{name}: unknown instances; name them: --plan {name}=ml.c5.large"
        return
    share = cold(account, name)
    if share is None:
        yield f"{name}: unknown how often a model is not loaded"
    elif share.high > cold_target:
        yield f"{name}: {share_text(share)} of the calls find their model not loaded"
    peak = sum(one.traffic.peak_busy for one in models if one.traffic)
    if host.vcpus and (needed := peak_concurrency(peak)) > host.vcpus * host.instances:
        has = plural(host.vcpus * host.instances, "vCPU")
        yield f"{name}: {needed:,} calls at once in the busiest minute, and {has}"
