"""`gatewayctl policy`: what the two functions may do on AWS, by the table."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from chalicelib.settings import SETTINGS, S3Location
from chalicelib.table import file as table_file
from chalicelib.table.problems import InvalidTable
from gatewayctl import findings
from gatewayctl import stage as stages
from gatewayctl.command import Command, Exit, Refused, Report, WrongUse
from gatewayctl.policy import document, files, place, width
from gatewayctl.policy.needs import calls

if TYPE_CHECKING:
    from argparse import ArgumentParser, Namespace
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from chalicelib.routing import RoutingTable

ROUTING = "GATEWAY_ROUTING"
KEYS_SECRET = "GATEWAY_KEYS_SECRET"


class Policies(NamedTuple):
    """What belongs into which file, and what that allows beyond the table."""

    texts: dict[str, str]
    handler: document.Handler
    folds: list[str]
    patterns: list[str]


def add_arguments(parser: ArgumentParser) -> None:
    parser.add_argument(
        "--check", action="store_true", help="write nothing; fail if a file is not as it would be"
    )
    for name, (_, meaning) in place.RULES.items():
        parser.add_argument(
            f"--{name}", metavar=name[0].upper(), help=f"{meaning}; else what the file says, else *"
        )
    parser.add_argument(
        "--allow-wider",
        action="store_true",
        help="where the policy is too long: accept folds, which allow more than the table",
    )


def run(options: Namespace, locate: Callable[[], Path]) -> Report:
    path = locate()
    try:
        table = table_file.parse(table_file.read_bytes(path), str(path))
    except InvalidTable as error:
        return findings.report(error.problems)
    policies = _policies(table, options)
    if options.check:
        return _check(policies, path, options)
    if policies.folds and not options.allow_wider:
        raise Refused(_too_wide(policies))
    for file, text in policies.texts.items():
        _write(options.project / file, text)
    return Report(
        Exit.FINE,
        lines=list(policies.texts),
        notes=[*_said(policies), _summary(policies, table, path)],
        data={"written": list(policies.texts), **_data(policies)},
    )


def _policies(table: RoutingTable, options: Namespace) -> Policies:
    named = files.of_stage(options.stage, options.project)
    where = place.Place(
        **place.written(options.project / named.handler)
        | place.given({name: getattr(options, name) for name in place.RULES})
    )
    routing = _setting(ROUTING, options)
    handler = document.handler(
        calls(table.models()), where, routing if isinstance(routing, S3Location) else None
    )
    authorizer = document.authorizer(_setting(KEYS_SECRET, options), where)
    return Policies(
        {
            named.handler: document.text(handler.document),
            named.authorizer: document.text(authorizer),
        },
        handler,
        width.of_folds(handler.calls),
        width.of_patterns(table.models()),
    )


# The deployed function has what the stage says; the environment of this command is not its own.
def _setting(variable: str, options: Namespace) -> Any:
    (setting,) = [one for one in SETTINGS if one.variable == variable]
    said = stages.variable(variable, options.stage, options.project, instead="see docs/settings.md")
    try:
        return setting.read(setting.default if said is None else said)
    except ValueError as rule:
        raise WrongUse(
            f"{variable} of stage {options.stage} in {stages.CONFIG} must be {rule}"
        ) from rule


def _check(policies: Policies, path: Path, options: Namespace) -> Report:
    stale = [file for file, text in policies.texts.items() if _read(options.project / file) != text]
    command = " ".join(_command(policies, options))
    return Report(
        Exit.FINDINGS if stale else Exit.FINE,
        lines=[f"{file}: not what {path} needs; run: {command}" for file in stale],
        notes=[f"{file}: as {path} needs it" for file in policies.texts if file not in stale],
        data={"stale": stale, "command": command, **_data(policies)},
    )


def _command(policies: Policies, options: Namespace) -> Iterator[str]:
    """What brings the files up to date."""
    yield f"python -m gatewayctl policy --stage {options.stage}"
    for name in ("table", *place.RULES):
        if said := getattr(options, name):
            yield f"--{name} {said}"
    if policies.folds:
        yield "--allow-wider"


def _too_wide(policies: Policies) -> Iterator[str]:
    for fold in policies.folds:
        yield f"would have to allow {fold}"
    yield (
        f"nothing was written: what the table needs takes {policies.handler.unfolded:,} characters "
        f"and IAM allows {document.LIMIT:,}; accept all that with --allow-wider, or split the table"
    )


def _said(policies: Policies) -> list[str]:
    handler = next(iter(policies.texts))
    return [f"{handler}: allows {more}" for more in (*policies.folds, *policies.patterns)]


def _summary(policies: Policies, table: RoutingTable, path: Path) -> str:
    handler = next(iter(policies.texts))
    return (
        f"{handler}: {len(table)} models of {path}, {policies.handler.characters:,} of "
        f"{document.LIMIT:,} characters, {len(policies.folds)} folds"
    )


def _data(policies: Policies) -> dict[str, Any]:
    return {
        "characters": policies.handler.characters,
        "folds": policies.folds,
        "patterns": policies.patterns,
    }


def _read(file: Path) -> str | None:
    try:
        return file.read_text(encoding="utf-8")
    except (OSError, ValueError):
        return None


def _write(file: Path, text: str) -> None:
    try:
        file.write_text(text, encoding="ascii")
    except OSError as error:
        raise WrongUse(f"{file} cannot be written: {error.strerror}") from error


COMMAND = Command("policy", "write the IAM policies that a table needs", add_arguments, run)
