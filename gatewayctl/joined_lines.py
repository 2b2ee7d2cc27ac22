"""Joins the lines of one request: API Gateway's, the authorizer's, the gateway's, the worker's.

    request id ─► access line: request_id, authorizer_request_id ─┐
               ─► request line: request_id, credential_request_id ─┴─► credential line: request_id
               ─► request line: job ─► the worker's lines

Any id that one of these lines has leads to the others, and so does SageMaker's id. The id of a job
also leads to the requests that asked for it.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

from gatewayctl.log_lines import JOB, REQUEST, seconds

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence

ID = re.compile(r"[0-9A-Za-z][0-9A-Za-z_=+-]{7,127}")
ID_RULE = "at least 8 letters, digits, -, _, = or +, such as the X-Request-Id of an answer"
OWN = "request_id"
REFERENCES = ("credential_request_id", "authorizer_request_id", "integration_request_id")
"""Members with the id of a line of another function, or of Lambda."""

UPSTREAM = "upstream_request_id"
ID_MEMBERS = (OWN, *REFERENCES, UPSTREAM, JOB)

METRICS = "_aws"
"""A member of the lines that CloudWatch reads as metrics."""

ACCESS, CREDENTIAL, OTHER = "access", "credential", "other"
_ACCESS_MEMBERS = {"request_id", "method", "status"}

STORE_MESSAGES = ("store failed", "routing table not fetched")
"""Lines without an id: a request that failed for them has them shortly before."""

BEFORE_SECONDS, AFTER_SECONDS = 60, 2
_UNAVAILABLE = {"auth-unavailable", "routing-unavailable", "unavailable"}

MOST_LINES = 200
MOST_ASKS = 20
"""How many of the requests that asked for a job are shown, the newest ones."""

_TIME = re.compile(r"(\d{4}-\d\d-\d\d)[T ](\d\d:\d\d:\d\d)(?:[.,](\d{1,6}))?(?:Z|\+00:?00)?\b")


class LogLine(NamedTuple):
    """A line of a log."""

    source: str
    """The log that it is in."""
    seconds: float | None
    """Its time since the epoch; None if it has none."""
    members: Mapping[str, Any] | None
    """What it says; None if it is no JSON object."""
    text: str
    is_damaged: bool = False

    @property
    def kind(self) -> str:
        """`access`, `credential`, `request`, `job`, or `other`."""
        members = self.members or {}
        message = members.get("message")
        if message is None:
            return ACCESS if members.keys() >= _ACCESS_MEMBERS else OTHER
        return message if message in {CREDENTIAL, REQUEST, JOB} else OTHER

    @property
    def is_ask(self) -> bool:
        """Whether it is of a request that asked for a job, and not of the one that submitted it."""
        members = self.members or {}
        return self.kind == REQUEST and JOB in members and members.get("method") != "POST"

    def ids(self, names: Iterable[str] = ID_MEMBERS) -> Iterator[str]:
        """Yield the ids in these members; none of a line with metrics, which only repeats one."""
        members = self.members or {}
        if METRICS in members:
            return
        for name in names:
            value = members.get(name)
            if isinstance(value, str) and ID.fullmatch(value):
                yield value

    def names(self, some_id: str) -> bool:
        """Whether it is about an id: by one of its members or, as a text, anywhere."""
        if self.members is None or "record" in self.members:  # Lambda's own JSON
            return some_id in self.text
        return any(value.startswith(some_id) for value in self.ids())


class Lines(Protocol):
    """Logs that can be searched."""

    def containing(self, texts: Collection[str]) -> Iterator[LogLine]:
        """Yield the lines in which one of the texts is."""

    def with_messages(
        self, messages: Collection[str], first: float, last: float
    ) -> Iterator[LogLine]:
        """Yield the lines with one of these messages, of a period in seconds since the epoch."""


class SeveralIds(Exception):
    """Several ids begin with what was asked for; these are some of them."""


@dataclass(slots=True)
class Joined:
    """The lines of one request, in the order of their times."""

    request_id: str
    lines: list[LogLine] = field(default_factory=list)
    left_out: int = 0
    """How many lines more there are."""
    asks_left_out: int = 0
    """How many earlier requests asked for the job."""
    job: str | None = None
    """The job, if it was searched for by its id."""

    @property
    def damaged(self) -> int:
        return sum(line.is_damaged for line in self.lines)

    def of_kind(self, kind: str) -> LogLine | None:
        """Return the newest line of a kind."""
        return next((line for line in reversed(self.lines) if line.kind == kind), None)


def join(logs: Lines, some_id: str) -> Joined:
    """Find the lines of a request.

    Args:
        logs: Where they are.
        some_id: Any id of the request, or the beginning of one that no other id has.

    Raises:
        SeveralIds: Several ids begin so.
    """
    found = [line for line in logs.containing([some_id]) if line.names(some_id)]
    full = {value for line in found for value in line.ids() if value.startswith(some_id)}
    if len(full) > 1 and some_id not in full:
        raise SeveralIds(*sorted(full))
    named = some_id if some_id in full else next(iter(full), some_id)
    job = named if any(named in line.ids([JOB]) for line in found) else None
    if (request_id := _request_of(found, job)) is not None:
        named = request_id
        found += _further(logs, named, found)
    if moments := [line.seconds for line in found if line.seconds is not None and _waited(line)]:
        first, last = min(moments) - BEFORE_SECONDS, max(moments) + AFTER_SECONDS
        found += logs.with_messages(STORE_MESSAGES, first, last)
    lines = _in_order(found)
    asks = sum(line.is_ask for line in lines)
    lines = [*_without_asks(lines, asks - MOST_ASKS)]
    return Joined(
        named,
        lines[:MOST_LINES],
        max(0, len(lines) - MOST_LINES),
        max(0, asks - MOST_ASKS),
        job,
    )


def _request_of(found: Sequence[LogLine], job: str | None) -> str | None:
    """Return the request that the lines are about; for a job, the one that submitted it.

    A request with a known Idempotency-Key submits a job again; the worker's lines have the first.
    """
    if job is None:
        kinds = {ACCESS, REQUEST, JOB}
        ids = {own for line in found if line.kind in kinds for own in line.ids([OWN])}
        return ids.pop() if len(ids) == 1 else None
    lines = [line for line in found if line.kind in {JOB, REQUEST} and not line.is_ask]
    lines.sort(key=lambda line: line.kind == REQUEST)
    return next((own for line in lines for own in line.ids([OWN])), None)


def _without_asks(lines: Iterable[LogLine], number: int) -> Iterator[LogLine]:
    """Leave out so many of the first requests that asked for a job."""
    for line in lines:
        if line.is_ask and number > 0:
            number -= 1
        else:
            yield line


def _further(logs: Lines, request_id: str, found: Sequence[LogLine]) -> list[LogLine]:
    """Return the lines of a request, and of its job, to which those that were found lead."""
    ids, jobs = {request_id}, set[str]()
    for line in found:
        if request_id in line.ids([OWN]):
            ids |= {*line.ids(REFERENCES)}
            jobs |= set() if line.is_ask else {*line.ids([JOB])}
    lines = [
        line
        for line in logs.containing(ids | jobs)
        if line.members is None
        or ids & {*line.ids([OWN])}
        or (line.kind == JOB and jobs & {*line.ids([JOB])})
    ]
    more = {value for line in lines for value in line.ids(REFERENCES)} - ids
    if more and request_id in {value for line in lines for value in line.ids([OWN])}:
        lines += [line for line in logs.containing(more) if more & {*line.ids([OWN])}]
    return lines


def _waited(line: LogLine) -> bool:
    """Whether a store did not give what the line needed."""
    members = line.members or {}
    return not {str(members.get("slug")), str(members.get("outcome"))}.isdisjoint(_UNAVAILABLE)


def _in_order(found: Iterable[LogLine]) -> list[LogLine]:
    """Return each line once, by time; a line without a time stays behind the one before it.

    Of lines of one millisecond, that of the request comes last, because it is written last.
    """
    once = {(line.source, line.text, line.seconds): line for line in found}
    timed, before = [], 0.0
    for line in once.values():
        before = before if line.seconds is None else line.seconds
        timed.append((before, line))
    return [line for _, line in sorted(timed, key=lambda pair: (pair[0], pair[1].kind == REQUEST))]


def parsed(source: str, text: str, at: float | None = None) -> LogLine:
    """Return a line of a log, with the members of the JSON object in it if there is one.

    Args:
        source: The log.
        text: The line, which may begin with a time and the name of a stream.
        at: Its time, if the log says it.
    """
    text = text.rstrip("\r\n")
    start = text.find('{"')
    if start < 0:
        return LogLine(source, _time_in(text) if at is None else at, None, text)
    try:
        members = json.loads(text[start:])
    except (ValueError, RecursionError):
        return LogLine(source, at, None, text, is_damaged=True)
    return LogLine(source, _time_of(members) or at or _time_in(text), members, text[start:])


def _time_of(members: Mapping[str, Any]) -> float | None:
    """Return the time that Powertools or API Gateway wrote into a line."""
    written, epoch = members.get("timestamp"), members.get("time")
    try:
        if isinstance(written, str):
            return seconds(written) + _fraction(written.partition(",")[2])
        return (
            int(epoch) / 1000 if isinstance(epoch, int | str) and str(epoch).isdecimal() else None
        )
    except ValueError:
        return None


def _fraction(rest: str) -> float:
    digits = re.match("[0-9]{1,6}", rest)
    return float(f"0.{digits[0]}") if digits else 0.0


def _time_in(text: str) -> float | None:
    """Return the time at the beginning of a line, as `aws logs tail` and Insights write it."""
    match = _TIME.match(text)
    if match is None:
        return None
    try:
        moment = datetime.fromisoformat(f"{match[1]}T{match[2]}").replace(tzinfo=UTC)
    except ValueError:
        return None
    return moment.timestamp() + _fraction(match[3] or "")
