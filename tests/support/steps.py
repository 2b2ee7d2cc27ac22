"""What a call does, counted: tests compare steps and never times."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import FrameType


def calls(function: Callable[[], object]) -> int:
    """Return how many functions, of Python and of C, are called during a call."""
    count = 0

    def event(frame: FrameType, what: str, argument: object) -> None:
        nonlocal count
        count += what in {"call", "c_call"}

    _watched(function, event)
    return count


def gateway_functions(function: Callable[[], object]) -> list[str]:
    """Return the names of the gateway's functions that run during a call, in their order."""
    names = []

    def event(frame: FrameType, what: str, argument: object) -> None:
        if what == "call" and "/chalicelib/" in frame.f_code.co_filename:
            names.append(frame.f_code.co_qualname)

    _watched(function, event)
    return names


def _watched(
    function: Callable[[], object], event: Callable[[FrameType, str, object], None]
) -> None:
    before = sys.getprofile()
    sys.setprofile(event)
    try:
        function()
    finally:
        sys.setprofile(before)
