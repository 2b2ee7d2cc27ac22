"""Reads the gateway's log, and counts the requests and jobs of one model.

A line is JSON as the gateway writes it. A time and the name of a stream may stand before it, as
CloudWatch and `aws logs tail` write them, and lines of others may stand between. Equal calls are
counted together, so that memory does not grow with the number of lines.
"""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import dataclass, field
from datetime import datetime
from functools import lru_cache
from typing import TYPE_CHECKING, NamedTuple

import msgspec

from gatewayctl import log_file

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from typing import IO

REQUEST = "request"
"""The `message` of the line that the gateway writes for each request."""

JOB = "job"
"""The `message` of the line that the worker writes for each delivery of a job's message."""

ENDED = ("succeeded", "failed")
"""The outcomes of the delivery that ended a job."""


class Call(NamedTuple):
    """What is counted of a request or job that reached a target; equal ones together."""

    first_target: str
    """The target that the request was given to, by weight or by its key."""

    target_name: str
    """The target that was called last: another one, if the first one left it to a fallback."""

    fallback_after: str | None
    """The slug of the error after which the last fallback was taken."""

    status: int
    slug: str | None
    artifact: str | None
    """`loaded` if the call waited for an artifact's load."""

    milliseconds: int
    """The time of the last attempt, in whole milliseconds."""


@dataclass(slots=True)
class Reading:
    """The calls of one model in a log."""

    calls: Counter[Call] = field(default_factory=Counter)
    lines: int = 0
    damaged: int = 0
    """How many lines begin as the gateway's do and cannot be read."""


# A member that is not here is skipped without being decoded.
class _Line(msgspec.Struct, gc=False):
    message: str | None = None
    outcome: str | None = None
    timestamp: str = ""
    model: str | None = None
    first_target: str | None = None
    target_name: str | None = None
    fallback_after: str | None = None
    status: int = 0
    slug: str | None = None
    artifact: str | None = None
    attempts: int = 0
    model_ms: float = 0.0

    @property
    def counts(self) -> bool:
        """Whether it is the line of a request, or the one of a job that tells its end."""
        return self.message == REQUEST or (self.message == JOB and self.outcome in ENDED)

    def call(self) -> Call | None:
        """Return what is counted of this line; None if no target was called."""
        if self.first_target is None or self.target_name is None or not self.attempts:
            return None
        return Call(
            self.first_target,
            self.target_name,
            self.fallback_after,
            self.status,
            self.slug,
            self.artifact,
            whole(self.model_ms),
        )


def whole(milliseconds: float) -> int:
    """Round to whole milliseconds, as the query of CloudWatch Logs does."""
    return int(milliseconds + 0.5)


def read(
    stream: IO[bytes],
    model: str,
    *,
    since: float | None = None,
    progress: Callable[[str], object] = lambda line: None,
) -> Reading:
    """Count the calls of a model.

    Args:
        model: The name of the entry.
        since: The time of the first line that counts, in seconds since the epoch; None: all lines.
        progress: Is called now and then with a line about the progress.
    """
    decode = msgspec.json.Decoder(_Line).decode
    reading = Reading()
    for line in _lines(stream, reading, progress):
        try:
            one = decode(line)
            if not one.counts or one.model != model:
                continue
            if since is not None and seconds(one.timestamp) < since:
                continue
            call = one.call()
        except msgspec.ValidationError:
            reading.damaged += _is_of(model, line)
        except (ValueError, RecursionError):
            reading.damaged += 1
        else:
            if call is not None:
                reading.calls[call] += 1
    return reading


def _lines(
    stream: IO[bytes], reading: Reading, progress: Callable[[str], object]
) -> Iterator[bytes]:
    """Yield the JSON of each line that has an object; one in quotes belongs to a command."""
    for line in log_file.lines(stream, progress):
        reading.lines += 1
        start = line.find(b'{"')
        if start == 0 or (start > 0 and line[start - 1 : start].isspace()):
            yield line[start:]


def _is_of(model: str, line: bytes) -> bool:
    """Whether an object whose members have other types than the gateway's is a line of a model.

    If the rest of it cannot be read, it may be one.
    """
    try:
        members = json.loads(line)
    except (ValueError, RecursionError):
        return True
    return bool(members.get("message") in {REQUEST, JOB} and members.get("model") == model)


def seconds(timestamp: str) -> float:
    """Return the time of a line, which Powertools writes as `2026-05-04 10:00:00,123+0000`."""
    whole_part, _, rest = timestamp.partition(",")
    offset = rest.lstrip("0123456789")
    minute, second = whole_part[:-3], whole_part[-2:]
    if whole_part[-3:-2] != ":" or not second.isdecimal():
        raise ValueError(timestamp)
    return _start_of_minute(minute + offset) + int(second)


@lru_cache(maxsize=64)  # lines of one minute follow each other, and to parse a time is slow
def _start_of_minute(text: str) -> float:
    return datetime.strptime(text, "%Y-%m-%d %H:%M%z").timestamp()
