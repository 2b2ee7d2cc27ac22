"""Finds the artifacts in an account that the entries of a table with a pattern cover."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from gatewayctl.account.artifacts import LEFT_BY_TRAINING, misfit
from gatewayctl.account.target_models import TargetModels, path_of
from gatewayctl.account.values import Endpoint, Unread
from gatewayctl.output import plural
from gatewayctl.target_names import title

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from chalicelib.routing.named_targets import NamedTarget
    from chalicelib.routing.table import Model, RoutingTable
    from chalicelib.routing.targets import Target
    from gatewayctl.account.reader import AccountReader


@dataclass(frozen=True, slots=True)
class Covered:
    """The artifacts that callers can name through a target of an entry."""

    model: str
    """The name of the entry, and that of the target if there are several."""
    prefixes: tuple[str, ...]
    """The prefixes that were listed."""
    artifacts: Mapping[str, str]
    """The artifacts by their paths as after `/predict/`."""
    unread: tuple[str, ...] = ()
    """Why other artifacts are not known."""

    def __str__(self) -> str:
        if not self.prefixes:
            return f"{self.model}: what its pattern covers is not known: {'; '.join(self.unread)}"
        number = plural(len(self.artifacts), "artifact")
        return f"{self.model}: its pattern covers {number} of {', '.join(self.prefixes)}"

    def as_data(self) -> dict[str, Any]:
        """Return the artifacts as `--format json` prints them."""
        listed = [{"path": path, "artifact": name} for path, name in self.artifacts.items()]
        return {"model": self.model, "artifacts": listed, "unread": list(self.unread)}


def covered_by_patterns(table: RoutingTable, account: AccountReader) -> Iterator[Covered]:
    """Yield what each target with a pattern covers there, in the order of the entries' names.

    Raises:
        NotReachable: AWS does not answer.
    """
    for model in table.models():
        for one in model.targets:
            wanted = TargetModels.of(model, one.target)
            if wanted is not None and wanted.has_pattern and account.holds(one.target.place):
                yield covered(model, one, wanted, account)


def covered(model: Model, of: NamedTarget, wanted: TargetModels, account: AccountReader) -> Covered:
    """List the artifacts that a target covers, without what SageMaker training leaves beside them.

    Raises:
        NotReachable: AWS does not answer.
    """
    prefixes, unread = _prefixes(of.target, account)
    listed: list[str] = []
    found: dict[str, str] = {}
    for prefix in prefixes:
        artifacts = account.artifacts(prefix)
        if isinstance(artifacts, Unread):
            unread.append(str(artifacts))
            continue
        listed.append(prefix)
        for one in wanted.reachable(artifacts):
            if misfit(one.name, prefix) != LEFT_BY_TRAINING:
                found[path_of(model, one.values)] = one.name
    return Covered(title(model.name, of.name), tuple(listed), found, tuple(unread))


def _prefixes(target: Target, account: AccountReader) -> tuple[list[str], list[str]]:
    """Return the prefixes of the variants that a call can reach, and what could not be read."""
    endpoint = account.endpoint(target.endpoint)
    if not isinstance(endpoint, Endpoint):
        return [], [str(endpoint)]
    chosen = target.invoke_args().get("TargetVariant")
    models = [one.model for one in endpoint.variants if chosen in {None, one.name}]
    unread = [str(one) for one in dict.fromkeys(models) if isinstance(one, Unread)]
    found = [one.prefix for one in endpoint.models if one in models]
    prefixes = list(dict.fromkeys(prefix for prefix in found if prefix is not None))
    if not prefixes and not unread:
        unread.append(f"no container of endpoint {endpoint.name} loads artifacts")
    return prefixes, unread
