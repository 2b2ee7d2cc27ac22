"""Counts the calls of one model in a log group with CloudWatch Logs Insights.

The query counts equal calls together, as `gatewayctl.request_log` does, so that a million calls are
some hundred rows.
"""

from __future__ import annotations

import json
from collections import Counter
from typing import TYPE_CHECKING

from gatewayctl.log_lines import ENDED, JOB, REQUEST, whole
from gatewayctl.log_query import all_rows
from gatewayctl.request_log import Call

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from gatewayctl.log_query import LogQuery


def count(log: LogQuery, model: str, start: int, end: int) -> Counter[Call]:
    """Count the calls of a model; the times are seconds since the epoch, both included.

    Raises:
        NotReachable: CloudWatch Logs does not answer, or refuses.
        WrongUse: The log group does not exist.
    """
    return _counted(all_rows(log, query_text(model), start, end))


def query_text(model: str) -> str:
    """Return the query; the name of an entry has no character that needs an escape."""
    ended = f'(message = "{JOB}" and outcome in {json.dumps(ENDED)})'
    return (
        f'filter (message = "{REQUEST}" or {ended}) and model = {json.dumps(model)}'
        " and ispresent(first_target) and attempts > 0"
        " | fields floor(model_ms + 0.5) as milliseconds"
        f" | stats count(*) as calls by {', '.join(Call._fields)}"
    )


def _counted(rows: Iterable[Mapping[str, str]]) -> Counter[Call]:
    calls: Counter[Call] = Counter()
    for row in rows:
        call = Call(
            row["first_target"],
            row["target_name"],
            row.get("fallback_after") or None,
            whole(row["status"]),
            row.get("slug") or None,
            row.get("artifact") or None,
            whole(row["milliseconds"]),
        )
        calls[call] += whole(row["calls"])
    return calls
