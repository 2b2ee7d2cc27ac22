"""Which of the possible answers an Accept header asks for."""

import pytest

from sagemaker_local.modelserver.errors import NotAcceptable
from sagemaker_local.modelserver.media_types import CSV, JSON, essence, negotiate


@pytest.mark.parametrize(
    ("accept", "expected"),
    [
        ("", JSON),
        ("*/*", JSON),
        ("application/*", JSON),
        ("application/json", JSON),
        ("APPLICATION/JSON", JSON),
        ("application/json;charset=utf-8", JSON),
        ("application/json, text/plain, */*", JSON),
        ("text/html, */*;q=0.8", JSON),
        ("text/csv", CSV),
        ("text/csv; header=absent", CSV),
        ("text/*", CSV),
        ("text/csv, */*", CSV),
        ("text/csv, application/json", CSV),
        ("application/json, text/csv", JSON),
        ("application/json;q=0.5, text/csv", CSV),
        ("application/json;q=0.5, text/csv;q=0.4", JSON),
        ("application/json;q=0.1, */*", CSV),
        ("*/*, application/json;q=0", CSV),
        ("text/csv;q=nonsense, application/json;q=0.1", JSON),
        (", ,text/csv,", CSV),
    ],
)
def test_negotiate(accept, expected):
    """Quality first, then place; the most precise range decides about a type."""
    assert expected == negotiate(accept, [JSON, CSV])


@pytest.mark.parametrize(
    "accept", ["image/png", "text/csv;q=0", "*/*;q=0", "json", "text/csv;q=nan", "\udcff/\udcff"]
)
def test_nothing_in_common(accept):
    """What rules everything out, or cannot be understood, is refused."""
    with pytest.raises(NotAcceptable, match="application/json or text/csv"):
        negotiate(accept, [JSON, CSV])


def test_essence():
    """A type is compared without parameters and case."""
    assert essence(" Application/JSON ;charset=utf-8") == "application/json"
