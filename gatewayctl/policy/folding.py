"""Shortens a policy until IAM accepts its length, and lists what it then allows beyond the table.

A policy that is too long is first folded completely: the artifacts of every endpoint into one
name, and if that is not enough, all endpoints into one name. Then folds are undone while the policy
is short enough. The widest folds are undone first: those that admit every name, then those that
stand for the most names of the table.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import replace
from heapq import heappop, heappush
from typing import TYPE_CHECKING

from chalicelib.routing.parameters import Pattern
from chalicelib.routing.targets import fill, keys_of
from gatewayctl.policy.needs import (
    ANY,
    CallGroup,
    Name,
    condition_keys,
    fold,
    parted,
    shared,
    target_keys,
)
from gatewayctl.target_names import title

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from chalicelib.routing.named_targets import NamedTarget
    from chalicelib.routing.table import Model

    Fits = Callable[[Iterable[CallGroup]], bool]
    GroupKey = tuple[str, str, str, str]
    Groups = dict[GroupKey, CallGroup]
    Width = tuple[bool, int]


ARTIFACTS_AN_ENDPOINT = 10
"""A fold of endpoints is as wide as a fold of so many artifacts for each endpoint.

It is wider than a fold of artifacts, because it admits endpoints that the table does not name.
"""


def fitted(groups: Sequence[CallGroup], fits: Fits) -> list[CallGroup]:
    """Return the groups as they are if they fit, else with the narrowest folds that fit."""
    if fits(groups):
        return list(groups)
    artifacts_folded = [_merged([one], within="") for one in groups]
    folded = artifacts_folded if fits(artifacts_folded) else _folded(groups)
    return sorted(_narrowed(_by_key(folded), fits).values())


def _folded(groups: Sequence[CallGroup]) -> list[CallGroup]:
    """Fold all groups of the same resource type, Region, argument and action into one."""
    alike: dict[GroupKey, list[CallGroup]] = defaultdict(list)
    for one in groups:
        resource_type, slash, _ = one.resource.start.partition("/")
        alike[resource_type + slash, one.region, one.key, one.action].append(one)
    return [_merged(members, within) for (within, _, _, _), members in alike.items()]


def _merged(groups: Sequence[CallGroup], within: str) -> CallGroup:
    """Fold groups into one, whose calls have the argument of these groups and no other one."""
    first = groups[0]
    values = sorted({value for one in groups for value in one.values})
    folded = (fold(values),) if values else ()
    if len(groups) == 1:
        return replace(first, values=folded)
    names = tuple(one.resource for one in groups)
    start = shared([name.start for name in names], within)
    absent = tuple(sorted(condition_keys() - {first.key}))
    name = Name(start, ANY, names)
    return CallGroup(name, first.key, folded, absent, tuple(groups), first.region, first.action)


def _narrowed(groups: Groups, fits: Fits) -> Groups:
    """Undo every fold that is not needed, the widest first."""
    queue: list[tuple[Width, Name, GroupKey]] = []
    queued = set()

    def enqueue(new: Groups) -> None:
        for key, one in new.items():
            for name in _folds(one):
                if (key, str(name)) not in queued:
                    queued.add((key, str(name)))
                    heappush(queue, (_width(name, one), name, key))

    enqueue(groups)
    while queue:
        _, name, key = heappop(queue)
        if key in groups and name in _folds(groups[key]):
            parts = _by_key(_without(groups[key], name))
            others = {other: one for other, one in groups.items() if other != key}
            if fits([*others.values(), *parts.values()]):
                groups = others | parts
                enqueue(parts)
    return groups


def _folds(one: CallGroup) -> list[Name]:
    """Return the folds in a group: of its endpoints, and of its values."""
    return [name for name in (one.resource, *one.values) if name.members]


def _width(fold: Name, of: CallGroup) -> Width:
    """Return a value that sorts wider folds first."""
    if fold != of.resource:
        return (fold.start != "", -len(fold.members))
    _, _, start = fold.start.partition("/")
    return (start != "", -len(fold.members) * ARTIFACTS_AN_ENDPOINT)


def _without(one: CallGroup, name: Name) -> list[CallGroup]:
    """Return groups for the same calls without one fold, of the endpoints or of values."""
    if name == one.resource:
        parts = parted(one.members, lambda member: member.resource.start)
        return [_merged(part, within=name.start) for part in parts]
    others = [value for value in one.values if value != name]
    return [replace(one, values=tuple(sorted([*others, *name.unfolded()])))]


def _by_key(groups: Iterable[CallGroup]) -> Groups:
    return {(str(one.resource), one.region, one.key, one.action): one for one in groups}


def widened_by_folds(groups: Iterable[CallGroup]) -> list[str]:
    """Return a line for each fold, with what it allows and how many of these the table names."""
    return sorted({line for one in groups for line in _lines_of(one)})


def widened_by_patterns(models: Iterable[Model]) -> list[str]:
    """Return a line for each target with a parameter's pattern, which IAM reduces to `*`."""
    return [
        line for model in models for one in model.targets for line in _lines_of_patterns(model, one)
    ]


def _lines_of(one: CallGroup) -> Iterator[str]:
    resource_type, _, name = one.resource.start.partition("/")
    nouns = {key.iam_resource: key.noun for key in target_keys()}
    noun = nouns[resource_type]
    region = f" in {one.region}" if one.region else ""
    if not one.members:
        for value in one.values:
            if value.members:
                where = f"of {noun} {name.lower()}{region}"
                yield f"{_values(one.key, value)} {where} (the table names {len(value.members)})"
        return
    where = f"every {noun}{_start(name)}{region}"
    count = f"(the table names {len({member.start.lower() for member in one.resource.members})})"
    if not one.key:
        yield f"{where}{', without a target' if noun == 'endpoint' else ''} {count}"
    for value in one.values:
        yield f"{_values(one.key, value)} of {where} {count}"


def _values(condition_key: str, value: Name) -> str:
    noun = {key.iam_condition_key: key.noun for key in target_keys()}[condition_key]
    if value.members:
        return f"every {noun}{_start(value.start)}"
    return f"every {noun} like {value}" if value.is_open else f"{noun} {value}"


def _start(text: str) -> str:
    if not text:
        return ""
    return f" under {text}" if text.endswith("/") else f" that begins with {text}"


def _lines_of_patterns(model: Model, of: NamedTarget) -> Iterator[str]:
    patterns = {
        one.name: one.rule.pattern for one in model.parameters if isinstance(one.rule, Pattern)
    }
    rules = " and ".join(f"{name} is {pattern}" for name, pattern in patterns.items())
    arguments = of.invoke_args
    for key in keys_of(type(of.target)).values():
        template = arguments.get(key.argument, "")
        filled = fill(template, dict.fromkeys(patterns, ANY))
        if key.iam_condition_key and filled != template:
            yield (
                f"every {key.noun} like {filled} of endpoint {arguments['EndpointName'].lower()} "
                f"(in the table of {title(model.name, of.name)}, {rules})"
            )
