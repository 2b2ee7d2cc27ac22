"""`benchmarks`: how ratios are computed, and what is written to the page."""

import functools
import importlib

import pytest

from benchmarks import bill, parts, report
from benchmarks.function import Usage
from benchmarks.report import Ratio
from benchmarks.scenarios import FIVE_LINES, GATEWAY, Start

PAGE = "before\n<!-- bench: a -->\nold\nrows\n<!-- end -->\n<!-- bench: b -->\n<!-- end -->\n"


def test_ratios_are_taken_round_by_round():
    """A round in which the machine is slow for both candidates does not change the ratio."""
    ratio = Ratio.of([1.0, 10.0, 1.0, 1.0], [2.0, 20.0, 2.0, 2.0])

    assert (ratio.lower, ratio.median, ratio.upper) == (0.5, 0.5, 0.5)


def test_ratio_has_its_spread():
    """A ratio is printed with its quartiles, so that readers see a noisy measurement."""
    ratio = Ratio.of([1.0, 2.0, 3.0, 4.0, 5.0], [1.0] * 5)

    assert str(ratio) == "**3.00** (2.00\N{EN DASH}4.00)"


def test_only_the_blocks_are_written():
    """The text around the blocks stays, and a second run changes nothing."""
    first = report.filled(PAGE, {"a": "new", "b": "too"})

    assert first == (
        "before\n<!-- bench: a -->\nnew\n<!-- end -->\n<!-- bench: b -->\ntoo\n<!-- end -->\n"
    )
    assert report.filled(first, {"a": "new", "b": "too"}) == first


@pytest.mark.parametrize("blocks", [{"a": ""}, {"a": "", "b": "", "c": ""}])
def test_every_block_has_its_place(blocks):
    """A table without a place, or a place without a table, is an error."""
    with pytest.raises(ValueError, match=r"has places for \['a', 'b'\]"):
        report.filled(PAGE, blocks)


def test_bill_of_a_million_calls():
    """A millisecond of CPU is 1.73 ms of a function with 1,024 MB, and a GB of log 0.50 USD."""
    nothing = Usage(0.0, 0.0)
    start = Start(nothing, nothing, (Usage(0.001, 0.002),) * 2, 0, log_bytes=2_000)

    table = {title: cells for title, *cells in bill.rows({FIVE_LINES: [start], GATEWAY: [start]})}

    assert table["Lambda, while the model works for 50 ms"] == ["0.83", "0.83"]
    assert table["Lambda, for the handler's own CPU time"] == ["0.03", "0.03"]
    assert table["CloudWatch, for the log"][0] == "0.64"  # and 270 bytes of Lambda's
    assert table["together"][0] == "5.20"


@pytest.mark.parametrize("function", [name for names in parts.PARTS.values() for name in names])
def test_timed_functions_exist(function):
    """The functions that are timed exist under the names by which they are replaced."""
    module, _, path = function.partition(":")

    assert callable(functools.reduce(getattr, path.split("."), importlib.import_module(module)))
