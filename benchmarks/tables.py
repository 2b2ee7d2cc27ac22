"""The tables of docs/performance.md, made from what was measured."""

from __future__ import annotations

import os
import platform
import statistics
from importlib.metadata import version
from typing import TYPE_CHECKING, NamedTuple

from benchmarks import contenders
from benchmarks.figures import Ratio, digits, megabytes, milliseconds

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from benchmarks.contenders import Race
    from benchmarks.race import Results, Start

VERSIONS = ("boto3", "aws-lambda-powertools", "chalice", "awslambdaric")
MEMORY_SIZES = (256, 512, 1024, 1769)
ONE_CPU_MB = 1769
"""https://docs.aws.amazon.com/lambda/latest/dg/configuration-memory.html"""


class Row(NamedTuple):
    """One measure of one race, a figure for each contender."""

    title: str
    race: str
    take: Callable[[Start], float]
    written: Callable[[Sequence[float]], str] = milliseconds


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
    races: Sequence[Race],
    measured: Mapping[str, Results],
    parts: Mapping[int, Mapping[str, Sequence[float]]],
    conditions: str,
) -> dict[str, str]:
    """By name, for what was measured."""
    made = {
        name: measures(rows, measured)
        for name, rows in SECTIONS.items()
        if rows[0].race in measured
    }
    if contenders.GATEWAY in measured["authorizer"]:
        made["memory"] = memory(measured)
    return {**made, "split": split(parts), "zip": zips(races), "conditions": conditions}


def measures(rows: Sequence[Row], measured: Mapping[str, Results]) -> str:
    """A column for each contender; each figure with its ratio to the first one's."""
    names = list(measured[rows[0].race])
    lines = [["", *names]]
    for row in rows:
        results = measured[row.race]
        taken = {
            name: [row.take(start) for start in results[name]] for name in names if name in results
        }
        first = taken[names[0]]
        lines.append([row.title, row.written(first)])
        for name in names[1:]:
            mine = taken.get(name)
            lines[-1].append(f"{row.written(mine)} · {Ratio.of(mine, first)}" if mine else "")
    return markdown(lines)


def zips(races: Sequence[Race]) -> str:
    """What is uploaded, and unpacked at a cold start; a single file is not worth a line."""
    everybody = next(race.contenders for race in races if race.name == "plain")
    sizes = [(one.name, one.package.zip_bytes, one.package.zip_files) for one in everybody]
    rows = [[name, megabytes([size]), f"{files:,}"] for name, size, files in sizes if files > 1]
    return markdown([["", "zip", "files"], *rows])


def memory(measured: Mapping[str, Results]) -> str:
    """What the CPU time measured comes to with the part of a CPU that a memory size brings."""
    results = measured["authorizer"]
    handler, authorizer = results[contenders.GATEWAY], results[contenders.AUTHORIZER]
    cold = [_median([one.cold.cpu for one in starts]) for starts in (authorizer, handler)]
    warm = _median([one.warm_cpu() for one in handler])
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
    return markdown(lines)


def split(parts: Mapping[int, Mapping[str, Sequence[float]]]) -> str:
    """A column for each size of body."""
    titles = {contenders.SMALL: "1 kB", contenders.LARGE: "1 MB"}
    lines = [["part"] + [f"{titles[size]}, {unit}" for size in parts for unit in ("µs", "share")]]
    whole = {size: sum(map(_median, taken.values())) for size, taken in parts.items()}
    for part in next(iter(parts.values())):
        lines.append([part])
        for size, taken in parts.items():
            seconds = _median(taken[part])
            lines[-1] += [f"{seconds * 1e6:,.0f}", f"{seconds / whole[size]:.0%}"]
    lines.append(
        ["together"] + [cell for size in parts for cell in (f"{whole[size] * 1e6:,.0f}", "")]
    )
    return markdown(lines)


def conditions(rounds: int, calls: int) -> str:
    """Under which all of it was measured."""
    versions = ", ".join(f"{name} {version(name)}" for name in VERSIONS)
    return (
        f"{os.cpu_count()} cores, Python {platform.python_version()}, {versions}; "
        f"{rounds} rounds, {calls} warm calls in each."
    )


def markdown(lines: Sequence[Sequence[str]]) -> str:
    head, *rows = lines
    return "\n".join(f"| {' | '.join(cells)} |" for cells in (head, ["---"] * len(head), *rows))


def _median(values: Sequence[float]) -> float:
    return statistics.median(values)
