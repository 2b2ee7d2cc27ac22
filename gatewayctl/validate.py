"""`gatewayctl validate`: everything that is wrong with a routing table, a line each."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from chalicelib.routing.reading import file as table_file
from chalicelib.routing.reading.problems import InvalidTable
from gatewayctl import findings, live
from gatewayctl import stage as stages
from gatewayctl.account import options as account_options
from gatewayctl.command import Command, WrongUse
from gatewayctl.lint.rules import warnings
from gatewayctl.lint.subject import Subject
from gatewayctl.table_lines import Lines

if TYPE_CHECKING:
    from argparse import ArgumentParser, Namespace
    from collections.abc import Callable, Iterator

    from chalicelib.routing.reading.problems import Problem
    from chalicelib.routing.table import RoutingTable
    from gatewayctl.command import Report

METRICS_VARIABLE = "GATEWAY_METRICS_PER_MODEL"


def add_arguments(parser: ArgumentParser) -> None:
    parser.add_argument(
        "files", nargs="*", type=Path, metavar="FILE", help="tables to check, instead of --table"
    )
    parser.add_argument("--live", action="store_true", help="also compare with the AWS account")
    account_options.add_arguments(parser)


def run(options: Namespace, locate: Callable[[], Path]) -> Report:
    found: list[Problem] = []
    notes = []
    for path in options.files or [locate()]:
        if not path.exists() and not path.is_symlink():
            raise WrongUse(f"{path}: there is no such file")
        try:
            data = table_file.read_bytes(path)
            table = table_file.parse(data, str(path))
        except InvalidTable as error:
            found += error.problems
        else:
            said = _of_sound_table(table, Lines(data), str(path), options)
            of_table = sorted(said, key=lambda problem: problem.line or 0)
            found += of_table
            notes.append(f"{path}: {len(table)} models, {findings.counted(of_table)}")
    return findings.report(found, notes)


def _of_sound_table(
    table: RoutingTable, lines: Lines, file: str, options: Namespace
) -> Iterator[Problem]:
    """What there is to say about a table that a gateway takes."""
    yield from warnings(Subject(table, partial(_has_model_metrics, options)), lines, file)
    if options.live:
        yield from live.problems(table, lines, file, account_options.reader(options))


def _has_model_metrics(options: Namespace) -> bool:
    said = options.environment.get(METRICS_VARIABLE) or stages.variable(
        METRICS_VARIABLE, options.stage, options.project, instead=f"set {METRICS_VARIABLE}"
    )
    return said != "off"


COMMAND = Command("validate", "say everything that is wrong with a table", add_arguments, run)
