"""Counts the calls of one model with CloudWatch Logs Insights.

The query counts equal calls together, as `gatewayctl.request_log` does, so that a million calls are
some hundred rows. Where the rows are more than one query returns, the period is halved.
"""

from __future__ import annotations

import json
import time
from collections import Counter
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from gatewayctl.aws import reaching
from gatewayctl.report import NotReachable, WrongUse
from gatewayctl.request_log import REQUEST, Call

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

SERVICE = "logs"
MOST_ROWS = 10_000
"""Source: API reference, GetQueryResults: the most rows of one response."""

POLL_SECONDS = 0.5
"""The pause between two calls of GetQueryResults, which takes 5 calls a second.

Source: CloudWatch Logs user guide, "CloudWatch Logs quotas".
"""

WAITING = {"Scheduled", "Running"}
COMPLETE = "Complete"


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
        self._group = group
        self._progress = progress
        self._pause = pause

    def calls(self, model: str, start: int, end: int) -> Counter[Call]:
        """Count the calls of a model; the times are seconds since the epoch, both included.

        Raises:
            NotReachable: CloudWatch Logs does not answer, or refuses.
            WrongUse: The log group does not exist.
        """
        query, periods = query_text(model), [(start, end)]
        calls: Counter[Call] = Counter()
        while periods:
            first, last = periods.pop()
            rows = self._rows(query, first, last)
            if len(rows) < MOST_ROWS or first == last:
                calls.update(_counted(rows))
            else:
                middle = (first + last) // 2
                periods += [(middle + 1, last), (first, middle)]
        return calls

    def _rows(self, query: str, first: int, last: int) -> list[list[dict[str, str]]]:
        """Return the rows of one query."""
        with reaching(SERVICE):
            identifier = self._start(query, first, last)
        what = f"CloudWatch Logs counts the calls from {clock_time(first)} to {clock_time(last)}"
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
                f"the query of {self._group} ended as {answer['status']}; try again in a minute, "
                "or give fewer --minutes"
            )
        rows: list[list[dict[str, str]]] = answer["results"]
        return rows

    def _start(self, query: str, first: int, last: int) -> str:
        try:
            started = self._client.start_query(
                logGroupName=self._group,
                startTime=first,
                endTime=last,
                queryString=query,
                limit=MOST_ROWS,
            )
        except self._client.exceptions.ResourceNotFoundException:
            raise WrongUse(
                f"there is no log group {self._group}; name the stage with --stage, or a log with "
                "--log"
            ) from None
        return str(started["queryId"])


def query_text(model: str) -> str:
    """Return the query; the name of an entry has no character that needs an escape."""
    return (
        f'filter message = "{REQUEST}" and model = {json.dumps(model)}'
        " and ispresent(first_target) and attempts > 0"
        " | fields floor(model_ms + 0.5) as milliseconds"
        f" | stats count(*) as calls by {', '.join(Call._fields)}"
    )


def _counted(rows: Iterable[list[dict[str, str]]]) -> Counter[Call]:
    calls: Counter[Call] = Counter()
    for row in rows:
        values = {cell["field"]: cell["value"] for cell in row}
        call = Call(
            values["first_target"],
            values["target_name"],
            values.get("fallback_after") or None,
            int(float(values["status"])),
            values.get("slug") or None,
            values.get("artifact") or None,
            int(float(values["milliseconds"])),
        )
        calls[call] += int(float(values["calls"]))
    return calls


def clock_time(seconds: float) -> str:
    """Write a time in UTC."""
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%d %H:%M:%SZ")
