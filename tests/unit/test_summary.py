"""The summary of the calls that `make run` prints at its end."""

import tracemalloc

from local_stack.summary import MOST_MODELS, MOST_ROWS, OTHERS, Summary
from tests.support.memory import allocated_by


def test_nothing():
    """Without a call there is no summary."""
    assert list(Summary().lines()) == []


def test_table():
    """Calls, errors and times of each model, the one with most calls first, else by name."""
    summary = Summary()
    for number in range(100):
        summary.add("wine", 200 if number else 502, 10 if number < 98 else 4_321)
    for name in ("b", "a"):
        summary.add(name, 404, 0.4)

    assert [line.split() for line in summary.lines()] == [
        ["model", "calls", "errors", "p50", "ms", "p99", "ms"],
        ["wine", "100", "1", "10", "4,300"],
        ["a", "1", "1", "0", "0"],
        ["b", "1", "1", "0", "0"],
    ]


def test_jobs():
    """With a job there is a column for jobs; one that fails later is an error of its model."""
    summary = Summary()
    for status in (202, 202, 200, 404):
        summary.add("iris", status, 3)
    summary.job_failed("iris")
    summary.job_failed("submitted before this start")

    assert [line.split() for line in summary.lines()] == [
        ["model", "calls", "jobs", "errors", "p50", "ms", "p99", "ms"],
        ["iris", "4", "2", "2", "3", "3"],
    ]


def test_many_models():
    """The models with most calls are shown, and how many others there were."""
    summary = Summary()
    for number in range(MOST_ROWS + 2):
        summary.add(f"m{number:02}", 200, 1)

    lines = list(summary.lines())
    assert len(lines) == 1 + MOST_ROWS + 1
    assert lines[-1] == "and 2 models with fewer calls"


def test_memory():
    """A million different times and more models than it counts take a limited memory."""
    summary = Summary()
    for number in range(MOST_MODELS + 3):
        summary.add(str(number), 200, 1)
    tracemalloc.start()
    for number in range(200_000):
        summary.add("0", 200, number)
        summary.add(f"new {number}", 200, number)
    grown = allocated_by("local_stack", "gatewayctl")
    tracemalloc.stop()

    assert grown < 200_000
    assert [line.split()[:2] for line in summary.lines()][1:3] == [
        [OTHERS, "200,003"],
        ["0", "200,001"],
    ]
