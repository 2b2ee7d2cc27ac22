"""The one moment by which a request must be over."""

from __future__ import annotations

import time
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator


@dataclass(frozen=True, slots=True)
class Deadline:
    """A point on the monotonic clock; whatever is left of it bounds every wait."""

    at: float

    @classmethod
    def soonest(cls, budgets_seconds: Iterable[float]) -> Deadline:
        """The earliest of several budgets, all of which begin now."""
        return cls(time.monotonic() + min(budgets_seconds))

    def within(self, seconds: float, *, since: float) -> Deadline:
        """The earlier of this one and so many seconds after a moment of the monotonic clock."""
        return Deadline(min(self.at, since + seconds))

    @property
    def remaining_seconds(self) -> float:
        return self.at - time.monotonic()

    @contextmanager
    def in_force(self) -> Iterator[None]:
        """Let it end every call that is made, in this thread, while the `with` lasts."""
        token = _in_force.set(self)
        try:
            yield
        finally:
            _in_force.reset(token)

    @classmethod
    def now_in_force(cls) -> Deadline:
        """For those who cannot be handed one: connections, which are deep inside botocore."""
        return _in_force.get()


_in_force: ContextVar[Deadline] = ContextVar("deadline")
