"""What somebody sees who waits for a large account to be read."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import TextIO

QUIET_SECONDS = 2.0


class Progress:
    """Writes a line at most every two seconds, and none about what takes less."""

    def __init__(self, stream: TextIO, clock: Callable[[], float] = time.monotonic) -> None:
        self._stream = stream
        self._clock = clock
        self._last = clock()

    def __call__(self, line: str) -> None:
        now = self._clock()
        if now - self._last >= QUIET_SECONDS:
            self._last = now
            self._stream.write(f"{line}\n")
            self._stream.flush()
