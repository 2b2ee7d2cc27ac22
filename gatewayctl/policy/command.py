"""`gatewayctl policy`: what the two functions may do on AWS, by the table."""

from __future__ import annotations

import shlex
from typing import TYPE_CHECKING, Any, NamedTuple

from chalicelib.routing.reading import file as table_file
from chalicelib.routing.reading.problems import InvalidTable
from chalicelib.settings import SETTINGS, S3Location
from gatewayctl import findings
from gatewayctl import stage as stages
from gatewayctl.command import Command, Exit, Refused, Report, WrongUse
from gatewayctl.policy import document, functions, place, width
from gatewayctl.policy.needs import calls

if TYPE_CHECKING:
    from argparse import ArgumentParser, Namespace
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from chalicelib.routing.table import RoutingTable

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
        _write(file, text, options.project)
    return Report(
        Exit.FINE,
        lines=list(policies.texts),
        notes=[*_said(policies), _summary(policies, table, path)],
        data={"written": list(policies.texts), **_data(policies)},
    )


def _policies(table: RoutingTable, options: Namespace) -> Policies:
    stage = functions.of_stage(options.stage, options.project)
    where = place.Place(
        **place.written(options.project / stage.handler.policy)
        | place.given({name: getattr(options, name) for name in place.RULES})
    )
    routing = _setting(ROUTING, options)
    in_s3 = routing if isinstance(routing, S3Location) else None
    handler = document.handler(calls(table.models()), where, in_s3, stage.handler)
    authorizer = document.authorizer(_setting(KEYS_SECRET, options), where, stage.authorizer)
    return Policies(
        {
            stage.handler.policy: document.text(handler.document),
            stage.authorizer.policy: document.text(authorizer),
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
    command = shlex.join(_command(options))
    return Report(
        Exit.FINDINGS if stale else Exit.FINE,
        lines=[f"{file}: not what {path} needs; run: {command}" for file in stale],
        notes=[f"{file}: as {path} needs it" for file in policies.texts if file not in stale],
        data={"stale": stale, "command": command, **_data(policies)},
    )


def _command(options: Namespace) -> Iterator[str]:
    """What brings the files up to date, or says which folds that would take."""
    yield from ("python", "-m", "gatewayctl", "policy", "--stage", options.stage)
    for name in ("table", *place.RULES):
        if said := getattr(options, name):
            yield from (f"--{name}", str(said))


def _too_wide(policies: Policies) -> Iterator[str]:
    for fold in policies.folds:
        yield f"would have to allow {fold}"
    yield (
        f"nothing was written: the table needs {policies.handler.unfolded:,} characters and IAM "
        f"allows {document.LIMIT:,}; accept all that with --allow-wider, or give some models a "
        "gateway of their own"
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


def _write(file: str, text: str, project: Path) -> None:
    try:
        (project / file).write_text(text, encoding="ascii")
    except OSError as error:
        raise WrongUse(f"{file} cannot be written: {error.strerror}") from error


COMMAND = Command("policy", "write the IAM policies that a table needs", add_arguments, run)
