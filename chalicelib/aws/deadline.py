"""The moment by which a request must have its response."""

from __future__ import annotations

import time
from contextlib import contextmanager
from contextvars import ContextVar
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterator
    from contextlib import AbstractContextManager


class Deadline(NamedTuple):
    """A point on the monotonic clock that limits every wait before it."""

    at: float

    @classmethod
    def after(cls, seconds: float) -> Deadline:
        """Return the deadline so many seconds from now."""
        return cls(time.monotonic() + seconds)

    def within(self, seconds: float, *, since: float) -> Deadline:
        """Return this deadline, or the one `seconds` after `since` if that is earlier.

        Args:
            seconds: The length of the other budget.
            since: When the other budget started, on the monotonic clock.
        """
        return Deadline(min(self.at, since + seconds))

    def step(self, seconds: float) -> Deadline:
        """Return the deadline of a step after which there has to be time for another one.

        Args:
            seconds: The longest time for the step; it gets at most half of the time that is left.
        """
        half = max(self.remaining_seconds, 0) / 2
        return self.within(min(seconds, half), since=time.monotonic())

    @property
    def remaining_seconds(self) -> float:
        """The seconds until the deadline; negative after it."""
        return self.at - time.monotonic()

    @contextmanager
    def in_force(self) -> Iterator[None]:
        """Apply this deadline to every call of this thread while the `with` block lasts."""
        token = _current.set(self)
        try:
            yield
        finally:
            _current.reset(token)


# A context variable, because botocore has no parameter that could carry a deadline to its sockets.
_current: ContextVar[Deadline] = ContextVar("deadline")


def seconds_left() -> float:
    """Return the seconds until the deadline that is in force.

    Raises:
        TimeoutError: The deadline has passed. A socket timeout raises the same type, so callers
            treat both alike.
    """
    seconds = _current.get().remaining_seconds
    if seconds <= 0:
        raise TimeoutError("the deadline has passed")
    return seconds


def step(seconds: float) -> AbstractContextManager[None]:
    """Limit the deadline that is in force as `Deadline.step` does, in a `with` block."""
    return _current.get().step(seconds).in_force()


def no_longer_than(seconds: float) -> AbstractContextManager[None]:
    """Limit the deadline that is in force to so many seconds from now, in a `with` block."""
    return _current.get().within(seconds, since=time.monotonic()).in_force()
