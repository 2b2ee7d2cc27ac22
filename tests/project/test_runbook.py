"""docs/runbook.md has a section for each alarm and each error, and names the saved queries."""

import json
import re

import pytest

from deployment.fragment import RESPONSES, fragment_of
from tests.project.test_docs import CLASSES, DOCS, PROJECT, code, rows, section
from tests.project.test_links import anchors

PAGE = (DOCS / "runbook.md").read_text(encoding="utf-8")
QUERIES = {file.stem for file in (PROJECT / "deployment/queries").glob("*.txt")}
ALARMS = json.loads((PROJECT / "deployment/alarms.json").read_bytes())
POINTS = ["Means", "Query", "Look at", "Do", "Over"]
TICKETS = {
    *("unknown-model", "no-such-artifact", "unauthorized"),
    *("model-rejected-input", "payload-too-large"),
}
"""The errors with a status of 4xx that have a section: their cause is not in the response."""

SECTIONS = re.findall(r"^### (\S+)$", PAGE, re.MULTILINE)
MAX_LINES = 400


def test_sections():
    """Each alarm, each error with a status of 5xx, and some others have one section."""
    failures = {error.slug for error in CLASSES if error.status >= 500}

    assert sorted(SECTIONS) == sorted(ALARMS.keys() | failures | TICKETS)


def test_anchors_in_the_template():
    """Each place on the page that the template names is there."""
    named = set(re.findall(r"docs/runbook\.md#([\w-]+)", json.dumps(fragment_of("dev"))))

    assert named <= anchors(PAGE)


@pytest.mark.parametrize("title", SECTIONS)
def test_points(title):
    """Each section has the same points in the same order, and its query is a saved one."""
    points = dict(re.findall(r"^- \*\*(.+?)\*\*: (.+)$", section(PAGE, title), re.MULTILINE))

    assert list(points) == POINTS
    assert {name for name in QUERIES if f"`{name}`" in points["Query"]}


def test_queries():
    """The page lists the saved queries, and leads to each of them from another place."""
    listed = [code(name) for name, _ in rows(PAGE, "query")]

    assert sorted(listed) == sorted(QUERIES)
    assert [name for name in listed if PAGE.count(f"`{name}`") < 2] == []


def test_responses_of_api_gateway():
    """Each response that API Gateway makes itself has one row."""
    cells = [cell for cell, *_ in rows(PAGE, "`refused_as`")]
    named = [name for cell in cells for name in re.findall(r"`([A-Z_0-9]+)`", cell)]

    assert sorted(named) == sorted(RESPONSES)


def test_length():
    """The page is short enough to be used in a hurry."""
    assert len(PAGE.splitlines()) <= MAX_LINES
