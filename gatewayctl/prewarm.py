"""`gatewayctl prewarm`: models are loaded before their first caller comes."""

from __future__ import annotations

from argparse import ArgumentTypeError
from collections.abc import Callable
from contextlib import closing
from functools import partial
from typing import TYPE_CHECKING, Any, TextIO

from chalicelib.routing.reading import file as table_file
from chalicelib.routing.reading.problems import InvalidTable
from gatewayctl import aws, findings
from gatewayctl.command import Command
from gatewayctl.prewarming import summary
from gatewayctl.prewarming.call import LONGEST_CALL_SECONDS, SERVICE, Caller
from gatewayctl.prewarming.round import Round
from gatewayctl.prewarming.selection import select
from gatewayctl.prewarming.touch import Touch

if TYPE_CHECKING:
    from argparse import ArgumentParser, Namespace
    from pathlib import Path

    from gatewayctl.command import Report

TIMEOUT_SECONDS = 400  # SageMaker gives up on a load after 360
LONGEST_TIMEOUT_SECONDS = 3_600
AT_ONCE = 4
MOST_AT_ONCE = 64


Connect = Callable[..., Any]


def command(connect: Connect) -> Command:
    """`connect` makes a client for a service."""
    purpose = "load models ahead of traffic"
    return Command("prewarm", purpose, add_arguments, partial(run, connect))


def add_arguments(parser: ArgumentParser) -> None:
    parser.add_argument(
        "models",
        nargs="*",
        metavar="MODEL",
        help="a path as after /predict/, or a name in the table; else all that have a target_model",
    )
    parser.add_argument(
        "--timeout",
        type=partial(_number, most=LONGEST_TIMEOUT_SECONDS),
        default=TIMEOUT_SECONDS,
        metavar="SECONDS",
        help=f"a model is called again until then ({TIMEOUT_SECONDS})",
    )
    parser.add_argument(
        "--at-once",
        type=partial(_number, most=MOST_AT_ONCE),
        default=AT_ONCE,
        metavar="N",
        help=f"how many models are touched at a time ({AT_ONCE})",
    )


def run(connect: Connect, options: Namespace, locate: Callable[[], Path]) -> Report:
    path = locate()
    try:
        table = table_file.load(path)
    except InvalidTable as error:
        return findings.report(error.problems)
    selection = select(table, options.models, str(path))
    done = Round(selection.candidates, partial(_say, options.stderr))
    if selection.candidates:
        _go(done, connect, options)
    if done.not_reachable and not done.outcomes:
        raise done.not_reachable
    return summary.report(selection, done)


def _go(done: Round, connect: Connect, options: Namespace) -> None:
    settings = {
        "read_timeout": min(LONGEST_CALL_SECONDS, options.timeout),
        "max_pool_connections": options.at_once,
    }
    with closing(connect(SERVICE, **settings)) as client:
        done.go(Touch(Caller(client).call, options.timeout, done.pause), options.at_once)


def _say(stream: TextIO, line: str) -> None:
    stream.write(f"{line}\n")
    stream.flush()


def _number(text: str, most: int) -> int:
    """A whole number from 1 on."""
    if not (text.isascii() and text.isdecimal() and 1 <= int(text) <= most):
        raise ArgumentTypeError(f"{text} is not a whole number from 1 to {most}")
    return int(text)


COMMAND = command(aws.client)
