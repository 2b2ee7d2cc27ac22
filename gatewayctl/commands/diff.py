"""`gatewayctl diff`: finds the differences between a table and the AWS account."""

from __future__ import annotations

from itertools import chain
from typing import TYPE_CHECKING, Literal, NamedTuple

from chalicelib.routing.targets import is_target_model
from gatewayctl import tables
from gatewayctl.account.comparison import problems
from gatewayctl.account.reader import account_of, rate_option
from gatewayctl.account.target_models import TargetModels
from gatewayctl.account.values import Endpoint, Unread
from gatewayctl.command import command
from gatewayctl.report import ExitCode, Report
from gatewayctl.tables import TableWarning

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from chalicelib.routing.table import Model, RoutingTable
    from gatewayctl.account.reader import AccountReader
    from gatewayctl.command import Context


class Unnamed(NamedTuple):
    """Something in the account that no entry of the table names."""

    endpoint: str
    what: Literal["endpoint", "artifact", "container", "inference component"]
    name: str

    def __str__(self) -> str:
        if self.what == "endpoint":
            return f"endpoint {self.name}"
        return f"endpoint {self.endpoint}: {self.what} {self.name}"


@command("diff")
@rate_option
def diff(context: Context, *, calls_per_second: float) -> Report:
    """Show what the table names and the account lacks, and what the table does not name."""
    file = tables.load(context.table_path())
    account = account_of(context, calls_per_second)
    lacking = [one for one in problems(file, account) if not isinstance(one, TableWarning)]
    unnamed, unread = unnamed_in(file.table, account)
    where = f"{file.name}: {len(file.table)} models, compared with {account.region}"
    return Report(
        ExitCode.FINDINGS if lacking or unnamed or unread else ExitCode.FINE,
        lines=[
            *map(str, lacking),
            *(f"account: {one}: no entry names it" for one in unnamed),
            *(f"account: {one}" for one in unread),
        ],
        notes=[f"{where}: {len(lacking)} lacking there, {len(unnamed)} not in the table"],
        data={
            "lacking": [tables.as_data(problem) for problem in lacking],
            "unnamed": [one._asdict() for one in unnamed],
            "unread": [{"action": one.action, "text": str(one)} for one in unread],
        },
    )


def unnamed_in(table: RoutingTable, account: AccountReader) -> tuple[list[Unnamed], list[Unread]]:
    """Return what no entry names, sorted by endpoint, and what could not be read.

    If no entry names an endpoint, the things on the endpoint are not returned.

    Raises:
        NotReachable: AWS does not answer.
    """
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
    unnamed = [one for one in found if isinstance(one, Unnamed)]
    return sorted(unnamed), [one for one in found if isinstance(one, Unread)]


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
    named = _named("TargetContainerHostname", entries)
    for model in endpoint.models:
        for hostname in model.hostnames:
            if model.direct and hostname not in named:
                named.add(hostname)
                yield Unnamed(endpoint.name, "container", hostname)


def _components(endpoint: Endpoint, entries: Sequence[Model]) -> Iterator[Unnamed | Unread]:
    if isinstance(endpoint.components, Unread):
        yield endpoint.components
        return
    named = _named("InferenceComponentName", entries)
    for component in endpoint.components:
        if component not in named:
            yield Unnamed(endpoint.name, "inference component", component)


def _named(argument: str, entries: Sequence[Model]) -> set[str | None]:
    return {entry.target.invoke_args().get(argument) for entry in entries}


def _artifacts(
    account: AccountReader, used: Sequence[Endpoint], entries: Mapping[str, Sequence[Model]]
) -> Iterator[Unnamed]:
    """Yield the artifacts that no entry of any endpoint with their prefix names."""
    sharing: dict[str, dict[str, None]] = {}
    for endpoint in used:
        for model in endpoint.models:
            if model.prefix is not None and not model.direct:
                sharing.setdefault(model.prefix, {})[endpoint.name] = None
    for prefix, endpoints in sharing.items():
        artifacts = account.artifacts(prefix)
        if isinstance(artifacts, Unread):
            continue  # the entries that use the prefix have a finding about it
        models = chain.from_iterable(entries[name] for name in endpoints)
        wanted = filter(None, map(TargetModels.of, models))
        named = set(chain.from_iterable(one.among(artifacts) for one in wanted))
        for name in artifacts.in_folder:
            if name not in named and is_target_model(name):
                yield Unnamed(next(iter(endpoints)), "artifact", name)
