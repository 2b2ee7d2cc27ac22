"""The terminal of `make run`: coloured lines, written in a thread.

A terminal that takes nothing for a while, or is closed, holds up neither the gateway nor the end of
the program: lines wait in a queue, and those that find it full are counted and left out.
"""

from __future__ import annotations

import os
import queue
import select
import threading
from typing import TYPE_CHECKING, NamedTuple

import click

from sagemaker_local.modelserver.lines import printable

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from typing import TextIO

MOST_WAITING = 20_000
"""Lines that wait for the terminal."""

FLUSH_SECONDS = 2.0

STYLES: Mapping[str, Mapping[str, object]] = {
    "good": {"fg": "green"},
    "warning": {"fg": "yellow"},
    "error": {"fg": "red"},
    "model": {"fg": "cyan"},
    "dim": {"dim": True},
    "heading": {"bold": True},
}


class Span(NamedTuple):
    """A part of a line, and the key of its style."""

    text: str
    style: str | None = None


class Terminal:
    """Writes lines to a stream; none of its methods raises an error of the stream.

    Args:
        stream: Lines have colours if it is a terminal.
        environment: Without colours if NO_COLOR is in it, or TERM is `dumb`.
        most_waiting: The most lines that wait.
    """

    def __init__(
        self, stream: TextIO, environment: Mapping[str, str], most_waiting: int = MOST_WAITING
    ) -> None:
        self._descriptor = stream.fileno()
        self._encoding = stream.encoding or "utf-8"
        no_colour = environment.get("NO_COLOR") or environment.get("TERM") == "dumb"
        self._has_colours = stream.isatty() and not no_colour
        self._waiting: queue.Queue[bytes | threading.Event] = queue.Queue(most_waiting)
        self._left_out = 0
        # A daemon, because a write to a terminal that takes nothing would never end.
        threading.Thread(target=self._write_all, name="terminal", daemon=True).start()

    def print(self, line: str | Sequence[Span]) -> None:
        """Print one line; control characters in it become escapes."""
        spans = [Span(line)] if isinstance(line, str) else line
        text = "".join(map(self._styled, spans))
        try:
            self._waiting.put_nowait(f"{text}\n".encode(self._encoding, "backslashreplace"))
        except queue.Full:
            self._left_out += 1

    def flush(self) -> None:
        """Wait until all lines are written, but not long."""
        written = threading.Event()
        try:
            self._waiting.put(written, timeout=FLUSH_SECONDS)
        except queue.Full:
            return
        written.wait(FLUSH_SECONDS)

    def _styled(self, span: Span) -> str:
        text = printable(span.text)
        if not text or span.style is None or not self._has_colours:
            return text
        return click.style(text, **STYLES[span.style])  # type: ignore[arg-type]

    def _write_all(self) -> None:
        while True:
            line = self._waiting.get()
            if isinstance(line, threading.Event):
                line.set()
                continue
            self._write(line)
            if self._left_out and self._waiting.empty():
                count, self._left_out = self._left_out, 0
                self._write(f"({count:,} lines left out: the terminal was too slow)\n".encode())

    def _write(self, data: bytes) -> None:
        """Write past Python's stream, whose lock would hold up the end of the program."""
        try:
            while data:
                try:
                    data = data[os.write(self._descriptor, data) :]
                except BlockingIOError:
                    select.select([], [self._descriptor], [])
        except OSError:
            pass  # the terminal is closed
