"""Runs the command that the arguments name, and returns its exit code."""

from __future__ import annotations

import importlib
import tomllib
from contextlib import redirect_stderr, redirect_stdout
from keyword import iskeyword
from pathlib import Path
from typing import TYPE_CHECKING, cast

import click
from click.shell_completion import CompletionItem, get_completion_class, shell_complete

from chalicelib.errors import printable
from gatewayctl.command import Command, Dependencies, Group, Session
from gatewayctl.output import Output
from gatewayctl.report import ExitCode

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from typing import TextIO

PROGRAM = "gatewayctl"
COMPLETION_VARIABLE = "_GATEWAYCTL_COMPLETE"
SHELLS = ("bash", "zsh", "fish")

COMMANDS = {
    "validate": "report every mistake in a table, and what may cause problems",
    "compile": "write the compiled form of a table, which loads quickly",
    "openapi": "write an OpenAPI document of the models",
    "schema": "write the JSON Schema of routing tables, for editors",
    "explain": "explain what the gateway does with one path or one token, and why",
    "prewarm": "load models before callers need them",
    "import": "write a first table from the AWS account",
    "diff": "show the differences between a table and the AWS account",
    "policy": "write the IAM policies that a table needs",
    "targets": "show what each target of a model did: calls, errors, times",
    "shift": "change the weights of a model's targets in the table",
    "status": "say what is wrong with a gateway: its answer, its table, its keys, its errors",
    "logs": "show all lines of one request, from API Gateway to SageMaker",
    "costs": "show what endpoints cost, by model, target and principal",
    "prices": "write the prices of SageMaker's hosting into a file, for costs",
    "advise": "say which hosting option each model should have, and what it would cost",
    "publish": "upload a table to S3 for running gateways, or go back to an earlier one",
    "keys": "issue, list, disable or rotate API keys",
    "completion": "print the script that completes commands in a shell",
}


class _Commands(Group):
    """The group of all commands; the module of a command is imported when the command is called."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name in self.commands or cmd_name not in COMMANDS:
            return self.commands.get(cmd_name)
        name = f"{cmd_name}_" if iskeyword(cmd_name) else cmd_name
        module = importlib.import_module(f"gatewayctl.commands.{name}")
        return cast("click.Command", getattr(module, name))

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        try:
            return super().resolve_command(ctx, args)
        except click.NoSuchCommand as error:
            raise click.NoSuchCommand(args[0], possibilities=COMMANDS, ctx=ctx) from error

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl(list(COMMANDS.items()))

    def shell_complete(self, ctx: click.Context, incomplete: str) -> list[CompletionItem]:
        names = [CompletionItem(name, help=purpose) for name, purpose in COMMANDS.items()]
        options = click.Command.shell_complete(self, ctx, incomplete)
        return [*(item for item in names if item.value.startswith(incomplete)), *options]


def _version() -> str:
    with (Path(__file__).parents[1] / "pyproject.toml").open("rb") as file:
        return str(tomllib.load(file)["project"]["version"])


GROUP = _Commands(
    PROGRAM,
    help="Look after an inference gateway: its routing table, its policies and its API keys.",
    context_settings={"help_option_names": ["-h", "--help"]},
)
click.version_option(_version(), prog_name=PROGRAM, message="%(prog)s %(version)s")(GROUP)


@GROUP.command("completion", cls=Command)
@click.argument("shell", type=click.Choice(SHELLS))
def completion(shell: str) -> int:
    """Print the script that completes commands and options in a shell.

    In bash, for instance: eval "$(gatewayctl completion bash)"
    """
    script = get_completion_class(shell)
    assert script is not None
    click.echo(script(GROUP, {}, PROGRAM, COMPLETION_VARIABLE).source())
    return ExitCode.FINE


def _printable(error: click.UsageError) -> click.UsageError:
    """Return an error whose message, which may repeat arguments, is one line."""
    if isinstance(error, click.MissingParameter):
        return error  # it repeats no argument, and lists choices on lines of their own
    return click.UsageError(printable(error.format_message()), error.ctx)


def main(
    arguments: Sequence[str],
    environ: Mapping[str, str],
    project: Path,
    stdout: TextIO,
    stderr: TextIO,
    *,
    dependencies: Dependencies | None = None,
) -> int:
    """Run one command, and return its exit code.

    Args:
        environ: The environment variables.
        project: The folder of the project, with `.chalice/config.json`.
        dependencies: What commands need from outside; by default boto3, the real time and so on.
    """
    if instruction := environ.get(COMPLETION_VARIABLE):
        return shell_complete(GROUP, {}, PROGRAM, COMPLETION_VARIABLE, instruction)
    output = Output(stdout, stderr, environ)
    session = Session(environ, project, output, dependencies or Dependencies())
    try:
        with (
            redirect_stdout(stdout),
            redirect_stderr(stderr),
            GROUP.make_context(PROGRAM, list(arguments), obj=session) as context,
        ):
            return int(GROUP.invoke(context))
    except click.exceptions.Exit as finished:
        return finished.exit_code
    except click.UsageError as error:
        _printable(error).show(stderr)
        return ExitCode.WRONG_USE
