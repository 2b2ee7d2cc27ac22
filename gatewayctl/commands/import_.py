"""`gatewayctl import`: writes a routing table from what the account holds, or completes one."""

from __future__ import annotations

import os
from dataclasses import replace
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, Any

import click

from chalicelib.errors import quoted
from chalicelib.routing.reading import file as table_file
from chalicelib.routing.reading.problems import InvalidTable
from chalicelib.routing.targets import AsyncTarget
from gatewayctl import tables
from gatewayctl.account.artifacts import Artifacts
from gatewayctl.account.covered import Covered, covered_by_patterns
from gatewayctl.account.offers import (
    ARTIFACT,
    COMPONENT,
    ENDPOINT,
    NamedInTable,
    Offer,
    offers,
    reason_to_leave_out,
)
from gatewayctl.account.reader import account_of, endpoint_option, rate_option
from gatewayctl.account.values import Component, Model, Unread
from gatewayctl.command import command, out_option
from gatewayctl.commands.import_artifacts import artifact_entries
from gatewayctl.commands.import_missing import with_entries
from gatewayctl.commands.import_text import (
    Entry,
    Hosted,
    Section,
    covered_now,
    document,
    members,
    models,
    name_entries,
)
from gatewayctl.output import plural, replace_file, writing
from gatewayctl.report import ExitCode, NotReachable, Refused, Report, WrongUse

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
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
    "--missing",
    "is_addition",
    is_flag=True,
    help="Add to the table what no entry names, and change nothing else.",
)
@endpoint_option
@rate_option
def import_(
    context: Context,
    *,
    out: Path | None,
    force: bool,
    is_addition: bool,
    endpoint: str,
    calls_per_second: float,
) -> Report:
    """Write a first routing table from what the account holds, or complete one."""
    file = tables.load(context.table_path()) if is_addition else None
    if out is not None and not force and os.path.lexists(out):
        if not (is_addition and out.exists() and out.samefile(context.table_path())):
            raise _file_exists(out)
        force = True
    account = account_of(context, calls_per_second)
    chosen = account.endpoints(_chosen(account, endpoint))
    covered: list[Covered] = []
    if file is None:
        content = name_entries(section(name, found, account) for name, found in chosen.items())
        text = _checked_text(content)
    else:
        missing = NamedInTable(file.table, account).missing
        sections = (section(name, found, account, missing) for name, found in chosen.items())
        content = name_entries(sections, taken=file.table.rows)
        text = _completed_text(file, content)
        covered = list(covered_by_patterns(file.table, account))
    if out is None:
        lines = text.rstrip("\n").split("\n")
        if file is not None and not all(map(str.isprintable, lines)):
            raise WrongUse(f"{file.name} holds characters that are not printed; give --out FILE")
        return _report(content, covered, lines, {"table": text})
    _write(out, text, force=force)
    return _report(content, covered, [str(out)], {"imported": str(out)})


def _completed_text(file: tables.TableFile, content: Content) -> str:
    """Write the table with the new entries after its own, and check it."""
    data = file.data
    if any(entries for _, entries in content):
        data = with_entries(data, models(content))
    try:
        table_file.parse(data, file.name)
    except InvalidTable as error:
        raise Refused(["nothing was added", *map(str, error.problems)]) from error
    return data.decode()


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
            with target.open("x", encoding="utf-8", newline="") as file:
                file.write(text)
        except FileExistsError as error:
            raise _file_exists(target) from error


def _report(
    content: Content, covered: Sequence[Covered], lines: list[str], data: dict[str, Any]
) -> Report:
    """Report what was imported.

    Args:
        covered: What the entries cover that the table had before.
    """
    models = {one.name: members(one) for _, entries in content for one in entries}
    omitted = [
        {"endpoint": one.endpoint, "text": text}
        for one, _ in content
        for text in one.hosted.omitted
    ]
    note = f"{plural(len(models), 'model')} of {plural(len(content), 'endpoint')}"
    if omitted:
        note += f"; {plural(len(omitted), 'remark')} in the table about what it does not hold"
    patterns = [one.as_data() for one in [*covered, *_covered_now(content)]]
    data = {**data, "models": models, "omitted": omitted, "patterns": patterns}
    return Report(ExitCode.FINE, lines=lines, notes=[note, *map(str, covered)], data=data)


def _covered_now(content: Content) -> Iterator[Covered]:
    """Yield what each new entry with a pattern covers."""
    for _, entries in content:
        for one in entries:
            artifacts = covered_now(one)
            if artifacts is not None:
                yield Covered(one.name, (), artifacts)


def section(
    name: str,
    endpoint: Endpoint | Unread,
    account: AccountReader,
    chosen: Callable[[str, Offer], tuple[str, ...]] = lambda _, offer: offer.names,
) -> Section:
    """Make entries for everything on an endpoint that can be read and called.

    Args:
        chosen: Chooses from the names that an endpoint offers.
    """
    if isinstance(endpoint, Unread):
        return Section(name, "", Hosted(omitted=(str(endpoint),)))
    if reason := reason_to_leave_out(endpoint):
        return Section(name, "", Hosted(omitted=(reason,)))
    if not endpoint.variants:
        return Section(name, "", Hosted(omitted=("has no variant",)))
    entries: list[Entry] = []
    omitted: list[str] = []
    for variant, offer in offers(endpoint, account):
        made = _entries(name, replace(offer, names=chosen(name, offer)), account)
        entries += made if variant is None else (_of_variant(variant, entry) for entry in made)
        where = "" if variant is None else f"variant {variant}: "
        omitted += (f"{where}{text}" for text in offer.omitted)
    return Section(name, _facts(endpoint), Hosted(tuple(entries), tuple(omitted)))


def _of_variant(variant: str, entry: Entry) -> Entry:
    return replace(
        entry,
        names=tuple(f"{name}-{variant}" for name in entry.names),
        target={**entry.target, "target_variant": variant},
    )


def _entries(endpoint: str, offer: Offer, account: AccountReader) -> list[Entry]:
    """Make an entry for each offered name; similar artifacts share one."""
    kind, key = offer.kind, offer.key
    if offer.argument == ARTIFACT:
        artifacts = dict.fromkeys(offer.names, ()) | _older(offer)
        listed = account.artifacts(offer.prefix) if offer.prefix is not None else None
        objects = listed.names if isinstance(listed, Artifacts) else ()
        return artifact_entries(endpoint, kind, key, artifacts, objects=objects)
    if offer.argument == ENDPOINT:
        return [Entry((name,), kind, {key: name}) for name in offer.names]
    entries = []
    for name in offer.names:
        qualified = f"{endpoint}-{name}"
        component = account.component(name) if offer.argument == COMPONENT else None
        is_idle = isinstance(component, Component) and component.copies == 0
        entries.append(
            Entry(
                (qualified,) if component is None else (name, qualified),
                kind,
                {"endpoint": endpoint, key: name},
                None,
                ("No copy of it runs now",) if is_idle else (),
            )
        )
    return entries


def _older(offer: Offer) -> dict[str, tuple[str, ...]]:
    return {newest: older for newest, older in offer.older if newest in offer.names}


def _facts(endpoint: Endpoint) -> str:
    """Describe the kind and the place of an endpoint, for a comment in the table."""
    kind = AsyncTarget.kind if endpoint.async_only else None
    by_variant = {one.name: _fact(one, kind or one.kind) for one in endpoint.variants}
    if len(set(by_variant.values())) == 1:
        fact = next(iter(by_variant.values()))
        several = f"variants {', '.join(by_variant)}: " if len(by_variant) > 1 else ""
        return f"{several}{fact}"
    return "; ".join(f"variant {name}: {fact}" for name, fact in by_variant.items())


def _fact(variant: Variant, kind: str | None) -> str:
    where = "serverless" if variant.serverless else "on instances"
    prefix = variant.model.prefix if isinstance(variant.model, Model) else None
    artifacts = "" if prefix is None else f", artifacts in {prefix}"
    return f"{kind or 'of unknown kind'}, {where}{artifacts}"
