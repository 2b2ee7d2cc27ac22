"""Which call is made again: one table, and a budget for all requests of this process.

A retry pays where nothing has been done yet and the trouble may be over in a moment. It never
follows a wait that was too long, because the model may still be at work, nor the first bytes of a
prediction. When everything fails, a second try of everything only makes it worse: hence the budget.
"""

from __future__ import annotations

import random
import threading
from typing import TYPE_CHECKING

from chalicelib.errors import (
    GatewayError,
    GatewayMisconfigured,
    ModelFailed,
    ModelNotReady,
    ModelOverloaded,
    ModelRejectedInput,
    ModelTimedOut,
    ModelUnavailable,
    UpstreamFailed,
    UpstreamInvalidResponse,
    UpstreamRejected,
    UpstreamResponseTooLarge,
    UpstreamThrottled,
    UpstreamTimedOut,
    UpstreamTruncated,
    UpstreamUnreachable,
)

if TYPE_CHECKING:
    from chalicelib.routing.table import Model

NEVER = None

# Seconds before the second attempt, doubled for each one after. As docs/errors.md has it.
RETRIES: dict[type[GatewayError], float | None] = {
    UpstreamThrottled: 0.5,
    UpstreamFailed: 0.1,
    UpstreamUnreachable: 0.1,
    ModelNotReady: 0.5,  # where the model has `cold_start: wait`, until the deadline
    ModelOverloaded: NEVER,
    ModelUnavailable: NEVER,
    ModelRejectedInput: NEVER,
    ModelFailed: NEVER,
    ModelTimedOut: NEVER,
    UpstreamTimedOut: NEVER,
    UpstreamTruncated: NEVER,
    UpstreamResponseTooLarge: NEVER,
    UpstreamInvalidResponse: NEVER,
    UpstreamRejected: NEVER,
    GatewayMisconfigured: NEVER,
}
LONGEST_PAUSE_SECONDS = 2.0
LEAST_PAUSE_SECONDS = 0.25
LAST_ATTEMPT_SECONDS = 0.5
JITTER = (0.5, 1.5)
LEAST_SECONDS = 0.05
"""With less than this left, a call is not begun."""


class RetryBudget:
    """A bucket of retries; every answer adds a part of one."""

    capacity = 5.0
    per_answer = 0.1

    def __init__(self) -> None:
        self._left = self.capacity
        self._lock = threading.Lock()

    def take(self) -> bool:
        """Whether there was a retry to take."""
        with self._lock:
            if self._left < 1:
                return False
            self._left -= 1
            return True

    def refill(self) -> None:
        with self._lock:
            self._left = min(self.capacity, self._left + self.per_answer)


class Attempts:
    """The attempts of one request."""

    def __init__(self, model: Model, budget: RetryBudget) -> None:
        self._model = model
        self._budget = budget
        self._failed = 0
        self._cold = 0

    def pause_seconds(self, error: GatewayError, remaining_seconds: float) -> float | None:
        """How long to wait before the next attempt; None if this error is the answer."""
        first = RETRIES.get(type(error), NEVER)
        if first is NEVER:
            return None
        waiting = isinstance(error, ModelNotReady)
        if waiting:
            self._cold += 1
        else:
            self._failed += 1
        doublings = (self._cold if waiting else self._failed) - 1
        pause = min(first * 2**doublings, LONGEST_PAUSE_SECONDS) * random.uniform(*JITTER)
        if waiting:  # uses what is left of the deadline, the last of it for a last attempt
            pause = min(pause, max(LEAST_PAUSE_SECONDS, remaining_seconds - LAST_ATTEMPT_SECONDS))
        if pause + LEAST_SECONDS > remaining_seconds:
            return None
        return pause if (self._may_wait() if waiting else self._may_retry()) else None

    def _may_wait(self) -> bool:
        """A model that is being loaded is asked again until the deadline, if the table says so."""
        return self._model.cold_start == "wait"

    def _may_retry(self) -> bool:
        return self._failed < self._model.max_attempts and self._budget.take()
