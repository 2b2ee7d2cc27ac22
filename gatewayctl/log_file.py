"""Reads a log in a file or from standard input, line by line, in memory that does not grow."""

from __future__ import annotations

import shutil
import tempfile
from contextlib import ExitStack, contextmanager
from functools import partial
from typing import TYPE_CHECKING

import click

from gatewayctl.report import WrongUse

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from typing import IO

STANDARD_INPUT = "-"
LONGEST_LINE = 2**20
"""The most bytes of an event in CloudWatch Logs; a longer line comes in parts."""

PROGRESS_LINES = 50_000

PERIOD_MINUTES = click.IntRange(1, 60 * 24 * 365)
"""The type of `--minutes` of the commands that read a log."""

option = click.option(
    "--log",
    metavar="FILE",
    help="Read the gateway's log from this file, or from standard input (-), "
    "instead of CloudWatch Logs.",
)
"""The option of a command that reads one log."""


def name_of(log: str) -> str:
    """Return how messages name the value of `--log`."""
    return "standard input" if log == STANDARD_INPUT else log


@contextmanager
def opened(log: str, *, twice: bool = False) -> Iterator[IO[bytes]]:
    """Open the value of `--log`.

    Args:
        log: A path, or `-` for standard input.
        twice: Whether it is read twice. Standard input is then copied to a temporary file.

    Raises:
        WrongUse: The file cannot be opened or read.
    """
    try:
        with ExitStack() as stack:
            stream: IO[bytes] = stack.enter_context(click.open_file(log, "rb"))
            if twice and not stream.seekable():
                copy = stack.enter_context(tempfile.TemporaryFile())
                shutil.copyfileobj(stream, copy)
                copy.seek(0)
                stream = copy
            yield stream
    except (OSError, ValueError) as error:
        why = error.strerror if isinstance(error, OSError) else "no file has such a name"
        raise WrongUse(f"the log {name_of(log)} cannot be read: {why}") from error


def lines(stream: IO[bytes], progress: Callable[[str], object]) -> Iterator[bytes]:
    """Yield the lines, and say now and then how many have been read."""
    for number, line in enumerate(iter(partial(stream.readline, LONGEST_LINE), b""), 1):
        if number % PROGRESS_LINES == 0:
            progress(f"{number:,} lines read")
        yield line
