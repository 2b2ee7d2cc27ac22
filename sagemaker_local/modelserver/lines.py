"""Lines for a terminal: what requests, models and containers contain cannot control it.

Control and invisible characters become escapes, so that no text moves the cursor, hides a part of a
line or starts another line.
"""

from __future__ import annotations

import logging
import sys
from typing import TYPE_CHECKING, TextIO

if TYPE_CHECKING:
    from types import TracebackType

INDENT = "  "
"""Begins each line of a traceback, so that none of them looks like a line of the log."""


def printable(text: str) -> str:
    """Make one line of a text; the characters that cannot be printed become escapes."""
    if text.isprintable():
        return text
    return "".join(one if one.isprintable() else repr(one)[1:-1] for one in text)


def print_line(line: str, stream: TextIO | None = None) -> None:
    """Print one line at once, to standard output by default."""
    stream = stream or sys.stdout
    stream.write(f"{printable(line)}\n")
    stream.flush()


class LineFormatter(logging.Formatter):
    """Formats a message as one line, and a traceback as indented lines."""

    def formatMessage(self, record: logging.LogRecord) -> str:
        return printable(super().formatMessage(record))

    def formatException(
        self,
        ei: tuple[type[BaseException], BaseException, TracebackType | None]
        | tuple[None, None, None],
    ) -> str:
        lines = super().formatException(ei).split("\n")
        return "\n".join(f"{INDENT}{printable(line)}" for line in lines)


def log_to_stdout(log: logging.Logger, form: str, date: str | None = None) -> None:
    """Print the lines of a logger, from INFO on."""
    handler = logging.StreamHandler(sys.stdout)
    handler.setFormatter(LineFormatter(form, date))
    log.addHandler(handler)
    log.setLevel(logging.INFO)
