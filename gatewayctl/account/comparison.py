"""Compares the targets of a routing table with an AWS account, and finds why calls would fail.

For each target, the status of the endpoint is checked first, then the variant and the kind, and
last each argument of InvokeEndpoint that the kind has, with the functions in `CHECKS`.
"""

from __future__ import annotations

from bisect import bisect_left
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

from chalicelib.errors import closest, quoted
from chalicelib.routing.targets import KINDS, AsyncTarget, keys_of
from gatewayctl.account.target_models import TargetModels
from gatewayctl.account.values import IN_SERVICE, Model, Unread
from gatewayctl.output import MOST_NAMED, first_few

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from chalicelib.routing import rows, table
    from chalicelib.routing.targets import Target
    from gatewayctl.account.artifacts import Artifacts
    from gatewayctl.account.reader import AccountReader
    from gatewayctl.account.target_models import Listed
    from gatewayctl.account.values import Component, Endpoint, Variant

    KeyPath = tuple[str | int, ...]

MOST_COMPARED = 500
"""How many names before and after a misspelt name are compared with it."""
# The statuses of an endpoint that SageMaker changes while it stays in service.
CHANGING = {"Updating", "SystemUpdating", "RollingBack", "UpdateRollbackFailed"}


class Remark(NamedTuple):
    """A problem with a key of an entry; a warning if calls may still work."""

    keys: KeyPath
    text: str
    is_warning: bool = False
    is_unread: bool = False
    """Whether something could not be read; this is reported for the first target only."""


@dataclass(frozen=True, slots=True)
class TargetInAccount:
    """A target of an entry of the table, and the endpoint that it names."""

    entry: table.Model
    target: Target
    row: rows.Row
    """The entry as it is written in the table, where lists keep their order."""
    endpoint: Endpoint
    account: AccountReader

    @property
    def arguments(self) -> dict[str, str]:
        """The arguments of InvokeEndpoint that name the target."""
        return self.target.invoke_args()

    @property
    def variants(self) -> Sequence[Variant]:
        """The variants that a call can reach."""
        chosen = self.target.invoke_args().get("TargetVariant")
        return [one for one in self.endpoint.variants if chosen in {None, one.name}]

    @property
    def models(self) -> Sequence[Model]:
        """The models of these variants, except those that could not be read."""
        return [one.model for one in self.variants if isinstance(one.model, Model)]


def remarks(
    entry: table.Model, target: Target, row: rows.Row, account: AccountReader
) -> Iterator[Remark]:
    """Yield the problems that calls of one target of an entry would have."""
    name = target.endpoint
    endpoint = account.endpoint(name)
    if isinstance(endpoint, Unread):
        yield _unreadable("endpoint", endpoint) if endpoint.denied else _no_endpoint(name, account)
        return
    subject = TargetInAccount(entry, target, row, endpoint, account)
    yield from _status(endpoint)
    yield from _variant(subject)
    yield from _missing_models(subject)
    misfits = list(_kind(subject))
    yield from misfits
    if not misfits:
        for key in keys_of(type(subject.target)):
            yield from _argument(key, subject)


def _no_endpoint(name: str, account: AccountReader) -> Remark:
    names = account.endpoint_names()
    known = () if isinstance(names, Unread) else names
    return Remark(("endpoint",), _no_such("endpoint", name, f"in {account.region}", known))


def _status(endpoint: Endpoint) -> Iterator[Remark]:
    name, status = endpoint.name, endpoint.status
    if status in CHANGING:
        text = f"endpoint {name} is {status}, so these findings may not hold when it is done"
        yield Remark(("endpoint",), text, is_warning=True)
    elif status != IN_SERVICE:
        why = f"aws sagemaker describe-endpoint --endpoint-name {name}"
        yield Remark(("endpoint",), f"endpoint {name} is {status} and takes no calls; see {why}")


def _variant(subject: TargetInAccount) -> Iterator[Remark]:
    chosen, endpoint = subject.target.invoke_args().get("TargetVariant"), subject.endpoint
    if chosen is not None and not subject.variants:
        names = sorted(variant.name for variant in endpoint.variants)
        text = _no_such("variant", chosen, f"of endpoint {endpoint.name}", names)
        yield Remark(("target_variant",), text)


def _missing_models(subject: TargetInAccount) -> Iterator[Remark]:
    """Yield a remark for each model that was deleted or cannot be read.

    An endpoint whose model was deleted still answers, but cannot start another instance.
    """
    for model in {variant.model: None for variant in subject.variants}:
        if isinstance(model, Unread) and model.denied:
            yield _unreadable("endpoint", model)
        elif isinstance(model, Unread):
            endpoint = subject.endpoint.name
            text = f"{model}, and endpoint {endpoint} needs it to start on another instance"
            yield Remark(("endpoint",), text, is_warning=True)


def _kind(subject: TargetInAccount) -> Iterator[Remark]:
    """Yield a remark for each variant that is of another kind than the entry declares."""
    declared, endpoint = type(subject.target), subject.endpoint.name
    if subject.endpoint.async_only:
        if not declared.is_async:
            evidence = AsyncTarget.hosting.evidence
            text = f"endpoint {endpoint} is of kind async, not {declared.kind}: {evidence}"
            yield Remark(("kind",), text)
        return
    by_kind = {variant.kind: variant for variant in subject.variants}
    for kind, variant in by_kind.items():
        if kind is not None and not variant.serves(declared.hosting):
            which = f"variant {variant.name} of " if len(by_kind) > 1 else ""
            hostnames = variant.model.hostnames if isinstance(variant.model, Model) else ()
            evidence = KINDS[kind].hosting.evidence.format(containers=first_few(hostnames))
            text = f"{which}endpoint {endpoint} is of kind {kind}, not {declared.kind}: {evidence}"
            yield Remark(("kind",), text)


def _argument(key: str, subject: TargetInAccount) -> Iterator[Remark]:
    argument = keys_of(type(subject.target))[key].argument
    if argument in CHECKS:
        yield from CHECKS[argument](key, subject)
    elif argument in subject.arguments and argument not in CHECKED_FIRST:
        text = f"is not compared with the account; no check is known for {argument}"
        yield Remark((key,), text, is_warning=True)


def _container(key: str, subject: TargetInAccount) -> Iterator[Remark]:
    hostname = subject.arguments.get("TargetContainerHostname")
    for model in subject.models:
        if hostname is not None and hostname not in model.hostnames:
            where = f"on endpoint {subject.endpoint.name}"
            text = _no_such("container", hostname, where, sorted(model.hostnames))
            yield Remark((key,), text)
            return


def _artifacts(key: str, subject: TargetInAccount) -> Iterator[Remark]:
    """Check whether the endpoint loads artifacts, and whether the artifacts of the entry exist."""
    wanted, endpoint = TargetModels.of(subject.entry, subject.target), subject.endpoint.name
    loads = [model.multi_model is not None for model in subject.models]
    if wanted is None:
        if any(loads):
            text = (
                f"missing; a container of endpoint {endpoint} loads the artifact that a call names"
            )
            yield Remark((key,), text)
        return
    if not all(loads):
        text = f"no container of endpoint {endpoint} loads artifacts; remove the key"
        yield Remark((key,), text)
        return
    for prefix in dict.fromkeys(model.prefix for model in subject.models if model.prefix):
        artifacts = subject.account.artifacts(prefix)
        if not isinstance(artifacts, Unread):
            yield from _missing_artifacts(key, wanted.missing(artifacts), artifacts, subject.row)
        elif artifacts.denied:
            yield _unreadable(key, artifacts)
        else:
            yield Remark((key,), f"{artifacts}, and {prefix} would be in it")


def _missing_artifacts(
    key: str, missing: Sequence[Listed], artifacts: Artifacts, row: rows.Row
) -> Iterator[Remark]:
    if len(missing) > MOST_NAMED:
        names = first_few([listed.name for listed in missing])
        advice = artifacts.advice(missing[0].name)
        yield Remark((key,), f"not under {artifacts.prefix}: {names}{advice and f'; {advice}'}")
        return
    for listed in missing:
        text = _no_such("artifact", listed.name, f"under {artifacts.prefix}", artifacts.loadable)
        if advice := artifacts.advice(listed.name):
            text = f"{text} ({advice})"
        yield Remark(_listed_value(listed, row) or (key,), text)


def _listed_value(listed: Listed, row: rows.Row) -> KeyPath | None:
    """Return the place of the value that leads to this artifact; None for several values."""
    if len(listed.values) != 1:
        return None
    ((parameter, value),) = listed.values.items()
    index = row["parameters"][parameter]["one_of"].index(value)
    return ("parameters", parameter, "one_of", index)


def _component(key: str, subject: TargetInAccount) -> Iterator[Remark]:
    name = subject.arguments.get("InferenceComponentName")
    if name is None:
        return
    component = subject.account.component(name)
    if not isinstance(component, Unread):
        yield from _component_state(key, component, subject)
    elif component.denied:
        yield _unreadable(key, component)
    else:
        others = subject.endpoint.components
        known = () if isinstance(others, Unread) else others
        where = f"on endpoint {subject.endpoint.name}"
        yield Remark((key,), _no_such("inference component", name, where, known))


def _component_state(key: str, component: Component, subject: TargetInAccount) -> Iterator[Remark]:
    name, endpoint = component.name, subject.endpoint.name
    if component.endpoint != endpoint:
        text = f"inference component {name} is on endpoint {component.endpoint}, not on {endpoint}"
        yield Remark((key,), text)
    elif subject.target.invoke_args().get("TargetVariant") not in {None, component.variant}:
        text = f"inference component {name} is on variant {component.variant}; name that or none"
        yield Remark(("target_variant",), text)
    elif component.status == "Updating":
        yield Remark((key,), f"inference component {name} is Updating", is_warning=True)
    elif component.status != IN_SERVICE:
        why = f"aws sagemaker describe-inference-component --inference-component-name {name}"
        text = f"inference component {name} is {component.status} and takes no calls; see {why}"
        yield Remark((key,), text)
    elif component.copies == 0:
        text = f"inference component {name} has no copy now; calls fail until there is one"
        yield Remark((key,), text, is_warning=True)


CHECKED_FIRST = {"EndpointName", "TargetVariant"}

# By argument of InvokeEndpoint. A check gets the table's key for the argument, even if the entry
# does not have that key.
CHECKS: dict[str, Callable[[str, TargetInAccount], Iterator[Remark]]] = {
    "TargetModel": _artifacts,
    "TargetContainerHostname": _container,
    "InferenceComponentName": _component,
}


def _unreadable(key: str, unread: Unread) -> Remark:
    """Report a missing permission as an error, because calls may fail for a reason not checked."""
    return Remark((key,), f"{unread}; until then it is not checked", is_unread=True)


def _no_such(what: str, name: str, where: str, names: Sequence[str]) -> str:
    """Return a text about a missing thing, with a similar one of the sorted `names` if any."""
    place = bisect_left(names, name)
    close = closest(name, names[max(0, place - MOST_COMPARED) : place + MOST_COMPARED])
    text = f"there is no {what} {quoted(name)} {where}"
    if close is not None:
        return f"{text}; did you mean {close}?"
    return f"{text}; known here: {first_few(names)}" if names else text
