"""Finds the permissions that one call needs, and those that all calls of a table need.

Names in a policy can be folded: several names are replaced by the text with which they all begin:

    houston/v1.tar.gz  ─┐
    houston/v2.tar.gz  ─┴►  houston/*        a fold ends at a folder if there is one
    iris-v1.tar.gz     ─┐
    iris-v2.tar.gz     ─┴►  iris-v*          else where the names differ
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from itertools import groupby, product, takewhile
from math import prod
from typing import TYPE_CHECKING, TypeVar

from chalicelib.routing.parameters import OneOf
from chalicelib.routing.targets import KINDS, Key, fill, keys_of
from gatewayctl.report import Refused
from gatewayctl.target_names import key_path

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from chalicelib.routing.named_targets import NamedTarget
    from chalicelib.routing.table import Model
    from chalicelib.routing.targets import Target

Item = TypeVar("Item")

ACTION = "sagemaker:InvokeEndpoint"
ANY = "*"

MOST_ARTIFACTS = 100_000
"""The most artifacts that the lists of one entry may make, because each artifact is computed."""

_SPECIAL = str.maketrans({character: f"${{{character}}}" for character in "*?$"})


def escaped(text: str) -> str:
    """Write a text so that IAM takes each character literally."""
    return text.translate(_SPECIAL)


@dataclass(frozen=True, slots=True, order=True)
class Name:
    """A name in a policy: a text, a pattern that begins with a text, or a fold of names."""

    start: str
    rest: str = ""
    """The part from the first `*` on, in IAM's syntax."""
    members: tuple[Name, ...] = ()
    """The names that were folded into this one."""

    def __str__(self) -> str:
        return escaped(self.start) + self.rest

    @property
    def is_open(self) -> bool:
        """Whether the name stands for more than one text."""
        return self.rest != ""

    def unfolded(self) -> tuple[Name, ...]:
        """Return the narrower folds and the names of which this fold consists."""
        parts = parted(self.members, lambda name: name.start)
        return tuple(fold(part, within=self.start) for part in parts)


def fold(names: Sequence[Name], within: str = "") -> Name:
    """Return one name that stands for all these names, each of which begins with `within`."""
    if len(names) == 1:
        return names[0]
    return Name(shared([name.start for name in names], within), ANY, tuple(sorted(names)))


def shared(texts: Sequence[str], within: str) -> str:
    """Return the start that all texts share, up to a folder below `within` if there is one."""
    start = _common_start(texts)
    folder = start[: start.rfind("/") + 1]
    return folder if len(folder) > len(within) else start


def parted(items: Sequence[Item], start: Callable[[Item], str]) -> list[list[Item]]:
    """Divide sorted items by the first character in which they differ.

    An item that has no such character, because its text ends there, is a part of its own.
    """
    agreed = len(_common_start([start(item) for item in items]))
    parts = []
    for differing, group in groupby(items, lambda item: start(item)[agreed : agreed + 1]):
        alike = list(group)
        parts += [alike] if differing else [[item] for item in alike]
    return parts


def _common_start(texts: Sequence[str]) -> str:
    first, last = min(texts), max(texts)
    pairs = zip(first, last, strict=False)
    return first[: sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], pairs))]


def target_keys() -> list[Key]:
    """Return the keys of all kinds of target."""
    return [key for target in KINDS.values() for key in keys_of(target).values()]


def condition_keys() -> set[str]:
    """Return the condition keys of InvokeEndpoint's arguments."""
    return {key.iam_condition_key for key in target_keys() if key.iam_condition_key}


@dataclass(frozen=True, slots=True)
class Permission:
    """The permission for one call: an action on all of these resources, and a condition."""

    action: str
    resources: tuple[str, ...]
    """The last part of each ARN, such as `endpoint/tabular`."""
    condition: tuple[str, str] | None
    """A condition key, and its value in this call."""


def permission_for(target: Target) -> Permission:
    """Return the permission for a call of a target, whose parameters have been filled in."""
    conditions = [(str(key.iam_condition_key), value) for key, value in _conditions(target)]
    resources = (resource.lower() for resource in _resources(target))
    return Permission(target.iam_action, tuple(resources), conditions[0] if conditions else None)


@dataclass(frozen=True, slots=True, order=True)
class CallGroup:
    """Calls of one endpoint, or of a fold of endpoints, with the same argument or with none."""

    resource: Name
    key: str = ""
    """The condition key of the argument."""
    values: tuple[Name, ...] = ()
    absent: tuple[str, ...] = ()
    """Condition keys of other calls of this endpoint, which these calls do not have."""
    members: tuple[CallGroup, ...] = ()
    """The groups that were folded into this one."""
    region: str = ""
    """The Region of the endpoints; empty for the gateway's own."""
    action: str = ACTION


# SageMaker writes names into ARNs in lower case, and reportedly keeps the case of newer names. A
# policy allows both spellings, which mean the same endpoint because SageMaker ignores case.
def call_groups(models: Iterable[Model], role_arn: str | None = None) -> list[CallGroup]:
    """Return all calls that these models can lead to.

    Args:
        models: The entries of a table.
        role_arn: The role with which the calls are made; None for the function's own.

    Raises:
        Refused: An entry is of a size or kind for which no policy can be made.
    """
    values: dict[tuple[str, str, str, str], set[Name]] = defaultdict(set)
    spellings: dict[str, set[str]] = defaultdict(set)
    # The gateway's own Region may also be named. So an endpoint's keys are those of all Regions.
    keys: dict[str, set[str]] = defaultdict(set)
    for model in models:
        for one in model.targets:
            if one.target.place.role_arn != role_arn:
                continue
            key, some = _argument(model, one)
            for resource in _resources(one.target):
                lower = resource.lower()
                values[lower, one.target.place.region or "", key, one.target.iam_action] |= some
                spellings[lower] |= {resource, lower}
                keys[lower].add(key)
    return sorted(
        CallGroup(
            Name(spelling),
            key,
            tuple(sorted(some)),
            absent=tuple(sorted(keys[resource] - {key, ""})),
            region=region,
            action=action,
        )
        for (resource, region, key, action), some in values.items()
        if some or not key
        for spelling in spellings[resource]
    )


def _values(target: Target) -> Iterator[tuple[Key, str]]:
    """Yield the keys that the target has, with their values."""
    arguments = target.invoke_args()
    for key in keys_of(type(target)).values():
        if key.argument in arguments:
            yield key, arguments[key.argument]


def _resources(target: Target) -> Iterator[str]:
    return (f"{key.iam_resource}/{value}" for key, value in _values(target) if key.iam_resource)


def _conditions(target: Target) -> list[tuple[Key, str]]:
    return [(key, value) for key, value in _values(target) if key.iam_condition_key]


def _argument(model: Model, of: NamedTarget) -> tuple[str, set[Name]]:
    """Return the condition key of a target's calls, and the values that the key can have."""
    conditions = _conditions(of.target)
    if not conditions:
        return "", set()
    if len(conditions) > 1:
        names = " and ".join(key.argument for key, _ in conditions)
        where = ".".join(map(str, key_path(model, of)))
        raise Refused([f"{where}: its calls have {names}; a policy is made for one of them only"])
    ((key, value),) = conditions
    filled = _filled(model, key, value) if key.grammar.takes_parameters else [Name(value)]
    return str(key.iam_condition_key), set(filled)


def _filled(model: Model, key: Key, template: str) -> Iterator[Name]:
    """Yield a name for every combination of listed values; a pattern becomes `*`."""
    lists = {
        one.name: sorted(one.rule.values) for one in model.parameters if isinstance(one.rule, OneOf)
    }
    _refuse_too_many(model, prod(len(values) for values in lists.values()))
    opened = {one.name: ANY for one in model.parameters if one.name not in lists}
    for values in product(*lists.values()):
        text = fill(template, dict(zip(lists, values, strict=True)))
        if opened:
            start = text[: text.index("{")]
            yield Name(start, fill(escaped(text), opened).removeprefix(escaped(start)))
        elif key.grammar.admits(text):
            yield Name(text)


def _refuse_too_many(model: Model, count: int) -> None:
    if count > MOST_ARTIFACTS:
        lists = f"models.{model.name}: its lists make {count:,} artifacts"
        limit = f"a policy is not made for more than {MOST_ARTIFACTS:,}"
        raise Refused([f"{lists}; {limit}: give one of its parameters a pattern"])
