"""`gatewayctl validate`: everything that is wrong with a routing table, a line each."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from chalicelib.table import file as table_file
from chalicelib.table.problems import InvalidTable
from gatewayctl import findings
from gatewayctl.command import Command, WrongUse

if TYPE_CHECKING:
    from argparse import ArgumentParser, Namespace
    from collections.abc import Callable

    from chalicelib.table.problems import Problem
    from gatewayctl.command import Report


def add_arguments(parser: ArgumentParser) -> None:
    parser.add_argument(
        "files", nargs="*", type=Path, metavar="FILE", help="tables to check, instead of --table"
    )


def run(options: Namespace, locate: Callable[[], Path]) -> Report:
    problems: list[Problem] = []
    notes = []
    for path in options.files or [locate()]:
        if not path.exists() and not path.is_symlink():
            raise WrongUse(f"{path}: there is no such file")
        try:
            table = table_file.parse(table_file.read_bytes(path), str(path))
        except InvalidTable as error:
            problems += error.problems
        else:
            notes.append(f"{path}: {len(table)} models, no findings")
    return findings.report(problems, notes)


COMMAND = Command("validate", "say everything that is wrong with a table", add_arguments, run)
