"""Writes the tables of docs/performance.md from the results of all rounds."""

from __future__ import annotations

import os
import platform
import re
from dataclasses import dataclass
from importlib.metadata import version
from statistics import median, quantiles
from typing import TYPE_CHECKING, NamedTuple

from benchmarks import bill, scenarios
from benchmarks.bill import ONE_CPU_MB
from benchmarks.packages import ROOT

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from benchmarks.scenarios import Results, Scenario, Start

    Parts = Mapping[int, Mapping[str, Sequence[float]]]
    """Seconds of each call, by the size of the body and the part of the gateway."""

PAGE = ROOT / "docs/performance.md"
BLOCK = re.compile(r"(<!-- bench: (\w+) -->\n)(?:(?!<!--).)*(<!-- end -->)", re.DOTALL)
VERSIONS = ("boto3", "aws-lambda-powertools", "chalice", "awslambdaric")
MEMORY_SIZES = (256, 512, 1024, 1769)


@dataclass(frozen=True)
class Ratio:
    """The median and the quartiles of the ratio of two measures in the same round."""

    median: float
    lower: float
    upper: float

    @classmethod
    def of(cls, values: Sequence[float], references: Sequence[float]) -> Ratio:
        pairs = zip(values, references, strict=True)
        ratios = [value / reference for value, reference in pairs]
        if len(ratios) < 2:
            return cls(ratios[0], ratios[0], ratios[0])
        lower, middle, upper = quantiles(ratios, method="inclusive")
        return cls(middle, lower, upper)

    def __str__(self) -> str:
        return f"**{self.median:.2f}** ({self.lower:.2f}\N{EN DASH}{self.upper:.2f})"


def milliseconds(seconds: Sequence[float]) -> str:
    return f"{digits(median(seconds) * 1000)} ms"


def megabytes(sizes: Sequence[float]) -> str:
    return f"{digits(median(sizes) / 1e6)} MB"


def digits(value: float) -> str:
    """Return the value with three digits, or with all digits before the decimal point."""
    return f"{value:,.0f}" if value >= 100 else f"{value:.1f}" if value >= 10 else f"{value:.2f}"


class Row(NamedTuple):
    """One row of a table: a measure of one scenario, with a figure for each candidate."""

    title: str
    scenario: str
    measure: Callable[[Start], float]
    format: Callable[[Sequence[float]], str] = milliseconds


START = [
    Row("start, CPU", "plain", lambda start: start.init.cpu),
    Row("start, wall", "plain", lambda start: start.init.wall),
    Row("first call, CPU", "plain", lambda start: start.first.cpu),
    Row("first call with TLS, CPU", "tls", lambda start: start.first.cpu),
    Row("first call with TLS, wall", "tls", lambda start: start.first.wall),
    Row("the same with `AWS_CA_BUNDLE`, CPU", "one root", lambda start: start.first.cpu),
    Row("start and first call with TLS, CPU", "tls", lambda start: start.cold.cpu),
    Row("start and first call with TLS, wall", "tls", lambda start: start.cold.wall),
    Row("peak memory", "plain", lambda start: start.peak_bytes, megabytes),
]
WARM = [
    Row("1 kB, p50", "plain", lambda start: start.warm_wall(50)),
    Row("1 kB, p99", "plain", lambda start: start.warm_wall(99)),
    Row("1 kB, CPU of a call", "plain", lambda start: start.warm_cpu()),
    Row("1 MB, p50", "large", lambda start: start.warm_wall(50)),
    Row("1 MB, CPU of a call", "large", lambda start: start.warm_cpu()),
    Row("1 MB, peak memory", "large", lambda start: start.peak_bytes, megabytes),
    Row("4.5 MB, CPU of a call", "largest", lambda start: start.warm_cpu()),
    Row("4.5 MB, peak memory", "largest", lambda start: start.peak_bytes, megabytes),
]
SIZES = [
    Row("start, CPU", "tables", lambda start: start.init.cpu),
    Row("start and first call, CPU", "tables", lambda start: start.cold.cpu),
    Row("warm, p50", "tables", lambda start: start.warm_wall(50)),
    Row("peak memory", "tables", lambda start: start.peak_bytes, megabytes),
]
AUTHORIZER = [
    Row("start, CPU", "authorizer", lambda start: start.init.cpu),
    Row("first call with TLS, CPU", "authorizer", lambda start: start.first.cpu),
    Row("start and first call, CPU", "authorizer", lambda start: start.cold.cpu),
    Row("start and first call, wall", "authorizer", lambda start: start.cold.wall),
    Row("warm, p50", "authorizer", lambda start: start.warm_wall(50)),
    Row("warm, CPU of a call", "authorizer", lambda start: start.warm_cpu()),
    Row("peak memory", "authorizer", lambda start: start.peak_bytes, megabytes),
]

SECTIONS = {"start": START, "warm": WARM, "sizes": SIZES, "authorizer": AUTHORIZER}


def blocks(
    compared: Sequence[Scenario],
    results: Mapping[str, Results],
    parts: Parts,
    conditions: str,
) -> dict[str, str]:
    """Return the content of each place on the page, by the place's name.

    Args:
        compared: The scenarios that were run.
        results: The results by the name of the scenario.
        parts: The parts of a warm call.
        conditions: The text of `conditions()`.
    """
    tables = {
        name: _measures(rows, results)
        for name, rows in SECTIONS.items()
        if rows[0].scenario in results
    }
    if scenarios.GATEWAY in results["authorizer"]:
        tables["memory"] = _memory(results["authorizer"])
    tables["bill"] = _markdown(bill.rows(results["plain"]))
    return {**tables, "split": _parts(parts), "zip": _zips(compared), "conditions": conditions}


def _measures(rows: Sequence[Row], results: Mapping[str, Results]) -> str:
    """Return a table with a column for each candidate, and each figure's ratio to the first's."""
    names = list(results[rows[0].scenario])
    lines = [["", *names]]
    for row in rows:
        starts = results[row.scenario]
        values = {
            name: [row.measure(start) for start in starts[name]] for name in names if name in starts
        }
        first = values[names[0]]
        lines.append([row.title, row.format(first)])
        for name in names[1:]:
            own = values.get(name)
            lines[-1].append(f"{row.format(own)} · {Ratio.of(own, first)}" if own else "")
    return _markdown(lines)


def _zips(compared: Sequence[Scenario]) -> str:
    """Return a table of the zips' sizes, without those of a single file."""
    candidates = next(scenario.candidates for scenario in compared if scenario.name == "plain")
    sizes = [(one.name, one.package.zip_bytes, one.package.zip_files) for one in candidates]
    rows = [[name, megabytes([size]), f"{files:,}"] for name, size, files in sizes if files > 1]
    return _markdown([["", "zip", "files"], *rows])


def _memory(results: Results) -> str:
    """Return a table of the times for each memory size, from its share of a CPU."""
    handler, authorizer = results[scenarios.GATEWAY], results[scenarios.AUTHORIZER]
    cold = [median([start.cold.cpu for start in starts]) for starts in (authorizer, handler)]
    warm = median([start.warm_cpu() for start in handler])
    lines = [
        [
            "memory",
            "CPUs",
            "authorizer, cold",
            "handler, cold",
            "both, one after the other",
            "a warm call",
        ]
    ]
    for size in MEMORY_SIZES:
        share = size / ONE_CPU_MB
        figures = [f"{digits(seconds * 1000 / share)} ms" for seconds in (*cold, sum(cold), warm)]
        lines.append([f"{size:,} MB", f"{share:.2f}", *figures])
    return _markdown(lines)


def _parts(parts: Parts) -> str:
    """Return a table of the parts of a warm call, with two columns for each size of the body."""
    titles = {scenarios.SMALL: "1 kB", scenarios.LARGE: "1 MB"}
    lines = [["part"] + [f"{titles[size]}, {unit}" for size in parts for unit in ("µs", "share")]]
    total = {size: sum(map(median, by_part.values())) for size, by_part in parts.items()}
    for part in next(iter(parts.values())):
        lines.append([part])
        for size, by_part in parts.items():
            seconds = median(by_part[part])
            lines[-1] += [f"{seconds * 1e6:,.0f}", f"{seconds / total[size]:.0%}"]
    lines.append(
        ["together"] + [cell for size in parts for cell in (f"{total[size] * 1e6:,.0f}", "")]
    )
    return _markdown(lines)


def conditions(rounds: int, calls: int) -> str:
    """Return the conditions of the measurement: the machine, the versions, and the counts."""
    versions = ", ".join(f"{name} {version(name)}" for name in VERSIONS)
    return (
        f"{os.cpu_count()} cores, Python {platform.python_version()}, {versions}; "
        f"{rounds} rounds, {calls} warm calls in each."
    )


def _markdown(lines: Sequence[Sequence[str]]) -> str:
    head, *rows = lines
    return "\n".join(f"| {' | '.join(cells)} |" for cells in (head, ["---"] * len(head), *rows))


def filled(text: str, blocks: Mapping[str, str]) -> str:
    """Return the text of the page with these blocks in its places.

    Raises:
        ValueError: The page has places for other blocks.
    """
    places = {match[2] for match in BLOCK.finditer(text)}
    if places != blocks.keys():
        raise ValueError(
            f"docs/performance.md has places for {sorted(places)}, not {sorted(blocks)}"
        )
    return BLOCK.sub(lambda match: f"{match[1]}{blocks[match[2]]}\n{match[3]}", text)


def write(blocks: Mapping[str, str]) -> None:
    """Write these blocks into their places on the page, as `filled` does."""
    PAGE.write_text(filled(PAGE.read_text(encoding="utf-8"), blocks), encoding="utf-8")
