"""The fault matrix is complete (N1)."""

import ast
import re

from tests.faults.report import Report
from tests.faults.rows import ROWS
from tests.support.paths import ROOT

TESTS = ROOT / "tests"
PAGE = ROOT / "docs" / "reliability.md"


def rows_in(file):
    """List every row that a module names in the matrix's `row(…)`."""
    source = file.read_bytes()
    if b"from tests.faults.rows import" not in source:
        return
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "row":
            yield from (argument.value for argument in node.args)


def test_every_row_has_a_test():
    """Every row has a test, and tests name only rows of the matrix."""
    proven = {row for file in TESTS.rglob("test_*.py") for row in rows_in(file)}

    assert sorted(set(ROWS) - proven) == []
    assert sorted(proven - set(ROWS)) == []


def test_every_row_is_documented():
    """docs/reliability.md has the same rows in the same order."""
    assert re.findall(r"^\| ([A-Z]\d+) \|", PAGE.read_text(), re.MULTILINE) == list(ROWS)


def test_report():
    """A row passes if all its tests do, and shows what they saw, each text once."""
    report = Report()
    report.ended(["U1", "U2"], "passed")
    report.ended(["U2"], "failed")
    for _ in range(2):
        report.saw(["U1"], "503 upstream-throttled")

    shown = {line[:4].strip(): line for line in report.lines() if line.endswith(("yes", "NO"))}
    assert shown["U1"].endswith("yes")
    assert shown["U1"].count("503 upstream-throttled") == 2  # expected, and seen
    assert shown["U2"].endswith("NO")
