"""Calling a model until it is loaded, or its time is up."""

from __future__ import annotations

import random
import time
from itertools import count
from typing import TYPE_CHECKING

from gatewayctl.prewarming.call import Said
from gatewayctl.prewarming.outcome import Outcome, State

if TYPE_CHECKING:
    from collections.abc import Callable

    from gatewayctl.prewarming.call import Answer
    from gatewayctl.prewarming.selection import Candidate

LOADING_PAUSE_SECONDS = 1.0  # a call to a model that is being loaded is itself a wait
FIRST_PAUSE_SECONDS = 0.5
MOST_DOUBLINGS = 5

NOTICEABLE_SECONDS = 0.2
FINAL = (Said.LOADED, Said.NO)


class Touch:
    """Touches models. `pause` waits so many seconds, or less and returns true: time to stop."""

    def __init__(
        self,
        call: Callable[[Candidate], Answer],
        timeout_seconds: float,
        pause: Callable[[float], bool],
    ) -> None:
        self._call = call
        self._timeout_seconds = timeout_seconds
        self._pause = pause

    def __call__(self, candidate: Candidate) -> Outcome:
        started = time.monotonic()
        was_cold = False
        for number in count():
            answer = self._call(candidate)
            seconds = time.monotonic() - started
            if answer.said in FINAL:
                break
            was_cold = was_cold or answer.said is Said.NOT_READY
            left_seconds = self._timeout_seconds - seconds
            if left_seconds <= 0 or self._pause(min(left_seconds, _pause_seconds(answer, number))):
                break
        state = self._state(candidate, answer, was_cold=was_cold)
        return Outcome(candidate.path, state, seconds, answer.code, answer.advice)

    def _state(self, candidate: Candidate, answer: Answer, *, was_cold: bool) -> State:
        if answer.said is Said.LOADED:
            return State.LOADED if was_cold or self._took_long(candidate, answer) else State.HOT
        return State.COLD if was_cold and answer.said not in FINAL else State.FAILED

    def _took_long(self, candidate: Candidate, first: Answer) -> bool:
        """Whether the first touch was clearly slower than a second one, which finds it loaded."""
        if first.seconds <= NOTICEABLE_SECONDS:
            return False
        second = self._call(candidate)
        return first.seconds > max(2 * second.seconds, second.seconds + NOTICEABLE_SECONDS)


def _pause_seconds(answer: Answer, number: int) -> float:
    if answer.said is Said.NOT_READY:
        return LOADING_PAUSE_SECONDS
    longest = FIRST_PAUSE_SECONDS * 2.0 ** min(number, MOST_DOUBLINGS)
    return longest * random.uniform(0.5, 1.0)
