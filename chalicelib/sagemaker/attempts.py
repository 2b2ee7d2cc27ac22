"""Decides whether a failed call of SageMaker is tried again, and whether a target is loading.

A retry helps where the model has not run yet and the cause may soon be gone. A retry never follows
a read timeout, because the model may still be running, nor the first bytes of a prediction. When
every call fails, retries only add load, so a budget limits the retries of a process.
`GatewayError.retry_pause_seconds` says which errors are retried, and after which pause.

SageMaker waits up to 60 s for an artifact that it must load first. Within a shorter deadline a cold
model therefore looks like a model that hangs. A model that answered 200 lately counts as warm. No
other status shows that the artifact is loaded: containers refuse a load with 400 or 500 too.

Source: SageMaker developer guide, "Invoke a Multi-Model Endpoint": 60 s, and 360 s for a load.
"""

from __future__ import annotations

import math
import random
import threading
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from chalicelib.errors import ModelNotReady

if TYPE_CHECKING:
    from collections.abc import Callable

    from chalicelib.errors import GatewayError
    from chalicelib.routing.table import Model
    from chalicelib.routing.targets import Target

MAX_PAUSE_SECONDS = 2.0
MIN_PAUSE_SECONDS = 0.25
LAST_ATTEMPT_SECONDS = 0.5
JITTER = (0.5, 1.5)
MIN_CALL_SECONDS = 0.05
"""With less time than this before the deadline, no call is started."""

WARM_SECONDS = 300.0
MAX_TARGETS = 10_000
MAX_RETRY_AFTER_SECONDS = 60

MAX_LOAD_SECONDS = 360.0
"""SageMaker gives up a load after this time, so a longer time includes a pause without calls."""

LOAD_SECONDS, LOAD_FACTOR = 0.5, 2
"""An answer took a load if it needed this much more than twice the time of the target's last one.
Before the first answer, that time counts as 0."""

MAX_GAP_SECONDS = 30.0
"""The longest time between the last call without an answer and the first with one. After a
longer time it is not known how long the load took."""


class RetryBudget:
    """The retries that a process has left; every response of a model adds a tenth of one."""

    capacity = 5.0
    per_answer = 0.1

    def __init__(self) -> None:
        self._left = self.capacity
        self._lock = threading.Lock()

    def take(self) -> bool:
        """Take one retry; False if there is none left."""
        with self._lock:
            if self._left < 1:
                return False
            self._left -= 1
            return True

    def refill(self) -> None:
        """Add the part of a retry that an answer is worth."""
        with self._lock:
            self._left = min(self.capacity, self._left + self.per_answer)


class Attempts:
    """The failed attempts of one request."""

    def __init__(self, model: Model, budget: RetryBudget) -> None:
        self._model = model
        self._budget = budget
        self._failed = 0
        self._cold = 0

    def pause_seconds(self, error: GatewayError, remaining_seconds: float) -> float | None:
        """Return the pause before the next attempt, or None if the request ends with this error.

        Args:
            error: Why the last attempt failed.
            remaining_seconds: The time until the deadline.
        """
        if error.retry_pause_seconds is None:
            return None
        is_cold = isinstance(error, ModelNotReady)
        if is_cold:
            self._cold += 1
        else:
            self._failed += 1
        doublings = (self._cold if is_cold else self._failed) - 1
        pause = min(error.retry_pause_seconds * 2**doublings, MAX_PAUSE_SECONDS)
        pause *= random.uniform(*JITTER)
        if is_cold:  # wait for as long as the deadline allows, and leave time for a last attempt
            pause = min(pause, max(MIN_PAUSE_SECONDS, remaining_seconds - LAST_ATTEMPT_SECONDS))
        if pause + MIN_CALL_SECONDS > remaining_seconds:
            return None
        return pause if (self._may_wait() if is_cold else self._may_retry()) else None

    def _may_wait(self) -> bool:
        """Whether the table lets callers of this model wait while its artifact is loaded."""
        return self._model.cold_start == "wait"

    def _may_retry(self) -> bool:
        return self._failed < self._model.max_attempts and self._budget.take()


@dataclass(slots=True)
class _History:
    asked_at: float | None = None
    called_at: float = 0.0
    answered_at: float | None = None
    loading_since: float | None = None
    load_seconds: float | None = None
    answer_seconds: float | None = None
    """How long the last answer took; of one that took a load, only if there is no other."""


class Warmth:
    """When each target last answered, and how long its artifact takes to load.

    Times are read with `time.time`, because the monotonic clock can stop while Lambda freezes the
    process.
    """

    def __init__(self, clock: Callable[[], float] = time.time) -> None:
        self._clock = clock
        self._histories: dict[Target, _History] = {}
        self._lock = threading.Lock()

    def record_success(self, target: Target, seconds: float, *, was_cold: bool = False) -> bool:
        """Note that the target answered 200; if it was loading, learn how long the load took.

        Args:
            target: The target.
            seconds: The time from the call to the first part of the answer.
            was_cold: Whether the target may have been cold before the call.

        Returns:
            Whether the answer of a target that may have been cold took the load of its artifact.
            That is a judgement, because SageMaker does not say so.
        """
        with self._lock:
            history, now = self._history(target), self._clock()
            took_load = was_cold and _took_load(history, seconds, now)
            if not took_load or history.answer_seconds is None:
                history.answer_seconds = seconds
            if history.loading_since is not None:
                seconds = now - history.loading_since
                if seconds <= MAX_LOAD_SECONDS and now - history.called_at <= MAX_GAP_SECONDS:
                    history.load_seconds = seconds
            history.answered_at, history.loading_since = now, None
            return took_load

    def record_loading(self, target: Target, waited_seconds: float) -> int | None:
        """Note that the target's artifact has been loading for as long as this call waited.

        Returns:
            The seconds until the artifact should be loaded, judged by its last load; None if that
            is not known.
        """
        with self._lock:
            history, now = self._history(target), self._clock()
            history.answered_at, history.called_at = None, now
            since = history.loading_since
            if since is None or now - since > MAX_LOAD_SECONDS:
                since = history.loading_since = now - waited_seconds
            if history.load_seconds is None:
                return None
            seconds = history.load_seconds - (now - since)
            if seconds <= 0:
                return None
            return min(math.ceil(seconds), MAX_RETRY_AFTER_SECONDS)

    def may_be_cold(self, target: Target) -> bool:
        """Whether a timeout of this target may mean that its artifact is being loaded."""
        if getattr(target, "target_model", None) is None:
            return False
        with self._lock:
            history = self._histories.get(target)
            answered_at = None if history is None else history.answered_at
        return answered_at is None or not 0 <= self._clock() - answered_at <= WARM_SECONDS

    def may_ask(self, target: Target, seconds: float) -> bool:
        """Whether a request may wait for a target that may be cold, while another one is warm.

        One at a time may, and each for so many seconds. After an answer that it is loading, the
        next one may when these seconds are over.
        """
        with self._lock:
            history, now = self._history(target), self._clock()
            if history.asked_at is not None and 0 <= now - history.asked_at < seconds:
                return False
            history.asked_at = now
            return True

    def record_no_load(self, target: Target) -> None:
        """Note that a target that was asked is not loading: the next request may ask it."""
        with self._lock:
            self._history(target).asked_at = None

    def _history(self, target: Target) -> _History:
        """Return the target's history and make it the newest; the oldest one is forgotten."""
        history = self._histories.pop(target, None) or _History()
        self._histories[target] = history
        if len(self._histories) > MAX_TARGETS:
            del self._histories[next(iter(self._histories))]
        return history


def _took_load(history: _History, seconds: float, now: float) -> bool:
    """Whether a target was loading when it was called last, or took clearly longer than then.

    An artifact that was loading longer ago than a load can last was loaded without this call.
    """
    if history.loading_since is not None and 0 <= now - history.called_at <= MAX_LOAD_SECONDS:
        return True
    return seconds >= LOAD_FACTOR * (history.answer_seconds or 0.0) + LOAD_SECONDS
