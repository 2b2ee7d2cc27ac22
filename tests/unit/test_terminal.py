"""The terminal of `make run`: colours, and what does not hold up the program."""

import os
import threading

import pytest

from local_stack.terminal import Span, Terminal
from tests.faults.rows import row
from tests.support.hostile_texts import HOSTILE, assert_printable
from tests.support.stand_in import wait_until

LINE = [Span("200", "good"), Span(" GET")]


class Ends:
    """A pipe, or a terminal, with what is read at its other end."""

    def __init__(self, make):
        self.other, self.own = make()
        self.stream = os.fdopen(self.own, "w", encoding="utf-8")

    def read(self):
        return os.read(self.other, 100_000).decode().replace("\r\n", "\n")


@pytest.fixture(name="pipe")
def _pipe():
    ends = Ends(os.pipe)
    yield ends
    ends.stream.close()


@pytest.fixture(name="tty")
def _tty():
    ends = Ends(os.openpty)
    yield ends
    ends.stream.close()
    os.close(ends.other)


def printed(ends, line, environment=None):
    terminal = Terminal(ends.stream, environment or {})
    terminal.print(line)
    terminal.flush()
    return ends.read()


def test_colours(tty):
    """A terminal gets colours."""
    assert printed(tty, LINE) == "\x1b[32m200\x1b[0m GET\n"


@pytest.mark.parametrize("environment", [{"NO_COLOR": "1"}, {"TERM": "dumb"}])
def test_no_colour(tty, environment):
    """It gets none where the user wants none, or it has none."""
    assert printed(tty, LINE, environment) == "200 GET\n"


def test_pipe(pipe):
    """What is no terminal gets none."""
    assert printed(pipe, LINE) == "200 GET\n"


@row("M5")
@pytest.mark.parametrize("text", HOSTILE.values(), ids=HOSTILE)
def test_hostile(pipe, text):
    """A text is one printable line."""
    out = printed(pipe, [Span(text, "good"), Span(text)])

    assert_printable(out)
    assert out.count("\n") == 1


def test_slow(pipe):
    """A terminal that takes nothing holds up nobody; lines are left out, and counted."""
    terminal = Terminal(pipe.stream, {}, most_waiting=100)
    for _ in range(2_000):
        terminal.print("x" * 1_000)

    read = ""
    while "lines left out" not in read:
        read = read[-100:] + pipe.read()
    assert "lines left out: the terminal was too slow)\n" in read
    os.close(pipe.other)


def test_closed(pipe):
    """A terminal that is closed holds up nobody."""
    os.close(pipe.other)
    terminal = Terminal(pipe.stream, {})
    terminal.print("a")
    terminal.flush()
    terminal.print("b")
    terminal.flush()

    wait_until(lambda: "terminal" in {thread.name for thread in threading.enumerate()}, 10)
