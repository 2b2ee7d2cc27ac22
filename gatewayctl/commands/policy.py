"""`gatewayctl policy`: what the two functions may do on AWS, by the table."""

from __future__ import annotations

import shlex
from typing import TYPE_CHECKING, Any, NamedTuple

import click

from chalicelib.settings import SETTINGS, S3Location
from gatewayctl import stage as stages
from gatewayctl import tables
from gatewayctl.command import command
from gatewayctl.output import writing
from gatewayctl.policy import document, functions, place, width
from gatewayctl.policy.needs import calls
from gatewayctl.report import ExitCode, Refused, Report, WrongUse

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from chalicelib.routing.table import RoutingTable
    from gatewayctl.command import Context

ROUTING = "GATEWAY_ROUTING"
KEYS_SECRET = "GATEWAY_KEYS_SECRET"


class Policies(NamedTuple):
    """What belongs into which file, and what that allows beyond the table."""

    texts: dict[str, str]
    handler: document.Handler
    folds: list[str]
    patterns: list[str]


@command("policy")
@click.option("--check", is_flag=True, help="Write nothing; fail if a file is not as it would be.")
@click.option(
    "--partition",
    metavar="P",
    help=f"{place.RULES['partition'][1]}; else what the file says, else *.",
)
@click.option(
    "--region",
    metavar="R",
    help=f"{place.RULES['region'][1]}; else what the file says, else *.",
)
@click.option(
    "--account",
    metavar="A",
    help=f"{place.RULES['account'][1]}; else what the file says, else *.",
)
@click.option(
    "--allow-wider",
    is_flag=True,
    help="If the policy is too long: accept folds, which allow more than the table.",
)
def policy(context: Context, *, check: bool, allow_wider: bool, **where: str | None) -> Report:
    """Write the IAM policies of a stage's two functions, which allow what the table needs."""
    path = context.table_path()
    table = tables.load(path).table
    policies = _policies(table, context, where)
    if check:
        return _check(policies, path, context, where)
    if policies.folds and not allow_wider:
        raise Refused(_too_wide(policies))
    for file, text in policies.texts.items():
        _write(file, text, context.project)
    return Report(
        ExitCode.FINE,
        lines=list(policies.texts),
        notes=[*_said(policies), _summary(policies, table, path)],
        data={"written": list(policies.texts), **_data(policies)},
    )


def _policies(table: RoutingTable, context: Context, where: dict[str, str | None]) -> Policies:
    stage = functions.of_stage(context.stage, context.project)
    location = place.Place(
        **place.written(context.project / stage.handler.policy) | place.given(where)
    )
    routing = _setting(ROUTING, context)
    in_s3 = routing if isinstance(routing, S3Location) else None
    handler = document.handler(calls(table.models()), location, in_s3, stage.handler)
    authorizer = document.authorizer(_setting(KEYS_SECRET, context), location, stage.authorizer)
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
def _setting(variable: str, context: Context) -> Any:
    (setting,) = [one for one in SETTINGS if one.variable == variable]
    said = stages.variable(variable, context.stage, context.project, instead="see docs/settings.md")
    try:
        return setting.read(setting.default if said is None else said)
    except ValueError as rule:
        raise WrongUse(
            f"{variable} of stage {context.stage} in {stages.CONFIG} must be {rule}"
        ) from rule


def _check(
    policies: Policies, path: Path, context: Context, where: dict[str, str | None]
) -> Report:
    stale = [file for file, text in policies.texts.items() if _read(context.project / file) != text]
    command = shlex.join(_command(context, where))
    return Report(
        ExitCode.FINDINGS if stale else ExitCode.FINE,
        lines=[f"{file}: not what {path} needs; run: {command}" for file in stale],
        notes=[f"{file}: as {path} needs it" for file in policies.texts if file not in stale],
        data={"stale": stale, "command": command, **_data(policies)},
    )


def _command(context: Context, where: dict[str, str | None]) -> Iterator[str]:
    """What brings the files up to date, or says which folds that would take."""
    yield from ("python", "-m", "gatewayctl", "policy", "--stage", context.stage)
    for name, value in {"table": context.table, **where}.items():
        if value:
            yield from (f"--{name}", str(value))


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
    with writing(file):
        (project / file).write_text(text, encoding="ascii")
