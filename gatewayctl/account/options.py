"""What commands that read an account have in common on the command line."""

from __future__ import annotations

from math import isfinite
from typing import TYPE_CHECKING

import click

from gatewayctl.account.pace import Pace
from gatewayctl.account.reader import CALLS_PER_SECOND, AccountReader

if TYPE_CHECKING:
    from gatewayctl.command import Context


def reader(context: Context, calls_per_second: float) -> AccountReader:
    """Return a reader of the account that boto3 finds; it shows its progress on stderr."""
    return AccountReader(context.connect, progress=context.progress, pace=Pace(calls_per_second))


def _rate(_: click.Context, __: click.Parameter, text: str) -> float:
    try:
        rate = float(text)
    except ValueError:
        rate = 0.0
    if rate <= 0 or not isfinite(rate):
        raise click.BadParameter(f"{text!r} is not a number above 0")
    return rate


rate_option = click.option(
    "--calls-per-second",
    callback=_rate,
    default=f"{CALLS_PER_SECOND:g}",
    show_default=True,
    metavar="N",
    help="The most calls to SageMaker, after a first few.",
)
