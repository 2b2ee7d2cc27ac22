"""What an endpoint offers: the values that a table can name on it, as `import` and `diff` see them.

`import` makes entries of the offers, `diff` reports the offers that no entry names, and
`import --missing` adds exactly these.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from itertools import chain, starmap
from typing import TYPE_CHECKING

from chalicelib.errors import quoted
from chalicelib.routing.reading.keys import keys_of_kind
from chalicelib.routing.targets import KINDS, AsyncTarget, keys_of
from gatewayctl.account.artifacts import latest
from gatewayctl.account.target_models import TargetModels
from gatewayctl.account.values import IN_SERVICE, Component, Endpoint, Unread
from gatewayctl.output import first_few, plural

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from chalicelib.routing.table import Model, RoutingTable
    from chalicelib.routing.targets import Target
    from gatewayctl.account import values
    from gatewayctl.account.reader import AccountReader

ENDPOINT, ARTIFACT, COMPONENT = "EndpointName", "TargetModel", "InferenceComponentName"


@dataclass(frozen=True, slots=True)
class Offer:
    """The values of one argument of InvokeEndpoint on a variant, and remarks about the others."""

    kind: str = ""
    key: str = ""
    """The key of the target that takes one of the names."""
    names: tuple[str, ...] = ()
    omitted: tuple[str, ...] = ()
    older: tuple[tuple[str, tuple[str, ...]], ...] = ()
    """The older versions of each artifact that has some."""
    unread: tuple[Unread, ...] = ()
    prefix: str | None = field(default=None, compare=False)
    """The prefix of the artifacts."""

    @property
    def argument(self) -> str:
        """The argument of InvokeEndpoint that the names are for."""
        return keys_of(KINDS[self.kind])[self.key].argument if self.kind else ENDPOINT


def reason_to_leave_out(endpoint: Endpoint) -> str | None:
    """Return why a table should not name this endpoint now; None if it may."""
    if endpoint.status != IN_SERVICE:
        return f"is {endpoint.status}; import it when it is {IN_SERVICE}"
    return None


def offers(endpoint: Endpoint, account: AccountReader) -> list[tuple[str | None, Offer]]:
    """Return what each variant offers; one offer without a variant if all variants are alike."""
    if endpoint.async_only:  # a call names no variant of it
        offer = Offer(AsyncTarget.kind, "endpoint", (endpoint.name,))
        return [(None, _legal(endpoint.name, None, offer))]
    found = [(one.name, _offer(endpoint, one, account)) for one in endpoint.variants]
    if all(offer == found[0][1] for _, offer in found):
        return [(None, _legal(endpoint.name, None, offer)) for _, offer in found[:1]]
    return [(variant, _legal(endpoint.name, variant, offer)) for variant, offer in found]


def _offer(endpoint: Endpoint, variant: values.Variant, account: AccountReader) -> Offer:
    model, kind = variant.model, variant.kind
    if isinstance(model, Unread):
        return _unread(model)
    if kind is None:
        return Offer(omitted=("is of no kind that a table can name",))
    loads_artifacts = model is not None and model.multi_model is not None
    needed = [
        (name, key.argument)
        for name, key in keys_of(KINDS[kind]).items()
        if (keys_of_kind(kind)[name] and key.argument != ENDPOINT)
        or (key.argument == ARTIFACT and loads_artifacts)
    ]
    if not needed:
        return Offer(kind, "endpoint", (endpoint.name,))
    ((name, argument), *others) = needed
    if others or argument not in LISTS:
        names = " and ".join(name for name, _ in needed)
        return Offer(omitted=(f"of kind {kind}, whose {names} import cannot find out",))
    return replace(LISTS[argument](endpoint, model, account), kind=kind, key=name)


def _unread(*things: Unread, omitted: tuple[str, ...] = ()) -> Offer:
    return Offer(omitted=(*map(str, things), *omitted), unread=things)


def _containers(_: Endpoint, model: values.Model | None, __: AccountReader) -> Offer:
    """Offer each container, except those that need an artifact as well."""
    containers = () if model is None else model.containers
    by_name = {one.hostname: one for one in containers if one.hostname is not None}
    omitted = tuple(
        f"container {hostname}: of kind mce, no artifact can be chosen in a multi-model container"
        for hostname, one in by_name.items()
        if one.multi_model
    )
    names = tuple(hostname for hostname, one in by_name.items() if not one.multi_model)
    return Offer(names=names, omitted=omitted)


def _artifacts(_: Endpoint, model: values.Model | None, account: AccountReader) -> Offer:
    """Offer the newest version of each artifact."""
    if model is None or model.prefix is None:
        return Offer(omitted=("the account does not tell where its artifacts are",))
    found = account.artifacts(model.prefix)
    if isinstance(found, Unread):
        return _unread(found)
    newest = latest(found.loadable)
    omitted = tuple(
        f"{plural(len(those), 'object')} {why}: {first_few([quoted(name) for name in those])}"
        for why, those in found.misfits.items()
    )
    return Offer(
        names=tuple(one.artifact for one in newest),
        omitted=omitted if newest else (f"no artifact in {found.prefix}", *omitted),
        older=tuple((one.artifact, one.older) for one in newest if one.older),
        prefix=found.prefix,
    )


def _components(endpoint: Endpoint, _: values.Model | None, account: AccountReader) -> Offer:
    """Offer each component in service."""
    if isinstance(endpoint.components, Unread):
        return _unread(endpoint.components)
    if not endpoint.components:
        return Offer(omitted=("no inference component yet",))
    read = {name: account.component(name) for name in endpoint.components}
    others = tuple(
        f"inference component {name} is {one.status}"
        for name, one in read.items()
        if isinstance(one, Component) and one.status != IN_SERVICE
    )
    unread = (one for one in read.values() if isinstance(one, Unread))
    names = tuple(
        name
        for name, one in read.items()
        if isinstance(one, Component) and one.status == IN_SERVICE
    )
    return replace(_unread(*unread, omitted=others), names=names)


# By argument of InvokeEndpoint: the function that lists its values in the account.
LISTS: dict[str, Callable[[Endpoint, values.Model | None, AccountReader], Offer]] = {
    ARTIFACT: _artifacts,
    "TargetContainerHostname": _containers,
    COMPONENT: _components,
}


def _legal(endpoint: str, variant: str | None, offer: Offer) -> Offer:
    """Leave out names that a table cannot hold.

    SageMaker's own patterns for names are not anchored at the end, so they may admit such names.
    """
    if not offer.names:
        return offer
    keys = keys_of(KINDS[offer.kind])
    of_all = {"endpoint": endpoint, **({} if variant is None else {"target_variant": variant})}
    illegal = [name for key, name in of_all.items() if not keys[key].grammar.admits(name)]
    legal = tuple(name for name in offer.names if keys[offer.key].grammar.admits(name))
    illegal += [name for name in offer.names if name not in legal and name not in illegal]
    remarks = (f"a table cannot hold the name {quoted(name)}" for name in illegal)
    is_legal = all(keys[key].grammar.admits(name) for key, name in of_all.items())
    return replace(offer, names=legal if is_legal else (), omitted=(*offer.omitted, *remarks))


class NamedInTable:
    """What the entries of a table name in an account."""

    def __init__(self, table: RoutingTable, account: AccountReader) -> None:
        self.endpoints: dict[str, list[tuple[Model, Target]]] = {}
        """The entries and their targets by endpoint, without those in other accounts or Regions."""
        for model in table.models():
            for one in model.targets:
                if account.holds(one.target.place):
                    named = self.endpoints.setdefault(one.target.endpoint, [])
                    named.append((model, one.target))
        self._account = account
        self._artifacts: dict[str, set[str]] | None = None

    def missing(self, endpoint: str, offer: Offer) -> tuple[str, ...]:
        """Return the names that no entry names, in their order.

        An endpoint is named by any entry for it. An artifact is named by an entry of any endpoint
        with its prefix.
        """
        if endpoint not in self.endpoints:
            return offer.names
        if offer.argument == ENDPOINT:
            return ()
        if offer.argument == ARTIFACT:
            named = self._named_artifacts().get(offer.prefix or "", set())
        else:
            arguments = (target.invoke_args() for _, target in self.endpoints[endpoint])
            named = {one[offer.argument] for one in arguments if offer.argument in one}
        return tuple(name for name in offer.names if name not in named)

    def _named_artifacts(self) -> Mapping[str, set[str]]:
        """Return the artifacts that entries name, by prefix."""
        if self._artifacts is None:
            sharing: dict[str, set[str]] = {}
            for name in self.endpoints:
                endpoint = self._account.endpoint(name)
                for model in endpoint.models if isinstance(endpoint, Endpoint) else ():
                    if model.prefix is not None and not model.direct:
                        sharing.setdefault(model.prefix, set()).add(name)
            self._artifacts = {prefix: self._of(prefix, some) for prefix, some in sharing.items()}
        return self._artifacts

    def _of(self, prefix: str, endpoints: set[str]) -> set[str]:
        artifacts = self._account.artifacts(prefix)
        if isinstance(artifacts, Unread):
            return set()
        named = chain.from_iterable(self.endpoints[name] for name in endpoints)
        wanted = filter(None, starmap(TargetModels.of, named))
        return {found.name for one in wanted for found in one.reachable(artifacts)}
