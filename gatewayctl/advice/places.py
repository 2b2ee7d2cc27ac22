"""What a routing table calls: the places on endpoints, and the paths that lead to them."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING, NamedTuple

from gatewayctl.account.artifacts import Artifacts
from gatewayctl.account.target_models import TargetModels
from gatewayctl.costs.usage import CalledTarget

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from chalicelib.routing import targets as routing
    from chalicelib.routing.named_targets import NamedTarget
    from chalicelib.routing.table import Model as Entry
    from chalicelib.routing.table import RoutingTable


class Named(NamedTuple):
    """What a table calls: a place, and the path that leads to it."""

    place: CalledTarget
    path: str
    """As after /predict/."""
    target: str | None
    """The name of the target, if the entry has several."""
    weight: int
    kind: str
    entry: str
    at: routing.Place


def named_places(table: RoutingTable, seen: Iterable[CalledTarget]) -> Iterator[Named]:
    """Yield every place that a table names.

    Args:
        seen: Places that were called. They tell the values of parameters with a pattern.
    """
    names: defaultdict[str, set[str]] = defaultdict(set)
    for place in seen:
        parts = dict(part.partition("=")[::2] for part in place.target.split(", "))
        if artifact := parts.get("TargetModel"):
            names[place.endpoint].add(artifact)
    for entry in table.models():
        for one in entry.targets:
            artifacts = tuple(sorted(names[one.target.endpoint]))
            yield from _of_target(entry, one, artifacts)


def _of_target(entry: Entry, one: NamedTarget, seen: tuple[str, ...]) -> Iterator[Named]:
    models = TargetModels.of(entry, one.target)
    if models is None or not entry.parameters:
        yield named(entry, one, {})
        return
    listed = models.listed
    if models.has_pattern:
        # The prefix only decides how names begin: with a slash or without.
        prefix = "s3://seen" if models.template.startswith("/") else "s3://seen/"
        listed = tuple(models.reachable(Artifacts(prefix, seen)))
    for found in listed:
        yield named(entry, one, found.values)


def named(entry: Entry, one: NamedTarget, values: Mapping[str, str]) -> Named:
    """Return what a target calls with these values of the parameters.

    Args:
        one: The target, whose parameters may be filled in already.
    """
    arguments = dict(one.filled(values).invoke_args if values else one.invoke_args)
    endpoint = arguments.pop("EndpointName")
    target = ", ".join(f"{name}={value}" for name, value in arguments.items())
    first = entry.name.partition("/")[0]
    path = "/".join(
        [first, *(values[each.name] for each in entry.parameters)] if values else [entry.name]
    )
    return Named(
        CalledTarget(endpoint, target),
        path,
        one.name,
        one.weight,
        one.target.kind,
        entry.name,
        one.target.place,
    )
