"""Counts the calls in the gateway's log: a file or standard input.

A million lines take seconds. Memory grows with the number of callers and targets, and with that of
the minutes in which each target was called; not with the number of calls.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from typing import TYPE_CHECKING, Annotated

from msgspec import Meta

from chalicelib.errors import PayloadTooLarge, UpstreamTimedOut
from gatewayctl.costs.usage import CalledTarget, Pattern, Period, Usage, Use, User
from gatewayctl.log_lines import MESSAGES, Line, LineCounts, decoded, whole
from gatewayctl.output import plural
from gatewayctl.statistics import Durations

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from typing import IO

MEDIAN, P99 = 0.5, 0.99
MINUTE, HOUR_MINUTES = 60, 60

FOLLOWING_SECONDS = 2.0
"""A call of a principal that begins so soon after the end of its last one may be the next step."""

_EARLIEST = 1_483_228_800.0
"""The start of 2017, the year of SageMaker. A clock that is wrong writes such times."""
_LATEST = 4_102_444_800.0
"""The start of 2100."""

_NEVER = (float("-inf"), ("", ""))
_CALL = 1 << 48
"""One call, in a number whose lower bits are the milliseconds of the calls."""


# A line with a number that no call can have is damaged: one of them would spoil all sums.
_Count = Annotated[int, Meta(ge=0, le=2**40)]
_Milliseconds = Annotated[float, Meta(ge=0, le=86_400_000)]


class _Line(Line, gc=False):
    model: str = ""
    endpoint: str | None = None
    target: str = ""
    principal: str = ""
    status: int = 0
    slug: str | None = None
    artifact: str | None = None
    attempts: _Count = 0
    model_ms: _Milliseconds = 0.0
    bytes_in: _Count = 0
    bytes_out: _Count = 0


def read(
    stream: IO[bytes],
    name: str,
    *,
    since: float | None = None,
    progress: Callable[[str], object] = lambda line: None,
) -> Usage:
    """Count the calls in a log.

    Args:
        stream: The log.
        name: What messages call it.
        since: The time of the first line that counts, in seconds since the epoch; None: all lines.
        progress: Is called now and then with a line about the progress.
    """
    lines, counts = LineCounts(), _Counts()
    for one, moment in decoded(stream, _Line, lines, progress, messages=MESSAGES):
        if not _EARLIEST <= moment < _LATEST:
            lines.damaged += 1
        elif since is None or moment >= since:
            counts.add(one, moment)
    return counts.usage(f"{name}: {plural(lines.lines, 'line')}", lines.damaged, since)


class _PlaceCounts:
    """When a place was called, and how long its calls took."""

    __slots__ = ("durations", "largest_in", "minutes", "timed_out")

    def __init__(self) -> None:
        self.minutes: dict[int, int] = {}
        """By minute since the epoch the calls, times `_CALL`, plus their milliseconds."""
        self.durations = Durations()
        self.largest_in = self.timed_out = 0


class _UserCounts:
    """The sums of the calls of one user of a place."""

    __slots__ = (
        "attempts",
        "busy_ms",
        "bytes_in",
        "bytes_out",
        "calls",
        "failed",
        "loads",
        "place",
    )

    def __init__(self, place: _PlaceCounts) -> None:
        self.place = place
        self.calls = self.attempts = self.busy_ms = self.failed = self.loads = 0
        self.bytes_in = self.bytes_out = 0

    def add(self, line: _Line, minute: int) -> None:
        milliseconds = whole(line.model_ms)
        self.calls += 1
        self.attempts += line.attempts
        self.busy_ms += milliseconds
        self.failed += line.status >= 500
        self.loads += line.artifact is not None
        self.bytes_in += line.bytes_in
        self.bytes_out += line.bytes_out
        self.place.largest_in = max(self.place.largest_in, line.bytes_in)
        self.place.timed_out += line.slug == UpstreamTimedOut.slug
        minutes = self.place.minutes
        minutes[minute] = minutes.get(minute, 0) + _CALL + milliseconds
        self.place.durations.add(milliseconds if milliseconds < 100 else _two_digits(milliseconds))

    def use(self) -> Use:
        return Use(**{name: getattr(self, name) for name in Use._fields})


class _Counts:
    """What is counted while a log is read."""

    def __init__(self) -> None:
        self._users: dict[tuple[str, str, str, str], _UserCounts] = {}
        self._places: defaultdict[tuple[str, str], _PlaceCounts] = defaultdict(_PlaceCounts)
        self._first, self._last = float("inf"), float("-inf")
        self._is_unsorted = False
        self._before: dict[str, tuple[float, tuple[str, str]]] = {}
        """By principal: the end and the place of the last call."""
        self._sequences: Counter[tuple[tuple[str, str], tuple[str, str]]] = Counter()
        self._too_large: Counter[str] = Counter()

    def add(self, line: _Line, moment: float) -> None:
        """Count a line, whose time is in seconds since the epoch."""
        self._is_unsorted = self._is_unsorted or moment < self._last - MINUTE
        self._first = min(self._first, moment)
        self._last = max(self._last, moment)
        if line.slug == PayloadTooLarge.slug:
            self._too_large[line.model] += 1
        if line.endpoint is None or not line.attempts:
            return
        key = line.endpoint, line.target, line.model, line.principal
        user = self._users.get(key)
        if user is None:
            user = self._users[key] = _UserCounts(self._places[key[:2]])
        user.add(line, int(moment // MINUTE))
        ended, last = self._before.get(line.principal, _NEVER)
        end = moment + _fraction(line.timestamp)
        if last != key[:2] and 0 <= end - line.model_ms / 1000 - ended <= FOLLOWING_SECONDS:
            self._sequences[last, key[:2]] += 1
        self._before[line.principal] = end, key[:2]

    def usage(self, source: str, damaged: int, since: float | None) -> Usage:
        begins = None if self._first > self._last else self._first
        if begins is None:
            self._first = self._last = since or 0.0
        return Usage(
            period=Period(self._first if since is None else since, self._last),
            source=source,
            uses={
                User(CalledTarget(endpoint, target), model, principal): counts.use()
                for (endpoint, target, model, principal), counts in self._users.items()
            },
            patterns={
                CalledTarget(*place): _pattern(counts) for place, counts in self._places.items()
            },
            hours=_hours(self._places),
            begins=begins,
            sequences={
                (CalledTarget(*first), CalledTarget(*second)): times
                for (first, second), times in self._sequences.items()
            },
            too_large=dict(self._too_large),
            is_unsorted=self._is_unsorted,
            damaged=damaged,
        )


def _pattern(counts: _PlaceCounts) -> Pattern:
    minutes = counts.minutes
    return Pattern(
        peak_busy_ms=max(packed % _CALL for packed in minutes.values()),
        p50_ms=counts.durations.quantile(MEDIAN),
        p99_ms=counts.durations.quantile(P99),
        active_hours=len({minute // HOUR_MINUTES for minute in minutes}),
        largest_in=counts.largest_in,
        timed_out=counts.timed_out,
    )


def _hours(places: Mapping[tuple[str, str], _PlaceCounts]) -> dict[str, dict[int, int]]:
    """Return the calls of each endpoint by hour."""
    hours: defaultdict[str, Counter[int]] = defaultdict(Counter)
    for (endpoint, _), counts in places.items():
        for minute, packed in counts.minutes.items():
            hours[endpoint][minute // HOUR_MINUTES] += packed // _CALL
    return {name: dict(sorted(counts.items())) for name, counts in hours.items()}


def _fraction(timestamp: str) -> float:
    """Return the part of a second in the time of a line, which has three digits after a comma."""
    digits = timestamp.partition(",")[2][:3]
    return int(digits) / 1000 if digits.isdecimal() else 0.0


def _two_digits(milliseconds: int) -> int:
    """Round a duration to two digits, so that the different ones are few."""
    unit = 1
    while milliseconds >= 100 * unit:
        unit *= 10
    return (milliseconds + unit // 2) // unit * unit
