"""The evaluator of metric filters gives what the documentation says."""

import pytest

from tests.support.filter_patterns import UnknownPattern, Unspecified, fields_of, matches

BUG = '{ $.message = "bug" }'
TWO = '{ $.message = "credential" && $.reason != "timeout" }'


@pytest.mark.parametrize(
    ("pattern", "line", "matched"),
    [
        (BUG, '{"message": "bug"}', True),
        (BUG, '{"message": "bugs"}', False),
        (BUG, '{"other": "bug"}', False),
        (BUG, '{"message": {"message": "bug"}}', False),
        (BUG, '"bug"', False),
        (BUG, "bug", False),
        (TWO, '{"message": "credential", "reason": "http-500"}', True),
        (TWO, '{"message": "credential", "reason": "timeout"}', False),
        (TWO, '{"message": "request"}', False),
    ],
)
def test_matches(pattern, line, matched):
    """A line counts if it is an object whose fields fulfil every condition."""
    assert matches(pattern, line) == matched


@pytest.mark.parametrize(
    "pattern",
    [
        "bug",
        '{ $.message = "b*" }',
        "{ $.status >= 500 }",
        "{ $.reason NOT EXISTS }",
        '{ $.a = "b" || $.c = "d" }',
        "{ }",
    ],
)
def test_refused(pattern):
    """What the evaluator does not know, it refuses."""
    with pytest.raises(UnknownPattern):
        matches(pattern, "{}")


def test_unspecified():
    """Whether a field that is missing is unequal to a text is not documented."""
    with pytest.raises(Unspecified):
        matches(TWO, '{"message": "credential"}')


def test_fields():
    """The fields of a pattern are known by name."""
    assert fields_of(TWO) == {"message", "reason"}
