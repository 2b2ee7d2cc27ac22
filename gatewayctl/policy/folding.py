"""Making a policy fit: many names become what they begin with, as few and as narrow as will do.

A policy that is too long is first folded as far as it goes: the artifacts of every endpoint into
one name, and if that is not enough, all endpoints into one. Then folds are taken back while the
policy still fits, always the widest first: one that leaves a name wholly open, then one that stands
for more names of the table.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import replace
from heapq import heappop, heappush
from typing import TYPE_CHECKING

from gatewayctl.policy.names import ANY, Name, fold, parted, shared
from gatewayctl.policy.needs import CONDITION_KEYS, Calls

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    Fits = Callable[[Iterable[Calls]], bool]
    Place = tuple[str, str]
    Chosen = dict[Place, Calls]
    Width = tuple[bool, int]


ARTIFACTS_AN_ENDPOINT = 10
"""An endpoint's worth: a fold of endpoints lets in models that the table does not know at all."""


def fitted(calls: Sequence[Calls], fits: Fits) -> list[Calls]:
    """The calls as they are if they fit, else with the folds that widen least."""
    if fits(calls):
        return list(calls)
    artifacts_folded = [_merged([one], within="") for one in calls]
    folded = artifacts_folded if fits(artifacts_folded) else _folded(calls)
    return sorted(_narrowed(_by_place(folded), fits).values())


def _folded(calls: Sequence[Calls]) -> list[Calls]:
    """One for each sort of resource and argument."""
    sorts: dict[tuple[str, str], list[Calls]] = defaultdict(list)
    for one in calls:
        sort, slash, _ = one.resource.start.partition("/")
        sorts[sort + slash, one.key].append(one)
    return [_merged(group, within) for (within, _), group in sorts.items()]


def _merged(group: Sequence[Calls], within: str) -> Calls:
    """One for all of these; what it does not say itself has to be absent from its calls."""
    first = group[0]
    values = sorted({value for one in group for value in one.values})
    folded = (fold(values),) if values else ()
    if len(group) == 1:
        return replace(first, values=folded)
    names = tuple(one.resource for one in group)
    start = shared([name.start for name in names], within)
    absent = tuple(sorted(set(CONDITION_KEYS.values()) - {first.key}))
    return Calls(Name(start, ANY, names), first.key, folded, absent, tuple(group))


def _narrowed(chosen: Chosen, fits: Fits) -> Chosen:
    """Without the folds that need not be, the widest gone first."""
    waiting: list[tuple[Width, Name, Place]] = []
    met = set()

    def wait(places: Chosen) -> None:
        for place, one in places.items():
            for name in _folds(one):
                if (place, str(name)) not in met:
                    met.add((place, str(name)))
                    heappush(waiting, (_width(name, one), name, place))

    wait(chosen)
    while waiting:
        _, name, place = heappop(waiting)
        if place in chosen and name in _folds(chosen[place]):
            parts = _by_place(_without(chosen[place], name))
            others = {at: one for at, one in chosen.items() if at != place}
            if fits([*others.values(), *parts.values()]):
                chosen = others | parts
                wait(parts)
    return chosen


def _folds(one: Calls) -> list[Name]:
    """That of its endpoints, if it is one, and those of its values."""
    return [name for name in (one.resource, *one.values) if name.members]


def _width(fold: Name, of: Calls) -> Width:
    """Sorts the wider first."""
    if fold != of.resource:
        return (fold.start != "", -len(fold.members))
    _, _, start = fold.start.partition("/")
    return (start != "", -len(fold.members) * ARTIFACTS_AN_ENDPOINT)


def _without(one: Calls, name: Name) -> list[Calls]:
    """The same calls without one fold: that of their endpoints, or one of their values."""
    if name == one.resource:
        parts = parted(one.members, lambda member: member.resource.start)
        return [_merged(part, within=name.start) for part in parts]
    others = [value for value in one.values if value != name]
    return [replace(one, values=tuple(sorted([*others, *name.unfolded()])))]


def _by_place(calls: Iterable[Calls]) -> Chosen:
    return {(str(one.resource), one.key): one for one in calls}
