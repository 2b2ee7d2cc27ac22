"""Content-Type and Accept in the unusual forms that a caller may send.

The usual forms, and all other refusals, are tested through HTTP: `test_negotiation.py`,
`test_headers.py` and `test_order_of_checks.py` in tests/functional.
"""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from chalicelib.payload.admission import media_type_of, negotiate

OFFERS = ("application/json", "text/csv", "text/plain")


@pytest.mark.parametrize(
    ("media_type", "expected"),
    [
        ("Application/JSON", "application/json"),
        (" text/csv ; header=present", "text/csv"),
        ("text/csv;", "text/csv"),
        (";text/csv", ""),
        ("", ""),
    ],
)
def test_media_type(media_type, expected):
    """Parameters and upper case do not make another media type."""
    assert media_type_of(media_type) == expected


@pytest.mark.parametrize(
    ("accept", "expected"),
    [
        pytest.param("text/html, */*;q=0.1", None, id="anything-else"),
        pytest.param("text/plain;q=0.2, text/csv;q=0.3", "text/csv", id="two-q"),
        pytest.param("text/plain;q=1.000, text/csv", "text/plain", id="q-of-one"),
        pytest.param("text/csv;level=1;q=0.1, text/plain;q=0.2", "text/plain", id="q-comes-last"),
        pytest.param("text/*;q=0.5, text/csv;q=0.1", "text/plain", id="narrowest-range-decides"),
        pytest.param("*/*, text/*;q=0", "application/json", id="anything-but-a-range"),
        pytest.param("text/*;q=0, text/csv", "text/csv", id="one-type-of-a-refused-range"),
        pytest.param("text/csv, text/csv;q=0", "text/csv", id="first-of-two-counts"),
        pytest.param("text/csv;q=-1, text/plain", "text/plain", id="q-below-zero"),
        pytest.param("text/csv;q=, text/plain;q=0.9", "text/csv", id="q-is-empty"),
        pytest.param("text/csv;q=inf, text/plain", "text/csv", id="q-is-infinite"),
    ],
)
def test_accept(accept, expected):
    """The offer that the caller prefers is chosen, or none if the caller prefers none."""
    assert negotiate(accept, OFFERS) == expected


@pytest.mark.parametrize("accept", ["application/*;q=0.0", ",;", "x"])
def test_no_acceptable_offer(accept):
    """An Accept header that allows no offer is an error."""
    with pytest.raises(LookupError):
        negotiate(accept, OFFERS)


@given(st.text(alphabet="tex/csvplainaj*,;=q01. ") | st.text())
@settings(max_examples=300, deadline=None)
def test_any_accept(accept):
    """Any text is an Accept header: it allows one offer, all offers, or no offer."""
    try:
        assert negotiate(accept, OFFERS) in {None, *OFFERS}
    except LookupError:
        assert accept.strip() not in {"", "*/*"}
