"""Runs queries of CloudWatch Logs Insights on one log group."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from gatewayctl.aws import reaching
from gatewayctl.output import clock_time
from gatewayctl.report import NotReachable, WrongUse

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    Row = dict[str, str]

SERVICE = "logs"
MOST_ROWS = 10_000
"""Source: API reference, GetQueryResults: the most rows of one response."""

POLL_SECONDS = 0.5
"""The pause between two calls of GetQueryResults, which takes 5 calls a second.

Source: CloudWatch Logs user guide, "CloudWatch Logs quotas".
"""

WAITING = {"Scheduled", "Running"}
COMPLETE = "Complete"


class NoLogGroup(WrongUse):
    """The log group does not exist."""


class LogQuery:
    """Queries one log group.

    Args:
        client: A boto3 client of CloudWatch Logs.
        progress: Is called with a line about the progress.
        pause: Waits so many seconds.
    """

    def __init__(
        self,
        client: Any,
        group: str,
        progress: Callable[[str], object],
        pause: Callable[[float], object] = time.sleep,
    ) -> None:
        self._client = client
        self.group = group
        self._progress = progress
        self._pause = pause

    def rows(self, query: str, first: int, last: int, *, most: int = MOST_ROWS) -> list[Row]:
        """Return the rows of one query; the times are seconds since the epoch, both included.

        Args:
            query: The text of the query.
            first: The begin of the period.
            last: The end of the period.
            most: The number of rows that are returned at most.

        Raises:
            NotReachable: CloudWatch Logs does not answer, or refuses.
            NoLogGroup: The log group does not exist.
        """
        with reaching(SERVICE):
            identifier = self._start(query, first, last, most)
        what = f"CloudWatch Logs reads {self.group} from {clock_time(first)} to {clock_time(last)}"
        while True:
            with reaching(SERVICE):
                answer = self._client.get_query_results(queryId=identifier)
            if answer["status"] not in WAITING:
                break
            scanned = int(answer.get("statistics", {}).get("recordsScanned", 0))
            self._progress(f"{what}: {scanned:,} lines read")
            self._pause(POLL_SECONDS)
        if answer["status"] != COMPLETE:
            raise NotReachable(
                f"the query of {self.group} ended as {answer['status']}; try again in a minute, "
                "or give fewer --minutes"
            )
        return [{cell["field"]: cell["value"] for cell in row} for row in answer["results"]]

    def _start(self, query: str, first: int, last: int, most: int) -> str:
        try:
            started = self._client.start_query(
                logGroupName=self.group,
                startTime=first,
                endTime=last,
                queryString=query,
                limit=most,
            )
        except self._client.exceptions.ResourceNotFoundException:
            raise NoLogGroup(
                f"there is no log group {self.group}; name the stage with --stage, or a log with "
                "--log"
            ) from None
        return str(started["queryId"])


def all_rows(log: LogQuery, query: str, start: int, end: int) -> Iterator[Row]:
    """Yield the rows of a query; where they are more than one query returns, the period is halved.

    So the query has to be one whose rows for two parts of a period may be added up.

    Args:
        log: The log group.
        query: The text of the query.
        start: The begin of the period, in seconds since the epoch.
        end: The end of the period, included.

    Raises:
        NotReachable: CloudWatch Logs does not answer, or refuses.
        NoLogGroup: The log group does not exist.
    """
    periods = [(start, end)]
    while periods:
        first, last = periods.pop()
        rows = log.rows(query, first, last)
        if len(rows) < MOST_ROWS or first == last:
            yield from rows
        else:
            middle = (first + last) // 2
            periods += [(middle + 1, last), (first, middle)]
