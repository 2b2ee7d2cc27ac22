"""The report of `make faults`: each row with its results, and the figures."""

from __future__ import annotations

import os
import platform
import textwrap
from collections import defaultdict
from dataclasses import dataclass, field
from itertools import zip_longest
from typing import TYPE_CHECKING

import botocore

from tests.faults.rows import NUMBERS, ROWS
from tests.support.profile import LONG

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

ROW_WIDTHS = (4, 32, 34, 56, 4)
NUMBER_WIDTHS = (4, 28, 17, 20, 30, 4, 30)
MOST_SEEN = 6


@dataclass
class Report:
    """Collects results while the tests run."""

    outcomes: dict[str, list[str]] = field(default_factory=lambda: defaultdict(list))
    """By row: how each of its tests ended."""

    seen: dict[str, list[str]] = field(default_factory=lambda: defaultdict(list))
    """By row: what its tests saw, each text once."""

    figures: dict[str, list[tuple[str, ...]]] = field(default_factory=lambda: defaultdict(list))
    """By number: whose it is, the figure, whether it meets the bar, its conditions."""

    def ended(self, rows: Iterable[str], outcome: str) -> None:
        """Record the outcome of a test."""
        for row in rows:
            self.outcomes[row].append(outcome)

    def saw(self, rows: Iterable[str], text: str) -> None:
        """Record what a test saw, each text once."""
        for row in rows:
            if text not in self.seen[row]:
                self.seen[row].append(text)

    def measured(
        self, number: str, whose: str, figure: str, conditions: str, *, meets: bool | None = None
    ) -> None:
        """Record a figure; `meets` says whether it is within the bar, unless that is obvious."""
        assert number in NUMBERS, f"no such number: {number}"
        word = {True: "yes", False: "NO", None: ""}[meets]
        self.figures[number].append((whose, figure, word, conditions))

    def passed(self, row: str) -> bool:
        return bool(self.outcomes[row]) and set(self.outcomes[row]) == {"passed"}

    def lines(self) -> Iterator[str]:
        yield from _table(("row", "fault", "expected", "seen", "pass"), self._rows(), ROW_WIDTHS)
        yield ""
        heads = ("no.", "what", "bar", "who", "measured", "met", "conditions")
        yield from _table(heads, self._numbers(), NUMBER_WIDTHS)
        yield ""
        yield f"conditions: {conditions()}"

    def _rows(self) -> Iterator[tuple[str, ...]]:
        for row in ROWS.values():
            seen = self.seen[row.id]
            more = [f"and {len(seen) - MOST_SEEN} more"] if len(seen) > MOST_SEEN else []
            text = "; ".join(seen[:MOST_SEEN] + more)
            yield row.id, row.fault, row.expected, text, "yes" if self.passed(row.id) else "NO"

    def _numbers(self) -> Iterator[tuple[str, ...]]:
        tested = sum(bool(self.outcomes[row]) for row in ROWS)
        passing = sum(map(self.passed, ROWS))
        figure = f"{tested} and {passing} of {len(ROWS)}"
        tests = sum(len(outcomes) for outcomes in self.outcomes.values())
        all_pass = "yes" if passing == len(ROWS) else "NO"
        own = {"N1": [("gateway", figure, all_pass, f"{tests:,} tests")]}
        for number in NUMBERS.values():
            for figures in own.get(number.id) or self.figures[number.id]:
                yield number.id, number.what, number.bar, *figures


def conditions() -> str:
    """Return the conditions of all figures."""
    return ", ".join(
        (
            f"{os.cpu_count()} cores",
            "loopback",
            f"Python {platform.python_version()}",
            f"botocore {botocore.__version__}",
            f"{'long' if LONG else 'short'} profile",
            "the gateway's own retries (max_attempts 2) against the SDK's standard and legacy",
        )
    )


def _table(
    heads: Sequence[str], rows: Iterable[Sequence[str]], widths: Sequence[int]
) -> Iterator[str]:
    yield from _wrapped(heads, widths)
    yield "-" * (sum(widths) + 2 * (len(widths) - 1))
    for row in rows:
        yield from _wrapped(row, widths)


def _wrapped(cells: Sequence[str], widths: Sequence[int]) -> Iterator[str]:
    columns = (
        textwrap.wrap(cell, width) or [""] for cell, width in zip(cells, widths, strict=True)
    )
    for pieces in zip_longest(*columns, fillvalue=""):
        padded = (piece.ljust(width) for piece, width in zip(pieces, widths, strict=True))
        yield "  ".join(padded).rstrip()
