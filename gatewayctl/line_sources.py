"""Searches logs for lines: files and standard input, or log groups of CloudWatch Logs."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from gatewayctl import log_file
from gatewayctl.joined_lines import parsed
from gatewayctl.log_query import LogQuery, NoLogGroup
from gatewayctl.report import NotReachable

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
    from typing import IO

    from gatewayctl.joined_lines import LogLine

MOST_FOUND = 1_000
"""How many lines of one log are looked at for one question."""


class Files:
    """Logs in files that can be read several times.

    Args:
        streams: The files by name.
        progress: Is called now and then with a line about the progress.
    """

    def __init__(self, streams: Mapping[str, IO[bytes]], progress: Callable[[str], object]) -> None:
        self._streams = streams
        self._progress = progress
        self.lines = 0
        """How many lines the files have."""

    def containing(self, texts: Collection[str]) -> Iterator[LogLine]:
        wanted = [text.encode() for text in texts]
        for source, line in self._lines():
            if any(text in line for text in wanted):
                yield parsed(source, line.decode(errors="replace"))

    def with_messages(
        self, messages: Collection[str], first: float, last: float
    ) -> Iterator[LogLine]:
        wanted = {f'"{message}"'.encode() for message in messages}
        for source, line in self._lines():
            if any(text in line for text in wanted):
                found = parsed(source, line.decode(errors="replace"))
                is_near = found.seconds is not None and first <= found.seconds <= last
                if is_near and (found.members or {}).get("message") in messages:
                    yield found

    def _lines(self) -> Iterator[tuple[str, bytes]]:
        self.lines = 0
        for source, stream in self._streams.items():
            stream.seek(0)
            for line in log_file.lines(stream, self._progress):
                self.lines += 1
                yield source, line


class LogGroups:
    """Log groups of CloudWatch Logs, which are queried by Logs Insights.

    Args:
        client: A boto3 client of CloudWatch Logs.
        groups: The names of the groups.
        first: The begin of the period, in seconds since the epoch.
        last: The end of the period.
        progress: Is called with a line about the progress.
    """

    def __init__(
        self,
        client: Any,
        groups: Sequence[str],
        first: int,
        last: int,
        progress: Callable[[str], object],
    ) -> None:
        self._queries = [LogQuery(client, group, progress) for group in groups]
        self._first, self._last = first, last
        self.failed: dict[str, str] = {}
        """The groups that could not be queried, and why."""

    def containing(self, texts: Collection[str]) -> Iterator[LogLine]:
        wanted = " or ".join(f"@message like {json.dumps(text)}" for text in sorted(texts))
        yield from self._found(wanted, self._first, self._last)

    def with_messages(
        self, messages: Collection[str], first: float, last: float
    ) -> Iterator[LogLine]:
        yield from self._found(f"message in {json.dumps(sorted(messages))}", int(first), int(last))

    def _found(self, condition: str, first: int, last: int) -> Iterator[LogLine]:
        query = f"fields @timestamp, @message | filter {condition} | sort @timestamp asc"
        for log in self._queries:
            if log.group in self.failed:
                continue
            try:
                rows = log.rows(f"{query} | limit {MOST_FOUND}", first, last, most=MOST_FOUND)
            except (NoLogGroup, NotReachable) as error:
                self.failed[log.group] = str(error)
                continue
            for row in rows:
                at = parsed("", row.get("@timestamp", "")).seconds
                yield parsed(log.group, row.get("@message", ""), at)
