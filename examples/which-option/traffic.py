"""Calls each model once, and makes a week of traffic from what the gateway logged.

    traffic.py call URL KEY_FILE            one call of each model
    traffic.py week GATEWAY_LOG > week.log  a week of lines like those of the calls

Nobody waits a week to read an example. So the arrivals of the week are made up, and so are the
times: with the same numbers in every run, and as the table WEEK says. Everything else of a line is
as the gateway wrote it for the call. The week begins at the midnight after it.
"""

from __future__ import annotations

import json
import random
import sys
import urllib.request
from datetime import datetime, timedelta
from math import cos, pi
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterator

DAYS = 7
TIME = "%Y-%m-%d %H:%M:%S,%f%z"
SPREAD = 0.3  # of the times: most of the calls take between 0.7 and 1.3 times the usual time

DIGIT = [
    *(0, 0, 7, 8, 13, 16, 15, 1, 0, 0, 7, 7, 4, 11, 12, 0, 0, 0, 0, 0, 8, 13, 1, 0),
    *(0, 4, 8, 8, 15, 15, 6, 0, 0, 2, 11, 15, 15, 4, 0, 0, 0, 0, 0, 16, 5, 0, 0, 0),
    *(0, 0, 9, 15, 1, 0, 0, 0, 0, 0, 13, 5, 0, 0, 0, 0),
]
PATIENT = [59, 2, 32.1, 101, 157, 93.2, 38, 4, 4.8598, 87]
WINE = [14.23, 1.71, 2.43, 15.6, 127.0, 2.8, 3.06, 0.28, 2.29, 5.64, 1.04, 3.92, 1065.0]


class Calls(NamedTuple):
    """How a model is called in the week."""

    an_hour: float
    """On average; at noon twice as often, at midnight not at all."""
    milliseconds: float
    """How long a call usually takes."""
    then: str | None = None
    """The model that the caller calls next, with the answer."""


WEEK = {
    **{f"shows-{digit}": Calls(6 + 2 * digit, 40) for digit in range(10)},
    "progress-linear": Calls(30, 25),
    "progress-boosted": Calls(20, 60),
    "wine-scale": Calls(25, 10, then="wine-class"),
}
NEXT = {"wine-class": 35.0}
"""The milliseconds of a model that is only called after another one."""


def call(url: str, key: str) -> None:
    """Call each model once."""
    rows = {name: DIGIT if name.startswith("shows-") else PATIENT for name in WEEK}
    rows["wine-scale"] = WINE
    for name, row in rows.items():
        answer = predict(url, key, name, {"instances": [row]})
        then = WEEK[name].then
        if then is not None:
            predict(url, key, then, answer)
    print(f"{len(WEEK) + len(NEXT)} models were called")


def predict(url: str, key: str, model: str, body: dict[str, Any]) -> dict[str, Any]:
    """Send a request for a prediction."""
    headers = {"Authorization": f"Bearer {key}", "Content-Type": "application/json"}
    request = urllib.request.Request(
        f"{url}/predict/{model}", json.dumps(body).encode(), headers=headers
    )
    with urllib.request.urlopen(request) as response:
        answer: dict[str, Any] = json.load(response)
    return answer


def week(log: Path) -> Iterator[str]:
    """Yield the lines of a week, in the order of their times."""
    examples = {line["model"]: line for line in requests(log) if line["status"] == 200}
    missing = sorted({*WEEK, *NEXT} - {*examples})
    if missing:
        sys.exit(f"error: {log} has no call of {', '.join(missing)}; run traffic.py call first")
    called = max(datetime.strptime(one["timestamp"], TIME) for one in examples.values())
    midnight = called.replace(hour=0, minute=0, second=0, microsecond=0) + timedelta(days=1)
    for moment, model, milliseconds in sorted(moments(midnight)):
        written = f"{moment:%Y-%m-%d %H:%M:%S,%f}"[:-3] + "+0000"
        yield json.dumps(
            {**examples[model], "timestamp": written, "model_ms": milliseconds, "artifact": None}
        )


def requests(log: Path) -> Iterator[dict[str, Any]]:
    """Yield the gateway's lines of requests; lines of others may stand between."""
    with log.open(encoding="utf-8", errors="replace") as lines:
        for line in lines:
            if '"message":"request"' in line.replace(" ", "") and "{" in line:
                members = json.loads(line[line.index("{") :])
                if "model" in members and "status" in members:
                    yield members


def moments(first: datetime) -> Iterator[tuple[datetime, str, float]]:
    """Yield when which model is called, and how many milliseconds it takes.

    Args:
        first: When the week begins.
    """
    for name, calls in WEEK.items():
        dice = random.Random(name)
        most = 2 * calls.an_hour
        hours = 0.0
        while (hours := hours + dice.expovariate(most)) < 24 * DAYS:
            if dice.random() < (1 - cos(2 * pi * hours / 24)) / 2:
                yield from conversation(name, calls, first + timedelta(hours=hours), dice)


def conversation(
    name: str, calls: Calls, start: datetime, dice: random.Random
) -> Iterator[tuple[datetime, str, float]]:
    """Yield a call, and the one that follows it."""
    milliseconds = round(calls.milliseconds * dice.lognormvariate(0, SPREAD), 1)
    end = start + timedelta(milliseconds=milliseconds)
    yield end, name, milliseconds
    if calls.then is not None:
        more = round(NEXT[calls.then] * dice.lognormvariate(0, SPREAD), 1)
        yield end + timedelta(milliseconds=5 + more), calls.then, more


if __name__ == "__main__":
    match sys.argv[1:]:
        case ["call", url, key_file]:
            call(url, Path(key_file).read_text(encoding="utf-8").strip())
        case ["week", log]:
            for line in week(Path(log)):
                print(line)
        case _:
            sys.exit(__doc__)
