"""`gatewayctl validate`: reports mistakes in routing tables, and probable mistakes as warnings."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import click

from chalicelib.routing.reading.problems import InvalidTable
from gatewayctl import lint, tables
from gatewayctl import stage as stages
from gatewayctl.account.accounts import accounts_of
from gatewayctl.account.findings import compared
from gatewayctl.account.reader import rate_option
from gatewayctl.command import command
from gatewayctl.output import plural
from gatewayctl.report import WrongUse

if TYPE_CHECKING:
    from chalicelib.routing.reading.problems import Problem
    from gatewayctl.command import Context
    from gatewayctl.report import Report

METRICS_VARIABLE = "GATEWAY_METRICS_PER_MODEL"


@command("validate")
@click.argument("files", nargs=-1, type=click.Path(path_type=Path), metavar="[FILE]...")
@click.option("--live", "is_live", is_flag=True, help="Also compare with the AWS account.")
@rate_option
def validate(
    context: Context, *, files: tuple[Path, ...], is_live: bool, calls_per_second: float
) -> Report:
    """Report every mistake in a table, and what may cause problems.

    FILE is a table to check instead of --table; several files may be given.
    """
    accounts = accounts_of(context, calls_per_second) if is_live else None
    findings: list[Problem] = []
    notes: list[str] = []
    for path in files or [context.table_path()]:
        if not path.exists() and not path.is_symlink():
            raise WrongUse(f"{path}: there is no such file")
        try:
            file = tables.load(path)
        except InvalidTable as error:
            findings += error.problems
            continue
        problems: list[Problem] = list(lint.warnings(file, partial(_has_model_metrics, context)))
        if accounts is not None:
            found = compared(file, accounts)
            problems += found.problems
            notes += (f"{path}: {note}" for note in found.notes())
        problems.sort(key=lambda one: one.line or 0)
        findings += problems
        notes.append(f"{path}: {plural(len(file.table), 'model')}, {tables.counted(problems)}")
    return tables.report(findings, notes)


def _has_model_metrics(context: Context) -> bool:
    value = context.environment.get(METRICS_VARIABLE) or stages.variable(
        METRICS_VARIABLE, context.stage, context.project, instead=f"set {METRICS_VARIABLE}"
    )
    return value != "off"
