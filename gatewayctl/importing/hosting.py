"""An endpoint as entries of a table, or the reason why it has none."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from chalicelib.errors import quoted
from chalicelib.routing.targets import is_name
from gatewayctl.account.values import IN_SERVICE, Component, Model, Unread
from gatewayctl.importing.artifacts import loadable
from gatewayctl.importing.entry import Entry

if TYPE_CHECKING:
    from collections.abc import Iterable

    from gatewayctl.account.reader import AccountReader
    from gatewayctl.account.values import Endpoint, Variant


@dataclass(frozen=True, slots=True)
class Hosted:
    """What callers can address, and remarks about what they cannot."""

    entries: tuple[Entry, ...] = ()
    omitted: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Section:
    """What the table says about one endpoint."""

    endpoint: str
    facts: str
    hosted: Hosted


def section(name: str, endpoint: Endpoint | Unread, account: AccountReader) -> Section:
    """Everything that the endpoint hosts, as far as it can be called and looked at."""
    if isinstance(endpoint, Unread):
        return Section(name, "", Hosted(omitted=(str(endpoint),)))
    if reason := _useless(endpoint):
        return Section(name, "", Hosted(omitted=(reason,)))
    by_variant = [(one.name, _hosted(endpoint, one, account)) for one in endpoint.variants]
    return Section(name, _facts(endpoint), _legal(_together(by_variant)))


def _useless(endpoint: Endpoint) -> str | None:
    if endpoint.status != IN_SERVICE:
        return f"is {endpoint.status}; import it when it is {IN_SERVICE}"
    if endpoint.async_only:
        return "takes asynchronous calls only, and the gateway makes none"
    return None


def _together(by_variant: list[tuple[str, Hosted]]) -> Hosted:
    """SageMaker chooses among variants that host the same; otherwise the table has to."""
    if not by_variant:
        return Hosted(omitted=("has no variant",))
    _, first = by_variant[0]
    if all(hosted == first for _, hosted in by_variant):
        return first
    return Hosted(
        tuple(_of_variant(name, entry) for name, each in by_variant for entry in each.entries),
        tuple(f"variant {name}: {text}" for name, each in by_variant for text in each.omitted),
    )


def _of_variant(variant: str, entry: Entry) -> Entry:
    return replace(
        entry,
        names=tuple(f"{name}-{variant}" for name in entry.names),
        target={**entry.target, "target_variant": variant},
    )


def _hosted(endpoint: Endpoint, variant: Variant, account: AccountReader) -> Hosted:
    if variant.model is None:
        return _components(endpoint, account)
    if isinstance(variant.model, Unread):
        return Hosted(omitted=(str(variant.model),))
    if variant.model.direct:
        return _containers(endpoint, variant.model)
    if variant.model.multi_model is not None:
        return _artifacts(endpoint, variant.model, account)
    target = {"endpoint": endpoint.name}
    return Hosted((Entry((endpoint.name,), variant.model.kind, target),))


def _containers(endpoint: Endpoint, model: Model) -> Hosted:
    """In Direct mode a caller names the container, and cannot name an artifact besides."""
    named = {one.hostname: one for one in model.containers if one.hostname is not None}
    entries = tuple(
        Entry(
            (f"{endpoint.name}-{hostname}",),
            "mce",
            {"endpoint": endpoint.name, "target_container_hostname": hostname},
        )
        for hostname, one in named.items()
        if not one.multi_model
    )
    omitted = tuple(
        f"container {hostname}: of kind mce, no artifact can be chosen in a multi-model container"
        for hostname, one in named.items()
        if one.multi_model
    )
    return Hosted(entries, omitted)


def _artifacts(endpoint: Endpoint, model: Model, account: AccountReader) -> Hosted:
    if model.prefix is None:
        return Hosted(omitted=("nobody says where its artifacts lie",))
    found = account.artifacts(model.prefix)
    if isinstance(found, Unread):
        return Hosted(omitted=(str(found),))
    hosted = Hosted(*loadable(endpoint.name, model.kind, found.names))
    if hosted.entries:
        return hosted
    return replace(hosted, omitted=(f"no artifact in {found.prefix}", *hosted.omitted))


def _components(endpoint: Endpoint, account: AccountReader) -> Hosted:
    if isinstance(endpoint.components, Unread):
        return Hosted(omitted=(str(endpoint.components),))
    read = [(name, account.component(name)) for name in endpoint.components]
    entries = tuple(
        _component(one)
        for _, one in read
        if isinstance(one, Component) and one.status == IN_SERVICE
    )
    omitted = tuple(
        str(one) if isinstance(one, Unread) else f"inference component {name} is {one.status}"
        for name, one in read
        if isinstance(one, Unread) or one.status != IN_SERVICE
    )
    return Hosted(entries, omitted if read else ("no inference component yet",))


def _component(component: Component) -> Entry:
    target = {"endpoint": component.endpoint, "inference_component": component.name}
    comments = ("No copy of it runs now",) if component.copies == 0 else ()
    names = (component.name, f"{component.endpoint}-{component.name}")
    return Entry(names, "component", target, None, comments)


def _legal(hosted: Hosted) -> Hosted:
    """SageMaker's own patterns for names have no end, so that nobody knows what they let in."""
    illegal = [name for entry in hosted.entries for name in _illegal(entry)]
    return Hosted(
        tuple(entry for entry in hosted.entries if not any(_illegal(entry))),
        (*hosted.omitted, *(f"a table cannot hold the name {quoted(name)}" for name in illegal)),
    )


def _illegal(entry: Entry) -> Iterable[str]:
    names = (value for key, value in entry.target.items() if key != "target_model")
    return [name for name in names if not is_name(name)]


def _facts(endpoint: Endpoint) -> str:
    """What it is and where it runs, for the reader of the table."""
    by_variant = {one.name: _fact(one) for one in endpoint.variants}
    if len(set(by_variant.values())) == 1:
        facts = next(iter(by_variant.values()))
        several = f"variants {', '.join(by_variant)}: " if len(by_variant) > 1 else ""
        return f"{several}{facts}"
    return "; ".join(f"variant {name}: {fact}" for name, fact in by_variant.items())


def _fact(variant: Variant) -> str:
    where = "serverless" if variant.serverless else "on instances"
    prefix = variant.model.prefix if isinstance(variant.model, Model) else None
    artifacts = "" if prefix is None else f", artifacts in {prefix}"
    return f"{variant.kind or 'of unknown kind'}, {where}{artifacts}"
