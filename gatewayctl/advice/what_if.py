"""Compares an account with what it would be if another routing table were in force."""

from __future__ import annotations

import re
from collections import defaultdict
from dataclasses import dataclass, replace
from fnmatch import fnmatchcase
from math import isclose
from typing import TYPE_CHECKING, NamedTuple

from chalicelib.errors import InvalidParameter, UnknownModel, quoted
from gatewayctl.advice.hosts import accelerator, on_instances
from gatewayctl.advice.places import Named, named, named_places
from gatewayctl.report import WrongUse
from gatewayctl.target_names import title

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from chalicelib.routing import targets as routing
    from chalicelib.routing.table import RoutingTable
    from gatewayctl.advice.facts import Account, AdvisedModel, Host, SharingBoundary, Traffic
    from gatewayctl.costs.prices import Prices
    from gatewayctl.costs.usage import CalledTarget

    Move = tuple[AdvisedModel, float, Named]

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
    as_now: frozenset[str]
    """The endpoints that would be as they are now."""


def what_if(
    present: Account,
    now: RoutingTable,
    table: RoutingTable,
    *,
    plans: Sequence[Plan],
    prices: Prices | None,
    find: Callable[[str, routing.Place], Host],
) -> WhatIf:
    """Give the present calls to the targets of another table.

    A path that has several targets gives each the part of its calls that its weight says, unless
    both tables have the same. What no path leads to stays on its endpoint, such as an artifact
    whose entry was removed.

    Args:
        present: The account as it is.
        now: The table that is in force.
        table: The other table.
        plans: The instances of endpoints.
        prices: The prices of instances.
        find: Returns what is known of an endpoint that the other table names.
    """
    moved, lost = _moves(present, now, table)
    here = {one.name: present.endpoint_of(one).boundary for one in present.models}
    endpoints = {}
    for place, ones in moved.items():
        first, _, where = ones[0]
        endpoint = find(place.endpoint, where.at)
        endpoints[place.endpoint] = _planned(endpoint, here[first.name], plans, prices)
    staying = (one for one in present.models if not one.callers and one.endpoint in endpoints)
    models = (*(_moved(ones) for ones in moved.values()), *staying)
    other = replace(present, models=models, endpoints=endpoints)
    known = {path for one in present.models for path, _ in one.callers}
    return WhatIf(
        other,
        lost=tuple(sorted(lost)),
        new=tuple(sorted({one.path for one in named_places(table, moved)} - known)),
        as_now=frozenset(one for one in endpoints if _known(present, one) == _known(other, one)),
    )


def _moves(
    present: Account, now: RoutingTable, table: RoutingTable
) -> tuple[Mapping[CalledTarget, list[Move]], set[str]]:
    """Return by place what goes there with another table, and the paths that are called in vain."""
    moved: defaultdict[CalledTarget, list[Move]] = defaultdict(list)
    lost = set()
    for model in present.models:
        for (path, target), part in model.callers.items():
            found = _destinations(now, table, path, target)
            if not found and part and model.traffic and model.traffic.calls:
                lost.add(path)
            for one, share in found:
                moved[one.place].append((model, part * share, one))
    return moved, lost


def _known(account: Account, name: str) -> tuple[Host | None, list[AdvisedModel]]:
    """Return all that is known of an endpoint."""
    return account.endpoints.get(name), sorted(account.on(name), key=lambda one: one.name)


def _destinations(
    now: RoutingTable, table: RoutingTable, path: str, target: str | None
) -> list[tuple[Named, float]]:
    """Return where the calls of a path go that one of its targets gets now, and in which parts."""
    targets = _targets(table, path)
    if [_weighed(one) for one in targets] == [_weighed(one) for one in _targets(now, path)]:
        return [(one, 1.0) for one in targets if one.target == target]
    weights = sum(one.weight for one in targets)
    return [(one, one.weight / weights) for one in targets]


def _weighed(one: Named) -> object:
    return one.place, one.target, one.weight, one.at


def _targets(table: RoutingTable, path: str) -> list[Named]:
    """Return the targets of a path; none if the table does not have the path."""
    try:
        found = table.resolve(path)
    except (UnknownModel, InvalidParameter):
        return []
    return [named(found.model, one, found.parameters) for one in found.targets]


def _moved(ones: Sequence[Move]) -> AdvisedModel:
    """Return the model at a place to which the calls of others go."""
    first, _, where = ones[0]
    parts: defaultdict[str, float] = defaultdict(float)
    for model, part, _ in ones:
        parts[model.name] += part
    models = {model.name: model for model, _, _ in ones}
    called = [one for name, one in models.items() if parts[name]] or [first]
    traffic = [_part(one.traffic, parts[one.name]) for one in called if one.traffic is not None]
    return replace(
        first,
        name=title(where.path, where.target),
        kind=where.kind,
        endpoint=where.place.endpoint,
        traffic=_added(traffic) if len(traffic) == len(called) else None,
        callers={(one.path, one.target): part for _, part, one in ones},
    )


def _part(traffic: Traffic, part: float) -> Traffic:
    if isclose(part, 1):
        return traffic
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
