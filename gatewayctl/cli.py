"""From arguments to an exit code: finds the command, runs it, prints what it reports."""

from __future__ import annotations

import json
from argparse import ArgumentParser, Namespace
from contextlib import redirect_stderr, redirect_stdout
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, TextIO

from gatewayctl import compile as compile_command
from gatewayctl import validate
from gatewayctl.command import Exit, WrongUse
from gatewayctl.table_file import locate

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from gatewayctl.command import Command, Report

COMMANDS = (validate.COMMAND, compile_command.COMMAND)

EXIT_CODES = "exit codes: 0 fine or warnings only, 1 findings, 2 wrong use, 3 AWS not reachable"


def main(
    arguments: Sequence[str],
    environ: Mapping[str, str],
    project: Path,
    stdout: TextIO,
    stderr: TextIO,
) -> int:
    """Run one command; the exit code is its result."""
    try:
        with redirect_stdout(stdout), redirect_stderr(stderr):
            options = _parser().parse_args(arguments)
    except SystemExit as wrong_use_or_help:
        return int(wrong_use_or_help.code or Exit.FINE)
    command: Command = options.command
    try:
        report = command.run(
            options, partial(locate, options.table, options.stage, environ, project)
        )
    except WrongUse as error:
        stderr.write(f"gatewayctl {command.name}: {error}\n")
        return Exit.WRONG_USE
    _print(report, options, stdout, stderr)
    return report.exit_code


def _print(report: Report, options: Namespace, stdout: TextIO, stderr: TextIO) -> None:
    if options.format == "json":
        stdout.write(f"{json.dumps(report.data, indent=2)}\n")
    else:
        stdout.writelines(f"{line}\n" for line in report.lines)
        stderr.writelines(f"{note}\n" for note in report.notes)


def _parser() -> ArgumentParser:
    parser = ArgumentParser("gatewayctl", description="Look after a routing table.")
    parser.epilog = EXIT_CODES
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    for command in COMMANDS:
        subparser = commands.add_parser(
            command.name, help=command.purpose, description=command.purpose, epilog=EXIT_CODES
        )
        command.add_arguments(subparser)
        _add_common(subparser)
        subparser.set_defaults(command=command)
    return parser


def _add_common(parser: ArgumentParser) -> None:
    parser.add_argument(
        "--table",
        type=Path,
        metavar="FILE",
        help="the routing table; else GATEWAY_ROUTING, else the stage's in .chalice/config.json, "
        "else routing.yaml",
    )
    parser.add_argument("--stage", default="dev", metavar="S", help="a Chalice stage (dev)")
    parser.add_argument("--format", choices=("text", "json"), default="text")
