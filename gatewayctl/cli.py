"""From arguments to an exit code: finds the command, runs it, prints what it reports."""

from __future__ import annotations

import json
from argparse import ArgumentParser, Namespace
from contextlib import redirect_stderr, redirect_stdout
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, TextIO

from gatewayctl import compile as compile_command
from gatewayctl import diff, openapi, prewarm, schema, validate
from gatewayctl.aws import NotReachable
from gatewayctl.command import Exit, Refused, Report, WrongUse
from gatewayctl.explain import command as explain
from gatewayctl.importing import command as import_command
from gatewayctl.keys import commands as keys
from gatewayctl.policy import command as policy
from gatewayctl.publishing import command as publish
from gatewayctl.table_file import locate

if TYPE_CHECKING:
    from argparse import _SubParsersAction
    from collections.abc import Mapping, Sequence

    from gatewayctl.command import Command

COMMANDS = (
    validate.COMMAND,
    compile_command.COMMAND,
    openapi.COMMAND,
    schema.COMMAND,
    explain.COMMAND,
    prewarm.COMMAND,
    import_command.COMMAND,
    diff.COMMAND,
    policy.COMMAND,
    publish.COMMAND,
    *keys.COMMANDS,
)
GROUPS = {keys.GROUP: keys.PURPOSE}

EXIT_CODES = "exit codes: 0 fine or warnings only, 1 findings, 2 wrong use, 3 AWS not reachable"


def main(
    arguments: Sequence[str],
    environ: Mapping[str, str],
    project: Path,
    stdout: TextIO,
    stderr: TextIO,
    *,
    commands: Sequence[Command] = COMMANDS,
) -> int:
    """Run one command; the exit code is its result."""
    options = Namespace(environment=environ, project=project, stderr=stderr)
    try:
        with redirect_stdout(stdout), redirect_stderr(stderr):
            _parser(commands).parse_args(arguments, options)
    except SystemExit as wrong_use_or_help:
        return int(wrong_use_or_help.code or Exit.FINE)
    command: Command = options.command
    try:
        report = command.run(
            options, partial(locate, options.table, options.stage, environ, project)
        )
    except Refused as refusal:
        report = _refusal(command, refusal)
    except (WrongUse, NotReachable) as error:
        stderr.write(f"gatewayctl {command.name}: {error}\n")
        return Exit.WRONG_USE if isinstance(error, WrongUse) else Exit.AWS_NOT_REACHABLE
    _print(report, options, stdout, stderr)
    return report.exit_code


def _refusal(command: Command, refusal: Refused) -> Report:
    notes = [f"gatewayctl {command.name}: {reason}" for reason in refusal.reasons]
    return Report(Exit.FINDINGS, lines=(), notes=notes, data={"refused": list(refusal.reasons)})


def _print(report: Report, options: Namespace, stdout: TextIO, stderr: TextIO) -> None:
    if options.format == "json":
        stdout.write(f"{json.dumps(report.data, indent=2)}\n")
    else:
        stdout.writelines(f"{line}\n" for line in report.lines)
        stderr.writelines(f"{note}\n" for note in report.notes)


def _parser(commands: Sequence[Command]) -> ArgumentParser:
    parser = ArgumentParser("gatewayctl", description="Look after a gateway.", epilog=EXIT_CODES)
    groups = {"": parser.add_subparsers(required=True, metavar="COMMAND")}
    for group, purpose in GROUPS.items():
        subparser = _add_parser(groups[""], group, purpose)
        groups[group] = subparser.add_subparsers(required=True, metavar="COMMAND")
    for command in commands:
        group, _, name = command.name.rpartition(" ")
        subparser = _add_parser(groups[group], name, command.purpose)
        command.add_arguments(subparser)
        _add_common(subparser)
        subparser.set_defaults(command=command)
    return parser


def _add_parser(
    parsers: _SubParsersAction[ArgumentParser], name: str, purpose: str
) -> ArgumentParser:
    return parsers.add_parser(name, help=purpose, description=purpose, epilog=EXIT_CODES)


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
