"""Making a policy fit: many names become what they begin with, as few and as narrow as will do.

A policy that is too long is first folded as far as it goes: every endpoint's artifacts into one
name, and all endpoints into one. Then folds are taken back, the widest first, as long as the
policy still fits: those of endpoints before those of artifacts, because a fold of endpoints lets
the gateway call what the table does not know at all.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import replace
from heapq import heapify, heappop, heappush
from typing import TYPE_CHECKING

from gatewayctl.policy.names import ANY, Name, fold, parted, shared
from gatewayctl.policy.needs import CONDITION_KEYS, Calls

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    Fits = Callable[[Iterable[Calls]], bool]
    Folds = Callable[[Calls], Sequence[Name]]
    Chosen = dict[tuple[str, str], Calls]


def fitted(calls: Sequence[Calls], fits: Fits) -> list[Calls]:
    """The calls as they are if they fit, else with the folds that widen least."""
    if fits(calls):
        return list(calls)
    chosen = _by_place(_folded(calls))
    chosen = _narrowed(chosen, fits, lambda one: [one.resource] if one.members else [])
    chosen = _narrowed(chosen, fits, lambda one: [name for name in one.values if name.members])
    return sorted(chosen.values())


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


def _narrowed(chosen: Chosen, fits: Fits, folds: Folds) -> Chosen:
    """Without the folds that need not be, the widest gone first."""
    waiting = [
        (len(name.start), name, place) for place, one in chosen.items() for name in folds(one)
    ]
    heapify(waiting)
    while waiting:
        _, name, place = heappop(waiting)
        parts = _by_place(_without(chosen[place], name))
        others = {at: one for at, one in chosen.items() if at != place}
        if fits([*others.values(), *parts.values()]):
            chosen = others | parts
            for at, one in parts.items():
                for finer in folds(one):
                    if finer.start.startswith(name.start):
                        heappush(waiting, (len(finer.start), finer, at))
    return chosen


def _without(one: Calls, name: Name) -> list[Calls]:
    """The same calls without one fold: that of their endpoints, or one of their values."""
    if name == one.resource:
        parts = parted(one.members, lambda member: member.resource.start)
        return [_merged(part, within=name.start) for part in parts]
    others = [value for value in one.values if value != name]
    return [replace(one, values=tuple(sorted([*others, *name.unfolded()])))]


def _by_place(calls: Iterable[Calls]) -> Chosen:
    return {(str(one.resource), one.key): one for one in calls}
