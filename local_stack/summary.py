"""What `make run` prints at its end: calls, errors and times of each model."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from gatewayctl.output import columns, plural
from gatewayctl.request_log import whole
from gatewayctl.statistics import Durations

if TYPE_CHECKING:
    from collections.abc import Iterator

MOST_MODELS = 10_000
MOST_ROWS = 20
EXACT_BELOW_MS = 100
OTHERS = "(others)"
HEADINGS = ("model", "calls", "errors", "p50 ms", "p99 ms")


class Summary:
    """Counts calls; its memory grows with the number of models alone, and that is limited."""

    def __init__(self) -> None:
        self._errors: Counter[str] = Counter()
        self._calls: Counter[str] = Counter()
        self._durations: dict[str, Durations] = {}

    def add(self, model: str, status: int, milliseconds: float) -> None:
        """Count a call."""
        if model not in self._durations and len(self._durations) >= MOST_MODELS:
            model = OTHERS
        self._calls[model] += 1
        self._errors[model] += status >= 400
        self._durations.setdefault(model, Durations()).add(_rounded(whole(milliseconds)))

    def lines(self) -> Iterator[str]:
        """Yield a table, the models with most calls first; nothing if there were no calls."""
        if not self._calls:
            return
        names = sorted(self._calls, key=lambda name: (-self._calls[name], name))
        yield from columns([HEADINGS, *map(self._row, names[:MOST_ROWS])])
        if (more := len(names) - MOST_ROWS) > 0:
            yield f"and {plural(more, 'model')} with fewer calls"

    def _row(self, name: str) -> tuple[str, ...]:
        durations = self._durations[name]
        times = (f"{durations.quantile(part):,}" for part in (0.5, 0.99))
        return name, f"{self._calls[name]:,}", f"{self._errors[name]:,}", *times


def _rounded(milliseconds: int) -> int:
    """Round to two digits, so that one model has no more than a few hundred different times."""
    step = 1
    while milliseconds >= EXACT_BELOW_MS * step:
        step *= 10
    return round(milliseconds / step) * step
