"""What commands that read an account have in common on the command line."""

from __future__ import annotations

from argparse import ArgumentTypeError
from math import isfinite
from typing import TYPE_CHECKING

from gatewayctl.account.pace import Pace
from gatewayctl.account.progress import Progress
from gatewayctl.account.reader import CALLS_PER_SECOND, AccountReader

if TYPE_CHECKING:
    from argparse import ArgumentParser, Namespace


def add_arguments(parser: ArgumentParser) -> None:
    parser.add_argument(
        "--calls-per-second",
        type=_rate,
        default=CALLS_PER_SECOND,
        metavar="N",
        help=f"the most that SageMaker is asked after a first few ({CALLS_PER_SECOND:g})",
    )


def reader(options: Namespace) -> AccountReader:
    """The account of the credentials that boto3 finds, with progress on stderr."""
    return AccountReader(progress=Progress(options.stderr), pace=Pace(options.calls_per_second))


def _rate(text: str) -> float:
    try:
        rate = float(text)
    except ValueError:
        rate = 0.0
    if rate <= 0 or not isfinite(rate):
        raise ArgumentTypeError(f"{text!r} is not a number above 0")
    return rate
