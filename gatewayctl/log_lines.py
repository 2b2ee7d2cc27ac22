"""The gateway's lines in a log, and the values in the rows that Logs Insights makes of them.

A line is JSON as the gateway writes it. A time and the name of a stream may stand before it, as
CloudWatch and `aws logs tail` write them, and lines of others may stand between.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from typing import TYPE_CHECKING, TypeVar

import msgspec

from gatewayctl import log_file

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator
    from typing import IO

Decoded = TypeVar("Decoded", bound="Line")

REQUEST = "request"
"""The `message` of the line that the gateway writes for each request."""

JOB = "job"
"""The `message` of the line that the worker writes for each delivery of a job's message."""

MESSAGES = frozenset({REQUEST, JOB})
"""The lines of calls: one for each request, and one for each delivery of a job."""

_OF_A_GATEWAY = (b'{"level"', b'"message"')
"""One of these is in each line of a gateway, and in few lines of other programs."""

ENDED = ("succeeded", "failed")
"""The outcomes of the delivery that ended a job."""

NOTHING = "-"
"""Stands in queries for a member that a line does not have.

AWS does not say how such lines are grouped.
"""


@dataclass(slots=True)
class LineCounts:
    """How many lines a log has."""

    lines: int = 0
    damaged: int = 0
    """How many look like the gateway's and cannot be read."""


# A member that is not here is skipped without being decoded.
class Line(msgspec.Struct, gc=False):
    """A line of the gateway; what reads a log adds the members that it needs."""

    message: str = ""
    timestamp: str = ""


def decoded(
    stream: IO[bytes],
    kind: type[Decoded],
    counts: LineCounts,
    progress: Callable[[str], object],
    *,
    messages: Collection[str] | None = None,
) -> Iterator[tuple[Decoded, float]]:
    """Yield the gateway's lines in a log, with their times in seconds since the epoch.

    Args:
        kind: The members that are read.
        counts: Counts the lines, and those that cannot be read, also for their time.
        messages: The lines that are read, by their `message`; None: all that have one.
    """
    decode = msgspec.json.Decoder(kind).decode
    for line in log_file.lines(stream, progress):
        counts.lines += 1
        start = line.find(b'{"')
        if start < 0:
            continue
        try:
            one = decode(line[start:])
            if not one.message or (messages is not None and one.message not in messages):
                continue
            moment = seconds(one.timestamp)
        except (ValueError, RecursionError):  # msgspec's errors are ValueErrors
            counts.damaged += any(part in line for part in _OF_A_GATEWAY)
            continue
        yield one, moment


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


def whole(milliseconds: float | str) -> int:
    """Round to whole milliseconds, as the query of CloudWatch Logs does."""
    return int(float(milliseconds) + 0.5)


def given(value: str) -> str:
    """Return a value of a row; empty if the lines do not have the member."""
    return "" if value == NOTHING else value
