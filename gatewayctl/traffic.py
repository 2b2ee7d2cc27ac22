"""Counts what a gateway did: its answers by error, its targets, refused credentials, and alarms.

The counts come from a log in a file, or from queries of CloudWatch Logs Insights that count the
same. Memory grows with the number of targets and of different errors, not with that of lines.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple

from gatewayctl.log_lines import (
    ENDED,
    JOB,
    NOTHING,
    REQUEST,
    Line,
    LineCounts,
    decoded,
    given,
    whole,
)
from gatewayctl.statistics import Durations

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from typing import IO

    from gatewayctl.log_query import LogQuery

CREDENTIAL, OK = "credential", "ok"
_, FAILED = ENDED
MOST_TARGETS = 10
P99 = 0.99

ANSWERS = (
    "filter ispresent(message)"
    f' | fields coalesce(status, 0) as code, coalesce(slug, "{NOTHING}") as error'
    " | stats count(*) as number by message, code, error"
)
CREDENTIALS = (
    f'filter message = "{CREDENTIAL}" and outcome != "{OK}"'
    f' | fields coalesce(reason, "{NOTHING}") as because'
    " | stats count(*) as number by outcome, because"
)
WORK = (
    "filter ispresent(message)"
    f' | fields coalesce(outcome, "{NOTHING}") as ended, coalesce(slug, "{NOTHING}") as error'
    " | stats count(*) as number by message, ended, error"
)
TARGETS = (
    f'filter message = "{REQUEST}" and attempts > 0'
    f' | fields floor(status / 500) as is_5xx, coalesce(target_name, "{NOTHING}") as name'
    " | stats count(*) as calls, sum(is_5xx) as failed, pct(model_ms, 99) as p99"
    " by model, endpoint, name"
    f" | sort failed desc, p99 desc | limit {MOST_TARGETS}"
)


class Target(NamedTuple):
    """A target of the routing table."""

    model: str
    endpoint: str
    name: str | None
    """None if the entry has only one target."""


class TargetTraffic(NamedTuple):
    """What one target did."""

    target: Target
    calls: int
    failed: int
    """Calls whose callers got a status of 500 or more."""
    p99_ms: int | None


@dataclass(slots=True)
class Traffic(LineCounts):
    """What is counted of a log."""

    answers: Counter[tuple[int, str]] = field(default_factory=Counter)
    """Requests by status and slug; the slug of a success is empty."""

    refused: Counter[tuple[str, str]] = field(default_factory=Counter)
    """Credentials that were not accepted, by outcome and reason."""

    jobs: Counter[tuple[str, str]] = field(default_factory=Counter)
    """Deliveries of jobs by outcome and slug."""

    others: Counter[str] = field(default_factory=Counter)
    """Other lines by their `message`."""

    targets: Sequence[TargetTraffic] = ()
    """The worst ones, the worst first."""

    @property
    def requests(self) -> int:
        return sum(self.answers.values())

    @property
    def ended_jobs(self) -> int:
        return sum(number for (outcome, _), number in self.jobs.items() if outcome in ENDED)

    @property
    def failed_jobs(self) -> Counter[str]:
        """Jobs that ended with a problem, by its slug."""
        return Counter({slug: number for (end, slug), number in self.jobs.items() if end == FAILED})

    @property
    def failed(self) -> int:
        """Requests with a status of 500 or more."""
        return sum(number for (status, _), number in self.answers.items() if status >= 500)


class _Line(Line, gc=False):
    model: str | None = None
    endpoint: str | None = None
    target_name: str | None = None
    status: int = 0
    slug: str | None = None
    attempts: int = 0
    model_ms: float = 0.0
    outcome: str = ""
    reason: str | None = None


def read(
    stream: IO[bytes],
    *,
    since: float | None = None,
    progress: Callable[[str], object] = lambda line: None,
) -> Traffic:
    """Count the lines of a log.

    Args:
        stream: The log.
        since: The time of the first line that counts, in seconds since the epoch; None: all lines.
        progress: Is called now and then with a line about the progress.
    """
    traffic, targets = Traffic(), _Targets()
    for one, moment in decoded(stream, _Line, traffic, progress):
        if since is not None and moment < since:
            continue
        if one.message == REQUEST:
            traffic.answers[one.status, one.slug or ""] += 1
            targets.add(one)
        elif one.message == JOB:
            traffic.jobs[one.outcome, one.slug or ""] += 1
        elif one.message != CREDENTIAL:
            traffic.others[one.message] += 1
        elif one.outcome != OK:
            traffic.refused[one.outcome, one.reason or ""] += 1
    traffic.targets = targets.worst()
    return traffic


class _Targets:
    """The calls of each target."""

    def __init__(self) -> None:
        self._failed: Counter[Target] = Counter()
        self._calls: Counter[Target] = Counter()
        self._durations: defaultdict[Target, Durations] = defaultdict(Durations)

    def add(self, one: _Line) -> None:
        if one.attempts and one.model is not None and one.endpoint is not None:
            target = Target(one.model, one.endpoint, one.target_name)
            self._calls[target] += 1
            self._failed[target] += one.status >= 500
            self._durations[target].add(whole(one.model_ms))

    def worst(self) -> list[TargetTraffic]:
        """Return the targets with the most failed calls, and of equal ones the slowest."""
        found = [
            TargetTraffic(
                target, calls, self._failed[target], self._durations[target].quantile(P99)
            )
            for target, calls in self._calls.items()
        ]
        found.sort(key=lambda one: (-one.failed, -(one.p99_ms or 0), one.target.model))
        return found[:MOST_TARGETS]


def query(handler: LogQuery, authorizer: LogQuery, first: int, last: int) -> Traffic:
    """Count the lines of the log groups of the functions that answer requests.

    Raises:
        NotReachable: CloudWatch Logs does not answer, or refuses.
        WrongUse: A log group does not exist.
    """
    traffic = Traffic()
    for row in handler.rows(ANSWERS, first, last):
        number = whole(row["number"])
        if row["message"] == REQUEST:
            traffic.answers[whole(row["code"]), given(row["error"])] += number
        elif row["message"] != CREDENTIAL:
            traffic.others[row["message"]] += number
    traffic.targets = [_target(row) for row in handler.rows(TARGETS, first, last)]
    for row in authorizer.rows(CREDENTIALS, first, last):
        traffic.refused[row["outcome"], given(row["because"])] += whole(row["number"])
    return traffic


def add_jobs(traffic: Traffic, worker: LogQuery, first: int, last: int) -> None:
    """Count the lines of the worker's log group, too.

    Raises:
        NotReachable: CloudWatch Logs does not answer, or refuses.
        NoLogGroup: The log group does not exist.
    """
    for row in worker.rows(WORK, first, last):
        number = whole(row["number"])
        if row["message"] == JOB:
            traffic.jobs[row["ended"], given(row["error"])] += number
        else:
            traffic.others[row["message"]] += number


def _target(row: dict[str, str]) -> TargetTraffic:
    target = Target(row["model"], row["endpoint"], given(row["name"]) or None)
    p99 = row.get("p99")
    return TargetTraffic(
        target, whole(row["calls"]), whole(row["failed"]), None if p99 is None else whole(p99)
    )
