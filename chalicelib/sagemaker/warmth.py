"""What this process has seen of each target: when it last answered, and how long it takes to load.

SageMaker waits up to 60 s for an artifact that it must load first, so within a shorter deadline
a cold model looks like a hang. What tells them apart is whether it has just been answering.
"""

from __future__ import annotations

import math
import threading
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from chalicelib.routing.targets import Target

WARM_SECONDS = 300.0
MOST_REMEMBERED = 10_000
LONGEST_LOAD_SECONDS = 360.0
"""SageMaker gives up after this; what seems to have taken longer was merely not asked for."""

LONGEST_GAP_SECONDS = 30.0
"""Between the last caller in vain and the first with an answer; a longer one says nothing."""

LONGEST_RETRY_AFTER_SECONDS = 60


@dataclass(slots=True)
class _History:
    asked_at: float = 0.0
    answered_at: float | None = None
    loading_since: float | None = None
    load_seconds: float | None = None


class Warmth:
    """The history of every target that has been called lately."""

    # The wall's clock: the monotonic one may stand still while Lambda has frozen the process.
    def __init__(self, clock: Callable[[], float] = time.time) -> None:
        self._clock = clock
        self._histories: dict[Target, _History] = {}
        self._lock = threading.Lock()

    def saw_answer(self, target: Target) -> None:
        with self._lock:
            history, now = self._history(target), self._clock()
            if history.loading_since is not None:
                seconds = now - history.loading_since
                if (
                    seconds <= LONGEST_LOAD_SECONDS
                    and now - history.asked_at <= LONGEST_GAP_SECONDS
                ):
                    history.load_seconds = seconds
            history.answered_at, history.loading_since = now, None

    def saw_loading(self, target: Target, waited_seconds: float) -> int | None:
        """Note that it is being loaded, and has been for as long as this call waited.

        The seconds until it should be ready, going by its last load; None when that is not known.
        """
        with self._lock:
            history, now = self._history(target), self._clock()
            history.answered_at, history.asked_at = None, now
            since = history.loading_since
            if since is None or now - since > LONGEST_LOAD_SECONDS:
                since = history.loading_since = now - waited_seconds
            if history.load_seconds is None:
                return None
            seconds = history.load_seconds - (now - since)
            if seconds <= 0:
                return None
            return min(math.ceil(seconds), LONGEST_RETRY_AFTER_SECONDS)

    def may_be_cold(self, target: Target) -> bool:
        """Whether a silence may be a model that is being loaded."""
        if "TargetModel" not in target.invoke_args():
            return False
        with self._lock:
            history = self._histories.get(target)
            answered_at = None if history is None else history.answered_at
        return answered_at is None or not 0 <= self._clock() - answered_at <= WARM_SECONDS

    def _history(self, target: Target) -> _History:
        """Newest last; a target that has been forgotten is merely called cold."""
        history = self._histories.pop(target, None) or _History()
        self._histories[target] = history
        if len(self._histories) > MOST_REMEMBERED:
            del self._histories[next(iter(self._histories))]
        return history
