"""Counts the calls in the gateway's log with CloudWatch Logs Insights.

Each query counts equal calls together, so that a million calls are some hundred rows.
"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from gatewayctl.costs.usage import CalledTarget, Pattern, Period, Usage, Use, User
from gatewayctl.costs.usage_log import HOUR_MINUTES, MINUTE
from gatewayctl.joined_lines import parsed
from gatewayctl.log_lines import MESSAGES, NOTHING, given, whole
from gatewayctl.log_query import all_rows
from gatewayctl.output import clock_time

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from gatewayctl.log_query import LogQuery

    Row = Mapping[str, str]

_MESSAGES = " or ".join(f'message = "{message}"' for message in sorted(MESSAGES))
_CALLS = (
    f"filter ({_MESSAGES}) and ispresent(endpoint) and attempts > 0"
    f' | fields coalesce(target, "{NOTHING}") as place, coalesce(model, "{NOTHING}") as entry,'
    f' coalesce(principal, "{NOTHING}") as caller, coalesce(artifact, "{NOTHING}") as load,'
    " floor(status / 500) as is_5xx"
)
USES = (
    f"{_CALLS} | stats count(*) as calls, sum(attempts) as tries, sum(model_ms) as busy,"
    " sum(is_5xx) as failed, sum(bytes_in) as received, sum(bytes_out) as sent"
    " by endpoint, place, entry, caller, load"
)
PLACES = (
    f"{_CALLS} | stats pct(model_ms, 50) as p50, pct(model_ms, 99) as p99,"
    " max(bytes_in) as largest by endpoint, place"
)
PLACE_PEAKS = (
    f"{_CALLS} | stats sum(model_ms) as busy by endpoint, place, bin(1m) as minute"
    " | stats max(busy) as peak_busy by endpoint, place"
)
PLACE_HOURS = (
    f"{_CALLS} | stats count(*) as calls by endpoint, place, bin(1h) as hour"
    " | stats count(*) as active_hours by endpoint, place"
)
HOURS = f"{_CALLS} | stats count(*) as calls by endpoint, bin(1h) as hour"


def read(log: LogQuery, first: int, last: int) -> Usage:
    """Count the calls of a period; the times are seconds since the epoch, both included.

    Raises:
        NotReachable: CloudWatch Logs does not answer, or refuses.
        WrongUse: The log group does not exist.
    """
    uses: dict[User, Use] = {}
    for row in all_rows(log, USES, first, last):
        user = User(_place(row), given(row["entry"]), given(row["caller"]))
        uses[user] = uses.get(user, Use()).plus(_use(row))
    hours: dict[str, Counter[int]] = {}
    for row in all_rows(log, HOURS, first, last):
        counts = hours.setdefault(row["endpoint"], Counter())
        counts[int(_seconds(row["hour"])) // (MINUTE * HOUR_MINUTES)] += whole(row["calls"])
    firsts = [min(counts) for counts in hours.values() if counts]
    places = _joined(
        _joined(log.rows(PLACES, first, last), log.rows(PLACE_PEAKS, first, last)),
        log.rows(PLACE_HOURS, first, last),
    )
    return Usage(
        period=Period(first, last),
        source=f"{log.group}, {clock_time(first)} to {clock_time(last)}",
        uses=uses,
        patterns={_place(row): _pattern(row) for row in places},
        hours={name: dict(sorted(counts.items())) for name, counts in hours.items()},
        is_of_queries=True,
        begins=float(max(first, min(firsts) * MINUTE * HOUR_MINUTES)) if firsts else None,
    )


def _joined(rows: Iterable[Row], peaks: Iterable[Row]) -> Iterator[Row]:
    """Yield the rows of two queries with the same groups as one."""
    of_place = {_place(row): row for row in peaks}
    for row in rows:
        yield {**of_place.get(_place(row), {}), **row}


def _place(row: Row) -> CalledTarget:
    return CalledTarget(row["endpoint"], given(row["place"]))


def _use(row: Row) -> Use:
    calls = whole(row["calls"])
    return Use(
        calls=calls,
        attempts=whole(row["tries"]),
        busy_ms=whole(row.get("busy", "0")),
        failed=whole(row.get("failed", "0")),
        loads=calls if given(row["load"]) else 0,
        bytes_in=whole(row.get("received", "0")),
        bytes_out=whole(row.get("sent", "0")),
    )


def _pattern(row: Row) -> Pattern:
    return Pattern(
        peak_busy_ms=whole(row.get("peak_busy", "0")),
        p50_ms=whole(row["p50"]) if "p50" in row else None,
        p99_ms=whole(row["p99"]) if "p99" in row else None,
        active_hours=whole(row["active_hours"]) if "active_hours" in row else None,
        largest_in=whole(row["largest"]) if "largest" in row else None,
    )


def _seconds(text: str) -> float:
    """Return a time, which Insights writes as milliseconds since the epoch or as a date."""
    if text.isdecimal():
        return int(text) / 1000
    return parsed("", text).seconds or 0.0
