"""Ends a process when its parent ends, or on SIGTERM and SIGINT."""

from __future__ import annotations

import os
import signal
import threading
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import FrameType

STDIN = 0


def end_process() -> None:
    """End the process now, even if a thread is still running a model."""
    os._exit(0)


def end_on_signals(*, ignore_interrupt: bool) -> None:
    """End the process without output on SIGTERM and SIGINT while the server is starting.

    Args:
        ignore_interrupt: Ignore SIGINT. Ctrl-C reaches the whole process group, and a parent
            stops its servers in its own order.
    """
    signal.signal(signal.SIGTERM, _end_on_signal)
    signal.signal(signal.SIGINT, signal.SIG_IGN if ignore_interrupt else _end_on_signal)


def end_with_parent(on_end: Callable[[], object] = end_process) -> None:
    """Call `on_end`, in a thread of its own, when standard input ends.

    Standard input is a pipe from the parent. The operating system closes this pipe when the
    parent ends, for whatever reason.
    """
    threading.Thread(target=_wait_for_parent, args=(on_end,), name="parent", daemon=True).start()


def _end_on_signal(_signal: int, _frame: FrameType | None) -> None:
    end_process()


def _wait_for_parent(on_end: Callable[[], object]) -> None:
    try:
        while os.read(STDIN, 4096):
            continue
    finally:
        on_end()
