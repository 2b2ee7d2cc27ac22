"""Reads the gateway's log, and counts the requests and jobs of one model.

Equal calls are counted together, so that memory does not grow with the number of lines.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple

from gatewayctl.log_lines import ENDED, JOB, MESSAGES, REQUEST, Line, LineCounts, decoded, whole

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import IO


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
class Reading(LineCounts):
    """The calls of one model in a log."""

    calls: Counter[Call] = field(default_factory=Counter)


class _Line(Line, gc=False):
    outcome: str | None = None
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
    reading = Reading()
    for one, moment in decoded(stream, _Line, reading, progress, messages=MESSAGES):
        if not one.counts or one.model != model or (since is not None and moment < since):
            continue
        if (call := one.call()) is not None:
            reading.calls[call] += 1
    return reading
