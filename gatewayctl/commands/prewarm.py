"""`gatewayctl prewarm`: models are loaded before their first caller comes."""

from __future__ import annotations

from contextlib import closing
from functools import partial
from typing import TYPE_CHECKING, TextIO

import click

from chalicelib.routing.reading import file as table_file
from gatewayctl.command import command
from gatewayctl.prewarming import summary
from gatewayctl.prewarming.call import LONGEST_CALL_SECONDS, SERVICE, Caller
from gatewayctl.prewarming.round import Round
from gatewayctl.prewarming.selection import select
from gatewayctl.prewarming.touch import Touch

if TYPE_CHECKING:
    from gatewayctl.command import Context
    from gatewayctl.report import Report

TIMEOUT_SECONDS = 400  # SageMaker gives up on a load after 360
LONGEST_TIMEOUT_SECONDS = 3_600
AT_ONCE = 4
MOST_AT_ONCE = 64


@command("prewarm")
@click.argument("models", nargs=-1, metavar="[MODEL]...")
@click.option(
    "--timeout",
    type=click.IntRange(1, LONGEST_TIMEOUT_SECONDS),
    default=TIMEOUT_SECONDS,
    show_default=True,
    metavar="SECONDS",
    help="How long a model is called again.",
)
@click.option(
    "--at-once",
    type=click.IntRange(1, MOST_AT_ONCE),
    default=AT_ONCE,
    show_default=True,
    metavar="N",
    help="How many models are called at a time.",
)
def prewarm(context: Context, *, models: tuple[str, ...], timeout: int, at_once: int) -> Report:
    """Load models ahead of traffic.

    MODEL is a path as after /predict/, or a name in the table; without one, all models that have
    a target_model are loaded.
    """
    path = context.table_path()
    selection = select(table_file.load(path), models, str(path))
    done = Round(selection.candidates, partial(_say, context.stderr))
    if selection.candidates:
        _go(done, context, timeout, at_once)
    if done.not_reachable and not done.outcomes:
        raise done.not_reachable
    return summary.report(selection, done)


def _go(done: Round, context: Context, timeout: int, at_once: int) -> None:
    settings = {
        "read_timeout": min(LONGEST_CALL_SECONDS, timeout),
        "max_pool_connections": at_once,
    }
    with closing(context.connect(SERVICE, **settings)) as client:
        done.go(Touch(Caller(client).call, timeout, done.pause), at_once)


def _say(stream: TextIO, line: str) -> None:
    stream.write(f"{line}\n")
    stream.flush()
