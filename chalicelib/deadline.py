"""The one moment by which a request must be over."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable


@dataclass(frozen=True, slots=True)
class Deadline:
    """A point on the monotonic clock; whatever is left of it bounds every wait."""

    at: float

    @classmethod
    def soonest(cls, budgets_seconds: Iterable[float]) -> Deadline:
        """The earliest of several budgets, all of which begin now."""
        return cls(time.monotonic() + min(budgets_seconds))

    @property
    def remaining_seconds(self) -> float:
        return self.at - time.monotonic()
