"""Which artifacts have been answering lately, as far as this process has seen.

SageMaker waits up to 60 s for an artifact that it must load first, so within a shorter deadline
a cold model looks like a hang. What tells them apart is whether it has just been answering.
"""

from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from chalicelib.targets import Target

WARM_SECONDS = 300.0
MOST_REMEMBERED = 10_000


class Warmth:
    """When each target last answered."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._answered_at: dict[Target, float] = {}
        self._lock = threading.Lock()

    def saw_answer(self, target: Target) -> None:
        # Newest last; a target that has been forgotten is merely called cold.
        with self._lock:
            self._answered_at.pop(target, None)
            self._answered_at[target] = self._clock()
            if len(self._answered_at) > MOST_REMEMBERED:
                del self._answered_at[next(iter(self._answered_at))]

    def may_be_cold(self, target: Target) -> bool:
        """Whether a silence may be a model that is being loaded."""
        if "TargetModel" not in target.invoke_args():
            return False
        with self._lock:
            answered_at = self._answered_at.get(target)
        return answered_at is None or self._clock() - answered_at > WARM_SECONDS
