"""`gatewayctl import`: writes a first routing table from what the account holds."""

from __future__ import annotations

import os
from dataclasses import dataclass, replace
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, Any

import click

from chalicelib.errors import quoted
from chalicelib.routing.reading import file as table_file
from chalicelib.routing.reading.keys import keys_of_kind
from chalicelib.routing.reading.problems import InvalidTable
from chalicelib.routing.targets import KINDS, keys_of
from gatewayctl.account.reader import account_of, rate_option
from gatewayctl.account.values import IN_SERVICE, Component, Model, Unread
from gatewayctl.command import command, out_option
from gatewayctl.commands.import_artifacts import loadable
from gatewayctl.commands.import_text import Entry, Hosted, Section, document, members, name_entries
from gatewayctl.output import replace_file, writing
from gatewayctl.report import ExitCode, NotReachable, Refused, Report

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from pathlib import Path

    from gatewayctl.account.reader import AccountReader
    from gatewayctl.account.values import Endpoint, Variant
    from gatewayctl.command import Context
    from gatewayctl.commands.import_text import Named

    Content = list[tuple[Section, list[Named]]]


@command("import")
@out_option
@click.option("--force", is_flag=True, help="Replace the file if it exists.")
@click.option(
    "--endpoint",
    default="*",
    metavar="PATTERN",
    help="Only endpoints whose names match, as in 'team-a-*'.",
)
@rate_option
def import_(
    context: Context, *, out: Path | None, force: bool, endpoint: str, calls_per_second: float
) -> Report:
    """Write a first routing table from what the account holds."""
    if out is not None and not force and os.path.lexists(out):
        raise _file_exists(out)
    account = account_of(context, calls_per_second)
    chosen = account.endpoints(_chosen(account, endpoint))
    content = name_entries(section(name, found, account) for name, found in chosen.items())
    text = _checked_text(content)
    if out is None:
        return _report(content, text.rstrip("\n").split("\n"), {"table": text})
    _write(out, text, force=force)
    return _report(content, [str(out)], {"imported": str(out)})


def _file_exists(target: Path) -> Refused:
    return Refused([f"{target} exists; give another file, or replace it with --force"])


def _chosen(account: AccountReader, pattern: str) -> list[str]:
    names = account.endpoint_names()
    if isinstance(names, Unread):
        raise NotReachable(str(names))
    chosen = [name for name in names if fnmatchcase(name, pattern)]
    if not names:
        raise Refused(["the account has no endpoint in this region; check the region"])
    if not chosen:
        raise Refused([f"none of {len(names):,} endpoints matches {quoted(pattern)}"])
    return chosen


def _checked_text(content: Content) -> str:
    """Write the table, and check it with the gateway's own parser."""
    if not any(entries for _, entries in content):
        reasons = [f"{one.endpoint}: {text}" for one, _ in content for text in one.hosted.omitted]
        raise Refused(["there is no model to import", *reasons])
    text = document(content)
    try:
        table_file.parse(text.encode(), "the imported table")
    except InvalidTable as error:
        raise Refused([*map(str, error.problems), "import fewer, with --endpoint"]) from error
    return text


def _write(target: Path, text: str, *, force: bool) -> None:
    """Write the file; an existing file is replaced only with `force`."""
    if force:
        replace_file(target, text.encode())
        return
    with writing(target):
        try:
            with target.open("x", encoding="utf-8") as file:
                file.write(text)
        except FileExistsError as error:
            raise _file_exists(target) from error


def _report(content: Content, lines: list[str], data: dict[str, Any]) -> Report:
    models = {one.name: members(one) for _, entries in content for one in entries}
    omitted = [
        {"endpoint": one.endpoint, "text": text}
        for one, _ in content
        for text in one.hosted.omitted
    ]
    note = f"{len(models):,} models of {len(content):,} endpoints"
    if omitted:
        note += f"; {len(omitted):,} remarks in the table about what it does not hold"
    data = {**data, "models": models, "omitted": omitted}
    return Report(ExitCode.FINE, lines=lines, notes=[note], data=data)


def section(name: str, endpoint: Endpoint | Unread, account: AccountReader) -> Section:
    """Make entries for everything on an endpoint that can be read and called."""
    if isinstance(endpoint, Unread):
        return Section(name, "", Hosted(omitted=(str(endpoint),)))
    if reason := _why_not_imported(endpoint):
        return Section(name, "", Hosted(omitted=(reason,)))
    by_variant = [(one.name, _hosted(endpoint, one, account)) for one in endpoint.variants]
    return Section(name, _facts(endpoint), _without_illegal(_joined(by_variant)))


def _why_not_imported(endpoint: Endpoint) -> str | None:
    if endpoint.status != IN_SERVICE:
        return f"is {endpoint.status}; import it when it is {IN_SERVICE}"
    if endpoint.async_only:
        return "takes asynchronous calls only, and the gateway makes none"
    return None


def _joined(by_variant: list[tuple[str, Hosted]]) -> Hosted:
    """Join the entries of all variants; they name their variant unless all variants are equal."""
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


@dataclass(frozen=True, slots=True)
class _Source:
    """The source of entries: a variant, and the target's key whose values the account lists."""

    endpoint: Endpoint
    model: Model | None
    kind: str
    key: str


def _hosted(endpoint: Endpoint, variant: Variant, account: AccountReader) -> Hosted:
    """Make the entries of a variant: one for each value of the argument that its kind needs."""
    model, kind = variant.model, variant.kind
    if isinstance(model, Unread):
        return Hosted(omitted=(str(model),))
    if kind is None:
        return Hosted(omitted=("is of no kind that a table can name",))
    loads_artifacts = model is not None and model.multi_model is not None
    needed = [
        (name, key.argument)
        for name, key in keys_of(KINDS[kind]).items()
        if (keys_of_kind(kind)[name] and key.argument != "EndpointName")
        or (key.argument == "TargetModel" and loads_artifacts)
    ]
    if not needed:
        return Hosted((Entry((endpoint.name,), kind, {"endpoint": endpoint.name}),))
    ((name, argument), *others) = needed
    if others or argument not in LISTS:
        names = " and ".join(name for name, _ in needed)
        return Hosted(omitted=(f"of kind {kind}, whose {names} import cannot find out",))
    return LISTS[argument](_Source(endpoint, model, kind, name), account)


def _containers(source: _Source, _: AccountReader) -> Hosted:
    """Make an entry for each container, except those that need an artifact as well."""
    endpoint = source.endpoint.name
    containers = () if source.model is None else source.model.containers
    by_name = {one.hostname: one for one in containers if one.hostname is not None}
    entries = tuple(
        Entry(
            (f"{endpoint}-{hostname}",), source.kind, {"endpoint": endpoint, source.key: hostname}
        )
        for hostname, one in by_name.items()
        if not one.multi_model
    )
    omitted = tuple(
        f"container {hostname}: of kind {source.kind}, no artifact can be chosen in a multi-model "
        "container"
        for hostname, one in by_name.items()
        if one.multi_model
    )
    return Hosted(entries, omitted)


def _artifacts(source: _Source, account: AccountReader) -> Hosted:
    if source.model is None or source.model.prefix is None:
        return Hosted(omitted=("the account does not tell where its artifacts are",))
    found = account.artifacts(source.model.prefix)
    if isinstance(found, Unread):
        return Hosted(omitted=(str(found),))
    hosted = loadable(source.endpoint.name, source.kind, source.key, found.in_folder)
    if hosted.entries:
        return hosted
    return replace(hosted, omitted=(f"no artifact in {found.prefix}", *hosted.omitted))


def _components(source: _Source, account: AccountReader) -> Hosted:
    names = source.endpoint.components
    if isinstance(names, Unread):
        return Hosted(omitted=(str(names),))
    read = [(name, account.component(name)) for name in names]
    entries = tuple(
        _component(one, source)
        for _, one in read
        if isinstance(one, Component) and one.status == IN_SERVICE
    )
    omitted = tuple(
        str(one) if isinstance(one, Unread) else f"inference component {name} is {one.status}"
        for name, one in read
        if isinstance(one, Unread) or one.status != IN_SERVICE
    )
    return Hosted(entries, omitted if read else ("no inference component yet",))


def _component(component: Component, source: _Source) -> Entry:
    target = {"endpoint": component.endpoint, source.key: component.name}
    comments = ("No copy of it runs now",) if component.copies == 0 else ()
    names = (component.name, f"{component.endpoint}-{component.name}")
    return Entry(names, source.kind, target, None, comments)


# By argument of InvokeEndpoint: the function that makes an entry for each value in the account.
LISTS: dict[str, Callable[[_Source, AccountReader], Hosted]] = {
    "TargetModel": _artifacts,
    "TargetContainerHostname": _containers,
    "InferenceComponentName": _components,
}


def _without_illegal(hosted: Hosted) -> Hosted:
    """Leave out entries with names that a table cannot hold.

    SageMaker's own patterns for names are not anchored at the end, so they may admit such names.
    """
    illegal = [name for entry in hosted.entries for name in _illegal(entry)]
    return Hosted(
        tuple(entry for entry in hosted.entries if not any(_illegal(entry))),
        (*hosted.omitted, *(f"a table cannot hold the name {quoted(name)}" for name in illegal)),
    )


def _illegal(entry: Entry) -> Iterable[str]:
    keys = keys_of(KINDS[entry.kind])
    return [
        value
        for name, value in entry.target.items()
        if not keys[name].grammar.takes_parameters and not keys[name].grammar.admits(value)
    ]


def _facts(endpoint: Endpoint) -> str:
    """Describe the kind and the place of an endpoint, for a comment in the table."""
    by_variant = {one.name: _fact(one) for one in endpoint.variants}
    if len(set(by_variant.values())) == 1:
        fact = next(iter(by_variant.values()))
        several = f"variants {', '.join(by_variant)}: " if len(by_variant) > 1 else ""
        return f"{several}{fact}"
    return "; ".join(f"variant {name}: {fact}" for name, fact in by_variant.items())


def _fact(variant: Variant) -> str:
    where = "serverless" if variant.serverless else "on instances"
    prefix = variant.model.prefix if isinstance(variant.model, Model) else None
    artifacts = "" if prefix is None else f", artifacts in {prefix}"
    return f"{variant.kind or 'of unknown kind'}, {where}{artifacts}"
