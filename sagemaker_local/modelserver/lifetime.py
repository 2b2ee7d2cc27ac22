"""How a model server's process ends: with its parent, or when it is told to."""

from __future__ import annotations

import os
import signal
import threading
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import FrameType

STDIN = 0


def end(code: int = 0) -> None:
    """End now: a thread that is still inside a model must not keep the process alive."""
    os._exit(code)


def end_when_told(*, ignore_interrupt: bool) -> None:
    """Go quietly on SIGTERM and SIGINT while the server is still starting.

    Ctrl-C reaches the whole process group. A server that belongs to a parent ignores it,
    because the parent stops its servers in its own order.
    """
    signal.signal(signal.SIGTERM, _end_on_signal)
    signal.signal(signal.SIGINT, signal.SIG_IGN if ignore_interrupt else _end_on_signal)


def end_with_parent(then: Callable[[], object] = end) -> None:
    """End when standard input does: a pipe that closes however the parent dies.

    `then` is called in a thread of its own; whoever has something to clean up gives one.
    """
    threading.Thread(target=_wait_for_parent, args=(then,), name="parent", daemon=True).start()


def _end_on_signal(_signal: int, _frame: FrameType | None) -> None:
    end()


def _wait_for_parent(then: Callable[[], object]) -> None:
    try:
        while os.read(STDIN, 4096):
            continue
    finally:
        then()
