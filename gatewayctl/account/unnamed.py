"""What an account offers and no entry of a table names."""

from __future__ import annotations

from itertools import chain
from typing import TYPE_CHECKING, Literal, NamedTuple

from chalicelib.routing.targets import is_target_model
from gatewayctl.account.target_models import TargetModels
from gatewayctl.account.values import Endpoint, Unread

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from chalicelib.routing.table import Model, RoutingTable
    from gatewayctl.account.reader import AccountReader

ARTIFACT_MODES = {"mme", "pipeline"}


class Unnamed(NamedTuple):
    """Something that callers could reach if there were an entry for it."""

    endpoint: str
    what: Literal["endpoint", "artifact", "container", "inference component"]
    name: str

    def __str__(self) -> str:
        if self.what == "endpoint":
            return f"endpoint {self.name}"
        return f"endpoint {self.endpoint}: {self.what} {self.name}"


def unnamed(table: RoutingTable, account: AccountReader) -> tuple[list[Unnamed], list[Unread]]:
    """By endpoint, and of one that no entry names, only its name; and what hides more of them."""
    entries: dict[str, list[Model]] = {}
    for model in table.models():
        entries.setdefault(model.target.endpoint, []).append(model)
    read = account.endpoints(entries).values()
    used = [endpoint for endpoint in read if isinstance(endpoint, Endpoint)]
    found = [
        *_endpoints(account, entries),
        *chain.from_iterable(_containers(one, entries[one.name]) for one in used),
        *chain.from_iterable(_components(one, entries[one.name]) for one in used),
        *_artifacts(account, used, entries),
    ]
    offered = [one for one in found if isinstance(one, Unnamed)]
    return sorted(offered), [one for one in found if isinstance(one, Unread)]


def _endpoints(
    account: AccountReader, entries: Mapping[str, Sequence[Model]]
) -> Iterator[Unnamed | Unread]:
    names = account.endpoint_names()
    if isinstance(names, Unread):
        yield names
        return
    for name in names:
        if name not in entries:
            yield Unnamed(name, "endpoint", name)


def _containers(endpoint: Endpoint, entries: Sequence[Model]) -> Iterator[Unnamed]:
    named = {getattr(entry.target, "target_container_hostname", None) for entry in entries}
    for model in endpoint.models:
        for hostname in model.hostnames:
            if model.kind == "mce" and hostname not in named:
                named.add(hostname)
                yield Unnamed(endpoint.name, "container", hostname)


def _components(endpoint: Endpoint, entries: Sequence[Model]) -> Iterator[Unnamed | Unread]:
    if isinstance(endpoint.components, Unread):
        yield endpoint.components
        return
    named = {getattr(entry.target, "inference_component", None) for entry in entries}
    for component in endpoint.components:
        if component not in named:
            yield Unnamed(endpoint.name, "inference component", component)


def _artifacts(
    account: AccountReader, used: Sequence[Endpoint], entries: Mapping[str, Sequence[Model]]
) -> Iterator[Unnamed]:
    """An artifact that several endpoints may load is named when an entry of one names it."""
    sharing: dict[str, dict[str, None]] = {}
    for endpoint in used:
        for model in endpoint.models:
            if model.prefix is not None and model.kind in ARTIFACT_MODES:
                sharing.setdefault(model.prefix, {})[endpoint.name] = None
    for prefix, endpoints in sharing.items():
        artifacts = account.artifacts(prefix)
        if isinstance(artifacts, Unread):
            continue  # a finding of the entries that use the prefix
        meant = chain.from_iterable(TargetModels.of_all(entries[name]) for name in endpoints)
        named = set(chain.from_iterable(one.among(artifacts) for one in meant))
        for name in artifacts.names:
            if name not in named and is_target_model(name):
                yield Unnamed(next(iter(endpoints)), "artifact", name)
