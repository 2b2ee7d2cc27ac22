"""Who called what in a period, and for how long it was at work.

The numbers are from the gateway's log (`usage_log` reads a file, `usage_query` asks Logs Insights).
Memory grows with the number of different callers and targets, not with that of calls.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple, TypeVar

if TYPE_CHECKING:
    from collections.abc import Hashable, Iterable, Mapping

Key = TypeVar("Key", bound="Hashable")


SECONDS_PER_DAY = 86_400


class Period(NamedTuple):
    """A time, in seconds since the epoch."""

    first: float
    last: float

    @property
    def seconds(self) -> int:
        """Its length in whole seconds."""
        return max(0, round(self.last - self.first))


class CalledTarget(NamedTuple):
    """What is called: an endpoint, and the model or container on it."""

    endpoint: str
    target: str
    """The member `target` of the log, such as `TargetModel=iris-v1.tar.gz`; empty if a call names
    the endpoint alone."""


class User(NamedTuple):
    """Who calls what."""

    place: CalledTarget
    model: str
    """The name of the entry in the routing table."""
    principal: str
    """Empty if the log has none."""


class Use(NamedTuple):
    """How much was called."""

    calls: int = 0
    """Requests and jobs that reached SageMaker."""
    attempts: int = 0
    """Calls of SageMaker, the repeated ones included."""
    busy_ms: int = 0
    """The time of the last attempt of each call, added up: what the gateway calls `model_ms`."""
    failed: int = 0
    """Calls that ended with a status of 500 or more."""
    loads: int = 0
    """Calls that waited for an artifact's load, or were told that it was being loaded."""
    bytes_in: int = 0
    bytes_out: int = 0

    def plus(self, other: Use) -> Use:
        return Use(*map(sum, zip(self, other, strict=True)))


class Pattern(NamedTuple):
    """How the calls of a place come, and how long they take."""

    peak_busy_ms: int = 0
    """The most time at work that calls of one minute took together."""
    p50_ms: int | None = None
    p99_ms: int | None = None
    """Quantiles of the time of a call, to two digits."""
    active_hours: int | None = None
    """How many clock hours had a call; None if it was not counted."""
    largest_in: int | None = None
    """The bytes of its largest request."""
    timed_out: int = 0
    """Calls that ended because their time was over."""


@dataclass(frozen=True, slots=True)
class Usage:
    """What a log says of a period."""

    period: Period
    source: str
    """The log and its period, in words."""
    uses: Mapping[User, Use]
    patterns: Mapping[CalledTarget, Pattern] = field(default_factory=dict)
    """By place."""
    hours: Mapping[str, Mapping[int, int]] = field(default_factory=dict)
    """The calls of each endpoint by hour: the hour's number since the epoch, and its calls."""
    begins: float | None = None
    """The time of the first line; None if it is not known."""
    sequences: Mapping[tuple[CalledTarget, CalledTarget], int] = field(default_factory=dict)
    """How often a principal called the second place within seconds after the first one."""
    too_large: Mapping[str, int] = field(default_factory=dict)
    """By entry: requests that were refused because of their size."""
    is_of_queries: bool = False
    """Whether it is from Logs Insights, which tells neither sequences nor refused requests."""
    is_unsorted: bool = field(default=False, compare=False)
    """Whether the lines of a file are not in the order of time, so that sequences are missed."""
    damaged: int = 0
    """How many lines look like the gateway's and cannot be read."""

    @property
    def covered(self) -> Period:
        """The part of the period that the log covers: one that begins a day late was not there, and
        one without a call may never have been there."""
        begins = self.begins
        if not self.uses:
            return Period(self.period.last, self.period.last)
        if begins is None or begins - self.period.first <= SECONDS_PER_DAY:
            return self.period
        return Period(begins, self.period.last)

    def of_place(self) -> dict[CalledTarget, Use]:
        """Return the use of each place by all of its users."""
        return _summed((user.place, use) for user, use in self.uses.items())

    def of_endpoint(self) -> dict[str, Use]:
        """Return the use of each endpoint by all of its users."""
        return _summed((user.place.endpoint, use) for user, use in self.uses.items())


def _summed(uses: Iterable[tuple[Key, Use]]) -> dict[Key, Use]:
    found: dict[Key, Use] = {}
    for key, use in uses:
        found[key] = found[key].plus(use) if key in found else use
    return found
