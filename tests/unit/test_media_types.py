"""What an Accept header makes of the media types that are offered."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from chalicelib.payload.admission import media_type_of, negotiate

OFFERS = ("application/json", "text/csv", "text/plain")


@pytest.mark.parametrize(
    ("media_type", "expected"),
    [
        ("application/json", "application/json"),
        ("Application/JSON", "application/json"),
        (" text/csv ; header=present", "text/csv"),
        ("text/csv;", "text/csv"),
        (";text/csv", ""),
        ("", ""),
    ],
)
def test_essence(media_type, expected):
    """Parameters and case do not make another media type."""
    assert media_type_of(media_type) == expected


@pytest.mark.parametrize(
    ("accept", "expected"),
    [
        pytest.param("", None, id="nothing-said"),
        pytest.param("*/*", None, id="anything"),
        pytest.param("text/html, */*;q=0.1", None, id="anything-else"),
        pytest.param("text/csv", "text/csv", id="one"),
        pytest.param("text/plain, text/csv", "text/plain", id="the-caller's-order"),
        pytest.param("text/*", "text/csv", id="range-takes-our-order"),
        pytest.param("text/plain;q=0.2, text/csv;q=0.3", "text/csv", id="q"),
        pytest.param("text/plain;q=1.000, text/csv", "text/plain", id="q-of-one"),
        pytest.param("text/csv;level=1;q=0.1, text/plain;q=0.2", "text/plain", id="q-comes-last"),
        pytest.param("text/*;q=0.5, text/csv;q=0.1", "text/plain", id="narrowest-range-decides"),
        pytest.param("*/*, text/csv;q=0", "application/json", id="anything-but-one"),
        pytest.param("*/*, text/*;q=0", "application/json", id="anything-but-a-range"),
        pytest.param("text/*;q=0, text/csv", "text/csv", id="one-of-a-refused-range"),
        pytest.param("text/csv, text/csv;q=0", "text/csv", id="the-first-of-two-counts"),
        pytest.param("text/csv;q=-1, text/plain", "text/plain", id="q-below-zero"),
        pytest.param("text/csv;q=, text/plain;q=0.9", "text/csv", id="q-that-cannot-be-read"),
        pytest.param("text/csv;q=inf, text/plain", "text/csv", id="q-is-infinite"),
    ],
)
def test_chosen(accept, expected):
    """The offer that the caller likes best, or none in particular."""
    assert negotiate(accept, OFFERS) == expected


@pytest.mark.parametrize(
    "accept", ["text/html", "image/*", "*/*;q=0", "text/csv;q=0", "application/*;q=0.0", ",;", "x"]
)
def test_nothing_in_common(accept):
    """That is for the caller to decide, with what there is."""
    with pytest.raises(LookupError):
        negotiate(accept, OFFERS)


@given(st.text(alphabet="tex/csvplainaj*,;=q01. ") | st.text())
@settings(max_examples=300, deadline=None)
def test_whatever_is_accepted(accept):
    """Any text is an Accept header: it likes an offer, any of them, or none."""
    try:
        assert negotiate(accept, OFFERS) in {None, *OFFERS}
    except LookupError:
        assert accept.strip() not in {"", "*/*"}
