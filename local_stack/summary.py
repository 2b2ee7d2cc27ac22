"""What `make run` prints at its end: calls, jobs, errors and times of each model."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from gatewayctl.log_lines import whole
from gatewayctl.output import columns, plural
from gatewayctl.statistics import Durations

if TYPE_CHECKING:
    from collections.abc import Iterator

MOST_MODELS = 10_000
MOST_ROWS = 20
EXACT_BELOW_MS = 100
OTHERS = "(others)"
ACCEPTED = 202
JOBS = 2
HEADINGS = ("model", "calls", "jobs", "errors", "p50 ms", "p99 ms")
"""A job is a call that was accepted, and an error too if it has failed; without jobs there is no
column for them."""


class Summary:
    """Counts calls; its memory grows with the number of models alone, and that is limited."""

    def __init__(self) -> None:
        self._errors: Counter[str] = Counter()
        self._calls: Counter[str] = Counter()
        self._jobs: Counter[str] = Counter()
        self._durations: dict[str, Durations] = {}

    def add(self, model: str, status: int, milliseconds: float) -> None:
        """Count a call."""
        if model not in self._durations and len(self._durations) >= MOST_MODELS:
            model = OTHERS
        self._calls[model] += 1
        self._jobs[model] += status == ACCEPTED
        self._errors[model] += status >= 400
        self._durations.setdefault(model, Durations()).add(_rounded(whole(milliseconds)))

    def job_failed(self, model: str) -> None:
        """Count the error of a job whose call was counted before."""
        self._errors[model if model in self._calls else OTHERS] += 1

    def lines(self) -> Iterator[str]:
        """Yield a table, the models with most calls first; nothing if there were no calls."""
        if not self._calls:
            return
        names = sorted(self._calls, key=lambda name: (-self._calls[name], name))
        rows = [HEADINGS, *map(self._row, names[:MOST_ROWS])]
        if not self._jobs.total():
            rows = [(*row[:JOBS], *row[JOBS + 1 :]) for row in rows]
        yield from columns(rows)
        if (more := len(names) - MOST_ROWS) > 0:
            yield f"and {plural(more, 'model')} with fewer calls"

    def _row(self, name: str) -> tuple[str, ...]:
        durations = self._durations[name]
        times = (f"{durations.quantile(part):,}" for part in (0.5, 0.99))
        counts = (f"{counter[name]:,}" for counter in (self._calls, self._jobs, self._errors))
        return name, *counts, *times


def _rounded(milliseconds: int) -> int:
    """Round to two digits, so that one model has no more than a few hundred different times."""
    step = 1
    while milliseconds >= EXACT_BELOW_MS * step:
        step *= 10
    return round(milliseconds / step) * step
