"""Writes what a user sees: reports, colours and progress on a terminal, columns, and files.

Tables, accounts and arguments may contain control characters. They become escapes here, where
lines are written, so that no text moves the cursor, hides a part of a line or starts another line.
"""

from __future__ import annotations

import json
import os
import secrets
import stat
import time
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from rich.console import Console
from rich.highlighter import RegexHighlighter
from rich.text import Text
from rich.theme import Theme

from chalicelib.errors import printable
from gatewayctl.report import WrongUse

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from pathlib import Path
    from typing import SupportsFloat, TextIO

    from rich.status import Status

    from gatewayctl.report import Report

QUIET_SECONDS = 2.0
"""Progress appears after this time; without a terminal, one line per such period."""

MOST_NAMED = 5
"""How many names a message lists."""

UNITS = ((86_400, "days"), (3_600, "hours"), (60, "minutes"), (1, "seconds"))

THEME = Theme(
    {
        "ctl.heading": "bold",
        "ctl.option": "cyan",
        "ctl.command": "bold cyan",
        "ctl.place": "bold",
        "ctl.warning": "yellow",
        "ctl.error": "bold red",
        "ctl.added": "green",
        "ctl.removed": "red",
    }
)


class _Lines(RegexHighlighter):
    """Colours of findings, changes and errors."""

    base_style = "ctl."
    highlights = (
        r"^(?P<place>[^\s:]+\.ya?ml(:\d+)?): ",
        r"(?P<warning>\bwarning:)",
        r"^(?P<error>wrong:)",
        r"^(?P<error>gatewayctl( [a-z]+){0,2}:)",
        r"^\S+: (?P<added>added\b)",
        r"^\S+: (?P<removed>removed\b)",
    )


class _Help(RegexHighlighter):
    """Colours of a help text."""

    base_style = "ctl."
    highlights = (
        r"(?m)^(?P<heading>(Usage|Options|Commands|Exit codes|Arguments):)",
        r"(?<!\S)(?P<option>--?[a-z][a-z-]*)",
        r"(?m)^  (?P<command>[a-z]+)(?=  )",
    )


class Output:
    """The two streams of a command, with colours and a spinner where they are terminals."""

    def __init__(
        self,
        stdout: TextIO,
        stderr: TextIO,
        environment: Mapping[str, str],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.stdout = stdout
        self.stderr = stderr
        self._environment = environment
        self._clock = clock
        self._last = clock()
        self._status: Status | None = None

    def report(self, report: Report, *, as_json: bool) -> None:
        """Print a report: its data, or its lines and notes."""
        if as_json:
            self.stdout.write(f"{json_text(report.data)}\n")
            return
        for line in report.lines:
            self._write(self.stdout, line)
        for note in report.notes:
            self.note(note)

    def note(self, line: str) -> None:
        """Print a line about the work: a remark, a step, or why a command did not do its work."""
        self._write(self.stderr, line)
        self.stderr.flush()

    def coloured_help(self, text: str) -> str:
        """Return a help text with colours if stdout shows them."""
        if not self._has_colours(self.stdout):
            return text
        console = self._console(self.stdout)
        with console.capture() as captured:
            console.print(_Help()(text), soft_wrap=True, end="")
        return captured.get()

    def progress(self, line: str) -> None:
        """Show what a slow command is doing; nothing appears in its first two seconds."""
        now, line = self._clock(), printable(line)
        if self._status is not None:
            self._status.update(Text(line))
        elif now - self._last >= QUIET_SECONDS:
            self._last = now
            if self.stderr.isatty():
                self._status = self._console(self.stderr).status(Text(line))
                self._status.start()
            else:
                self.note(line)

    def close(self) -> None:
        """Remove the spinner."""
        if self._status is not None:
            self._status.stop()
            self._status = None

    def _write(self, stream: TextIO, line: str) -> None:
        """Write one line of printable characters; it has colours on a terminal."""
        line = printable(line)
        if self._has_colours(stream):
            self._console(stream).print(_Lines()(line), soft_wrap=True)
        else:
            stream.write(f"{line}\n")

    def _has_colours(self, stream: TextIO) -> bool:
        return stream.isatty() and not self._environment.get("NO_COLOR")

    def _console(self, stream: TextIO) -> Console:
        return Console(
            file=stream, theme=THEME, highlight=False, markup=False, _environ=self._environment
        )


def json_text(data: object) -> str:
    """Write JSON as printable ASCII; json.dumps alone leaves the control character U+007F."""
    return json.dumps(data, indent=2).replace("\x7f", "\\u007f")


def columns(rows: Sequence[Sequence[str]]) -> list[str]:
    """Align the cells of rows in columns, with two spaces between them."""
    cells = [[printable(cell) for cell in row] for row in rows]
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    return [
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
        for row in cells
    ]


def aligned(rows: Sequence[Sequence[str]]) -> list[str]:
    """Align the cells of rows in columns; all but the first column are numbers."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return columns(
        [
            [first, *(cell.rjust(width) for cell, width in zip(rest, widths[1:], strict=True))]
            for first, *rest in rows
        ]
    )


def plural(count: int, noun: str) -> str:
    """Write a count with its noun, such as `1 model` and `2,000 models`."""
    return f"{count:,} {noun}" if count == 1 else f"{count:,} {noun}s"


def distance(seconds: float) -> str:
    """Write a number of seconds from now, such as `in 3 days` and `5 minutes ago`."""
    size, unit = next((one for one in UNITS if abs(seconds) >= 2 * one[0]), UNITS[-1])
    number = int(abs(seconds) / size)
    return f"{number:,} {unit} ago" if seconds < 0 else f"in {number:,} {unit}"


def clock_time(seconds: float) -> str:
    """Write a time in UTC."""
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%d %H:%M:%SZ")


def percent(share: SupportsFloat) -> str:
    """Write a share in percent, such as `95 %`."""
    return f"{of_hundred(share)} %"


def of_hundred(share: SupportsFloat) -> str:
    """Write a share as a number of a hundred, with at most two decimals."""
    number = 100 * float(share)
    if 0 < number < 0.005:
        return "less than 0.01"
    return f"{number:.2f}".rstrip("0").rstrip(".")


def measured(part: float) -> str:
    """Write a measured part in percent: with one decimal, or with two below ten percent."""
    if not part:
        return "0 %"
    return f"{100 * part:.{1 if part >= 0.1 else 2}f} %"


def first_few(names: Sequence[str]) -> str:
    """Write the first few names, and how many more there are."""
    more = len(names) - MOST_NAMED
    return ", ".join(names[:MOST_NAMED]) + (f" and {more:,} more" if more > 0 else "")


@contextmanager
def writing(target: object) -> Iterator[None]:
    """Turn errors of the file system into errors of commands that name the file.

    Raises:
        WrongUse: The file cannot be written.
    """
    try:
        yield
    except OSError as error:
        raise WrongUse(f"{target} cannot be written: {error.strerror}") from error


def replace_file(target: Path, content: bytes, *, name: str | None = None) -> None:
    """Replace a file in one step, so that a concurrent reader gets the old or the new content.

    A file that exists keeps its mode. If the path is a link, the file that it leads to is replaced.
    If the path leads to a device or a pipe, the content is written into it.

    Args:
        target: The file.
        content: What it is to hold.
        name: How an error names the file, if not by its path.

    Raises:
        WrongUse: The file cannot be written.
    """
    with writing(name or target):
        if target.exists() and not target.is_file():
            target.write_bytes(content)
            return
        real = target.resolve()
        mode = stat.S_IMODE(real.stat().st_mode) if real.exists() else None
        new = _new_file_beside(real, content, mode)
        try:
            new.replace(real)
        except BaseException:
            new.unlink()
            raise


def _new_file_beside(target: Path, content: bytes, mode: int | None) -> Path:
    """Write a new file into the folder of another, and return its path.

    Nobody can foresee the name. A name that exists, be it a link, is an error and not followed.

    Args:
        target: The other file.
        content: What is written.
        mode: The mode of the new file; None: what the umask leaves.
    """
    new = target.with_name(f".{target.name}.{secrets.token_hex(8)}")
    descriptor = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o666 if mode is None else mode)
    try:
        with os.fdopen(descriptor, "wb") as file:
            if mode is not None:
                os.fchmod(descriptor, mode)  # The umask does not change this mode.
            file.write(content)
    except BaseException:
        with suppress(OSError):
            new.unlink()
        raise
    return new
