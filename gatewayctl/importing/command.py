"""`gatewayctl import`: a first routing table, from what the account holds."""

from __future__ import annotations

import os
from fnmatch import fnmatchcase
from pathlib import Path
from typing import TYPE_CHECKING

from chalicelib.errors import quoted
from chalicelib.routing.reading import file as table_file
from chalicelib.routing.reading.problems import InvalidTable
from gatewayctl.account import options as account_options
from gatewayctl.account.values import Unread
from gatewayctl.aws import NotReachable
from gatewayctl.command import Command, Exit, Refused, Report, WrongUse
from gatewayctl.importing.document import document, members
from gatewayctl.importing.hosting import section
from gatewayctl.importing.names import named

if TYPE_CHECKING:
    from argparse import ArgumentParser, Namespace
    from collections.abc import Callable

    from gatewayctl.account.reader import AccountReader
    from gatewayctl.importing.hosting import Section
    from gatewayctl.importing.names import Named

    Content = list[tuple[Section, list[Named]]]


def add_arguments(parser: ArgumentParser) -> None:
    parser.add_argument("--out", type=Path, metavar="FILE", help="write there instead of stdout")
    parser.add_argument("--force", action="store_true", help="replace the file that is there")
    parser.add_argument(
        "--endpoint",
        default="*",
        metavar="PATTERN",
        help="only endpoints whose names match, as in 'team-a-*'",
    )
    account_options.add_arguments(parser)


def run(options: Namespace, _: Callable[[], Path]) -> Report:
    if options.out is not None and not options.force and os.path.lexists(options.out):
        raise _would_replace(options.out)
    account = account_options.reader(options)
    chosen = account.endpoints(_chosen(account, options.endpoint))
    sections = [section(name, endpoint, account) for name, endpoint in chosen.items()]
    content = named(sections)
    text = _checked(content)
    if options.out is None:
        return _report(content, [text.rstrip("\n")], {"table": text})
    _write(options.out, text, force=options.force)
    return _report(content, [str(options.out)], {"imported": str(options.out)})


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
        Exit.FINE, lines=lines, notes=[note], data={**data, "models": entries, "omitted": omitted}
    )


COMMAND = Command("import", "write a table from what the account holds", add_arguments, run)
