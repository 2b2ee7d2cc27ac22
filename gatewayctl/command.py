"""Declares commands: the decorator of their functions, and the context that these get."""

from __future__ import annotations

import importlib
import time
from dataclasses import dataclass, field
from functools import partial, wraps
from pathlib import Path
from secrets import SystemRandom
from typing import TYPE_CHECKING, Any

import click
from click.core import ParameterSource

from chalicelib.routing.reading.problems import InvalidTable
from gatewayctl import stage as stages
from gatewayctl import tables
from gatewayctl.report import MEANINGS, CommandError, ExitCode, Refused, Report

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from random import Random

    from chalicelib.routing.targets import Place
    from gatewayctl.output import Output


def connect(service: str, **settings: Any) -> Any:
    """Make a boto3 client, as `gatewayctl.aws.client` does.

    botocore is imported here, because most commands do not need it.
    """
    return importlib.import_module("gatewayctl.aws").client(service, **settings)


@dataclass(frozen=True, slots=True)
class Dependencies:
    """What commands need from outside: AWS, the time and random numbers."""

    connect: Callable[..., Any] = connect
    """Makes a client for a service of AWS; the keywords are settings of botocore's `Config`."""
    clock: Callable[[], float] = time.time
    random: Random = field(default_factory=SystemRandom)


@dataclass(frozen=True, slots=True)
class Session:
    """The arguments of `gatewayctl.cli.main`, which are the same for every command."""

    environment: Mapping[str, str]
    project: Path
    """The folder with `.chalice/config.json` and `routing.yaml`."""
    output: Output
    dependencies: Dependencies


@dataclass(frozen=True, slots=True)
class Context(Session):
    """What a command gets besides its own options."""

    stage: str
    table: Path | None
    """The value of `--table`."""
    has_stage: bool = True
    """Whether the user named the stage; otherwise it is the default."""

    def connect(self, service: str, **settings: Any) -> Any:
        """Make a client for a service of AWS.

        Raises:
            NotReachable: The endpoint URL, the region or the profile is invalid.
        """
        return self.dependencies.connect(service, **settings)

    def connector(self, place: Place) -> Callable[..., Any]:
        """Return what makes clients as `connect` does, for the endpoints of a place."""
        settings = {name: value for name, value in place._asdict().items() if value is not None}
        return partial(self.connect, **settings)

    def now(self) -> int:
        """Return the current time in whole seconds since the epoch."""
        return int(self.dependencies.clock())

    def table_path(self) -> Path:
        """Return the file of the routing table, as `gatewayctl.stage.table_path` finds it.

        Raises:
            WrongUse: The location is invalid, or the table is in S3 (`TableInS3`).
        """
        return stages.table_path(self.table, self.stage, self.environment, self.project)

    def has_jobs(self) -> bool:
        """Whether the gateway has jobs: by `GATEWAY_JOBS`, else by the stage's in config.json.

        Raises:
            WrongUse: config.json cannot be read.
        """
        own = self.environment.get(stages.JOBS_VARIABLE)
        return bool(
            stages.setting(stages.JOBS_VARIABLE, self.stage, self.project) if own is None else own
        )

    def secret_name(self, secret: str | None) -> str:
        """Return the name of the secret with the API keys; `secret` is the value of `--secret`.

        Raises:
            WrongUse: The name is invalid.
        """
        name = stages.secret_name(secret, self.stage, self.environment, self.project)
        is_chosen = secret is not None or stages.SECRET_VARIABLE in self.environment
        is_local = stages.is_loopback(self.environment.get("AWS_ENDPOINT_URL", ""))
        is_of_another = self.stage != stages.LOCAL
        if is_local and is_of_another and not is_chosen and not self.has_stage:
            self.output.note(
                f"{name} is the secret of stage {self.stage}; the gateway of make run reads that "
                f"of --stage {stages.LOCAL}"
            )
        return name


class Command(click.Command):
    """A command whose help has colours on a terminal, and ends with the exit codes."""

    def get_help(self, ctx: click.Context) -> str:
        session: Session = ctx.obj
        return session.output.coloured_help(super().get_help(ctx))

    def format_epilog(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Exit codes"):
            formatter.write_dl([(str(code.value), text) for code, text in MEANINGS.items()])


class Group(Command, click.Group):
    """A group of commands."""


def command(name: str) -> Callable[[Callable[..., Report]], Command]:
    """Declare a function as a command; it gets a `Context`, and its own options as keywords.

    The function's docstring is the help of the command. Decorators of click below this one
    declare the options: `click.option` and `click.argument`.

    Args:
        name: The last word of the command's name.
    """

    def decorate(run: Callable[..., Report]) -> Command:
        @click.pass_context
        @wraps(run)
        def callback(ctx: click.Context, /, **options: Any) -> ExitCode:
            source = ctx.get_parameter_source("stage")
            options["has_stage"] = source is not ParameterSource.DEFAULT
            return _run(ctx.obj, ctx.command_path, run, options)

        declared = click.command(name, cls=Command)(callback)
        declared.params += COMMON_OPTIONS
        return declared

    return decorate


def _run(
    session: Session, name: str, run: Callable[..., Report], options: dict[str, Any]
) -> ExitCode:
    """Run a command, turn its errors into reports, and print the report."""
    output, as_json = session.output, options.pop("format") == "json"
    try:
        report = run(_context(session, options), **options)
    except InvalidTable as error:
        report = tables.report(error.problems)
    except Refused as refusal:
        notes = [f"{name}: {reason}" for reason in refusal.reasons]
        report = Report(refusal.exit_code, (), notes, {"refused": list(refusal.reasons)})
    except CommandError as error:
        output.note(f"{name}: {error}")
        return error.exit_code
    finally:
        output.close()
    output.report(report, as_json=as_json)
    return report.exit_code


def _context(session: Session, options: dict[str, Any]) -> Context:
    """Build the context from the common options, and remove these from `options`."""
    stage = options.pop("stage")
    stages.require(stage, session.project)
    return Context(
        session.environment,
        session.project,
        session.output,
        session.dependencies,
        stage,
        options.pop("table"),
        options.pop("has_stage"),
    )


COMMON_OPTIONS = [
    click.Option(
        ["--table"],
        type=click.Path(path_type=Path),
        metavar="FILE",
        help="The routing table; else GATEWAY_ROUTING, else the stage's in .chalice/config.json, "
        "else routing.yaml.",
    ),
    click.Option(
        ["--stage"],
        default=stages.DEFAULT,
        show_default=True,
        metavar="S",
        help="A stage of .chalice/config.json.",
    ),
    click.Option(
        ["--format"],
        type=click.Choice(["text", "json"]),
        default="text",
        show_default=True,
        help="json prints the same as data on stdout.",
    ),
]
secret_option = click.option(
    "--secret",
    metavar="NAME",
    help="The secret with the keys; else GATEWAY_KEYS_SECRET, else the stage's in "
    ".chalice/config.json, else inference-gateway/keys. The commands print which one it is.",
)
out_option = click.option(
    "--out",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="Write to this file instead of stdout.",
)
