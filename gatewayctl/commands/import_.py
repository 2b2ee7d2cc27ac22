"""`gatewayctl import`: a first routing table, from what the account holds."""

from __future__ import annotations

import os
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING

import click

from chalicelib.errors import quoted
from chalicelib.routing.reading import file as table_file
from chalicelib.routing.reading.problems import InvalidTable
from gatewayctl.account import options as account_options
from gatewayctl.account.values import Unread
from gatewayctl.command import command, out_option
from gatewayctl.importing.document import document, members
from gatewayctl.importing.hosting import section
from gatewayctl.importing.names import named
from gatewayctl.report import ExitCode, NotReachable, Refused, Report, WrongUse

if TYPE_CHECKING:
    from pathlib import Path

    from gatewayctl.account.reader import AccountReader
    from gatewayctl.command import Context
    from gatewayctl.importing.hosting import Section
    from gatewayctl.importing.names import Named

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
@account_options.rate_option
def import_(
    context: Context, *, out: Path | None, force: bool, endpoint: str, calls_per_second: float
) -> Report:
    """Write a first routing table from what the account holds."""
    if out is not None and not force and os.path.lexists(out):
        raise _would_replace(out)
    account = account_options.reader(context, calls_per_second)
    chosen = account.endpoints(_chosen(account, endpoint))
    sections = [section(name, found, account) for name, found in chosen.items()]
    content = named(sections)
    text = _checked(content)
    if out is None:
        return _report(content, [text.rstrip("\n")], {"table": text})
    _write(out, text, force=force)
    return _report(content, [str(out)], {"imported": str(out)})


def _would_replace(target: Path) -> Refused:
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


def _checked(content: Content) -> str:
    """The text of the table, after the gateway's own parser has taken it."""
    if not any(of_section for _, of_section in content):
        reasons = [f"{one.endpoint}: {text}" for one, _ in content for text in one.hosted.omitted]
        raise Refused(["there is no model to import", *reasons])
    text = document(content)
    try:
        table_file.parse(text.encode(), "the imported table")
    except InvalidTable as error:
        raise Refused([*map(str, error.problems), "import fewer, with --endpoint"]) from error
    return text


def _write(target: Path, text: str, *, force: bool) -> None:
    """Through a link, if the file is one; never over what came into being meanwhile."""
    try:
        if force:
            new = target.resolve().with_name(f"{target.name}.new")
            new.write_text(text, encoding="utf-8")
            new.replace(target.resolve())
        else:
            with target.open("x", encoding="utf-8") as file:
                file.write(text)
    except FileExistsError as error:
        raise _would_replace(target) from error
    except OSError as error:
        raise WrongUse(f"{target} cannot be written: {error.strerror}") from error


def _report(content: Content, lines: list[str], data: dict[str, str]) -> Report:
    entries = {one.name: members(one) for _, of_section in content for one in of_section}
    omitted = [
        {"endpoint": one.endpoint, "text": text}
        for one, _ in content
        for text in one.hosted.omitted
    ]
    note = f"{len(entries):,} models of {len(content):,} endpoints"
    if omitted:
        note += f"; {len(omitted):,} remarks in the table about what it does not hold"
    return Report(
        ExitCode.FINE,
        lines=lines,
        notes=[note],
        data={**data, "models": entries, "omitted": omitted},
    )
