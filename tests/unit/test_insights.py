"""The evaluator of saved queries gives what the documentation of Logs Insights says."""

import json

import pytest

from tests.support.insights import (
    QUERIES,
    UnknownSyntax,
    Unspecified,
    events,
    fields_of,
    run,
    saved,
)

NAMES = sorted(file.stem for file in QUERIES.glob("*.txt"))


def found(query, *lines):
    """Run a query on these lines of JSON."""
    return run(query, events("\n".join(map(json.dumps, lines))))


FOUR = ({"ms": 10, "at": "a"}, {"ms": 30, "at": "a"}, {"ms": 20, "at": "b"}, {"other": 1})


@pytest.mark.parametrize(
    ("condition", "kept"),
    [
        ("ms = 20", ["20"]),
        ("ispresent(ms) and ms != 20", ["10", "30"]),
        ("ms >= 20", ["30", "20"]),
        ("ms < 20 or ms > 20", ["10", "30"]),
        ('at = "a" and (ms < 20 or ms > 100)', ["10"]),
        ('at in ["b", "c"]', ["20"]),
        ('@message like "30"', ["30"]),
        ("not ispresent(other) and ms > 10", ["30", "20"]),
        ('ms > 0 and not (@message like "30")', ["10", "20"]),
    ],
)
def test_filter(condition, kept):
    """An event is kept if its fields fulfil the condition; a field that is missing fulfils none.

    `like` with a text in quotes asks whether the field contains it.
    """
    rows = found(f"fields ms | filter {condition}", *FOUR)

    assert [row["ms"] for row in rows] == kept


def test_fields():
    """A row has the fields that were named and are there, as text; `as` names a new one."""
    query = 'fields a.b, list.1, coalesce(x, y, "-") as first, gone'

    assert found(query, {"a": {"b": 1.5}, "list": ["p", "q"], "y": 7, "x": None}, {"x": "X"}) == [
        {"a.b": "1.5", "list.1": "q", "first": "7"},
        {"first": "X"},
    ]


def test_line_that_is_no_json():
    """A line that is not JSON has its text and no other field."""
    assert run('fields @message, a | filter @message like "END"', events("END of it\n{}")) == [
        {"@message": "END of it"}
    ]


def test_order_and_limit():
    """`sort` orders by number, and `limit` keeps the first rows."""
    query = "fields ms | filter ispresent(ms) | sort ms desc | limit 2"

    assert found(query, *FOUR) == [{"ms": "30"}, {"ms": "20"}]


def test_groups():
    """`stats … by` makes a row for each value: the number, the kinds, the latest, the largest."""
    query = (
        "filter ispresent(ms) | stats count(*) as n, count_distinct(ms) as kinds,"
        " latest(ms) as last, max(ms) as most by at | sort n desc"
    )

    assert found(query, *FOUR, {"ms": 10, "at": "a"}) == [
        {"at": "a", "n": "3", "kinds": "2", "last": "10", "most": "30"},
        {"at": "b", "n": "1", "kinds": "1", "last": "20", "most": "20"},
    ]


def test_percentile():
    """`pct(ms, 99)` is the value that 99 % of the values do not exceed."""
    lines = [{"ms": number} for number in range(1, 101)]

    assert found("stats pct(ms, 50) as half, pct(ms, 99) as p99", *lines) == [
        {"half": "50", "p99": "99"}
    ]


def test_comment():
    """A line that begins with # is a comment."""
    assert found("# | limit 0\nfields ms | limit 1", *FOUR) == [{"ms": "10"}]


@pytest.mark.parametrize(
    "query",
    [
        "parse @message '*' as x",
        "fields a | dedup a",
        "filter a like /x/",
        "filter a ~= 1",
        "filter 'a' = 1",
        "stats avg(ms) as mean",
        "stats count(*) by bin(5m)",
        "fields ms * 2 as twice",
        "fields strlen(a) as n",
        "sort ms upward",
        "fields foo-bar",
        "limit",
    ],
)
def test_refused(query):
    """What the evaluator does not know, it refuses."""
    with pytest.raises(UnknownSyntax):
        found(query, *FOUR)


@pytest.mark.parametrize(
    "query",
    [
        pytest.param("fields ms | filter ms != 10", id="unequal-to-a-missing-field"),
        pytest.param("stats count(*) as n by at", id="group-by-a-missing-field"),
        pytest.param("fields ms | sort ms asc", id="order-by-a-missing-field"),
        pytest.param("fields ms | filter at > 1", id="text-and-number"),
        pytest.param('fields ms | filter at > "a"', id="order-of-texts"),
        pytest.param("fields yes", id="true"),
    ],
)
def test_unspecified(query):
    """What the documentation leaves open is not evaluated."""
    with pytest.raises(Unspecified):
        found(query, *FOUR, {"yes": True, "ms": 1})


@pytest.mark.parametrize("name", NAMES)
def test_saved(name):
    """Each saved query begins with a comment, can be evaluated, ends, and fits a definition."""
    text = saved(name)

    assert text.startswith("# ")
    assert run(text, []) == []
    assert fields_of(text)
    assert "\n| limit " in text
    assert len(text) <= 10_000


def test_placeholders():
    """A placeholder is replaced, and one that the query does not have is a mistake."""
    assert '"593f8e99"' in saved("request-by-id", request_id="593f8e99")
    with pytest.raises(AssertionError):
        saved("errors-by-slug", principal="web-shop")
