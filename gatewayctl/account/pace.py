"""How fast a command asks AWS, so that deployments in the same account are not held up."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

BURST = 20
SLOWEST = 0.5
RECOVERY = 1.02


class Pace:
    """Lets `BURST` calls through at once, and from then on so many a second."""

    def __init__(
        self,
        per_second: float,
        *,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], object] = time.sleep,
    ) -> None:
        self._most = self._per_second = per_second
        self._clock = clock
        self.sleep = sleep
        self._due = float("-inf")

    def wait(self) -> None:
        """Return when the next call may be made."""
        now = self._clock()
        interval = 1 / self._per_second
        self._due = max(self._due, now - BURST * interval) + interval
        if self._due > now:
            self.sleep(self._due - now)
        self._per_second = min(self._most, self._per_second * RECOVERY)

    def halve(self) -> None:
        """After AWS said that it was too fast; it becomes faster again by and by."""
        self._per_second = max(min(self._most, SLOWEST), self._per_second / 2)
        self._due = max(self._due, self._clock())
