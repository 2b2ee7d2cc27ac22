"""Accept: what the gateway asks the model for."""

import pytest

from tests.support.gateway import FixedTable, build_gateway, table
from tests.support.problems import assert_problem

AXIOS = "application/json, text/plain, */*"
BROWSER = "text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,image/webp,*/*;q=0.8"

# `picture` answers application/json, text/csv and image/png.
ACCEPTS = [
    pytest.param(None, None, id="absent"),
    pytest.param("", None, id="empty"),
    pytest.param("*/*", None, id="anything"),
    pytest.param(AXIOS, "application/json", id="axios"),
    pytest.param(BROWSER, None, id="browser"),
    pytest.param("text/html, image/gif, *; q=.2, */*; q=.2", None, id="java"),
    pytest.param("text/csv", "text/csv", id="one"),
    pytest.param("TEXT/CSV", "text/csv", id="case"),
    pytest.param("text/csv;header=present", "text/csv;header=present", id="parameters"),
    pytest.param("text/csv ; a=1;; b=2 ;", "text/csv; a=1; b=2", id="several-parameters"),
    pytest.param("Text/CSV;Header=Yes", "text/csv;Header=Yes", id="case-of-parameters"),
    pytest.param("text/csv; header=yes;q=0.1", "text/csv; header=yes", id="all-but-q"),
    pytest.param("text/csv;q=0.1; header=yes", "text/csv; header=yes", id="after-q"),
    pytest.param("text/csv;header=yes;q=0.5, text/csv", "text/csv", id="two-forms-by-q"),
    pytest.param("text/csv;header=yes, text/csv", "text/csv;header=yes", id="two-forms"),
    pytest.param("text/csv;q=0, text/csv;header=yes", "text/csv;header=yes", id="not-the-bare"),
    pytest.param("text/csv;header=yes;q=0, text/csv", "text/csv", id="only-the-bare"),
    pytest.param("text/csv;header=yes;q=0, */*", None, id="anything-but-a-form"),
    pytest.param("text/html;level=1, text/csv;header=yes", "text/csv;header=yes", id="second"),
    pytest.param('text/csv; n="a,b;q=0,c"', 'text/csv; n="a,b;q=0,c"', id="quoted"),
    pytest.param(r'text/csv;n="a\",b", image/png', r'text/csv;n="a\",b"', id="quoted-quote"),
    pytest.param('text/csv;n="a, image/png', 'text/csv;n="a, image/png', id="open-quote"),
    pytest.param("image/*;size=2", "image/png;size=2", id="range-with-parameters"),
    pytest.param("*/*;verbose=true", "application/json;verbose=true", id="anything-with"),
    pytest.param("*/*;q=0.5", None, id="anything-with-q"),
    pytest.param("image/png;" + "a" * 1014, "image/png;" + "a" * 1014, id="longest"),
    pytest.param("image/*", "image/png", id="range"),
    pytest.param("image/png, text/csv", "image/png", id="first-of-the-caller"),
    pytest.param("image/png;q=0.5, text/csv", "text/csv", id="by-q"),
    pytest.param("image/png;q=0.5, text/csv;Q=0.5", "image/png", id="same-q"),
    pytest.param("text/html, text/csv;q=0.1", "text/csv", id="only-the-second"),
    pytest.param("text/csv;q=0, image/png", "image/png", id="q-zero"),
    pytest.param("text/*, text/csv;q=0, image/png;q=0.1", "image/png", id="refused-in-range"),
    pytest.param("*/*, application/json;q=0", "text/csv", id="anything-but"),
    pytest.param("*/*;q=0, text/csv", "text/csv", id="nothing-but"),
    pytest.param("text/csv;q=zero", "text/csv", id="q-is-no-number"),
    pytest.param("text/csv;q=nan", "text/csv", id="q-is-nan"),
    pytest.param("text/csv;q=7, image/png", "text/csv", id="q-above-one"),
    pytest.param(" , ,text/csv,", "text/csv", id="empty-items"),
]
REFUSED = [
    "text/html",
    "text",
    "csv",
    "*",
    "*/csv",
    "text/csvx",
    "audio/*",
    "text/csv;q=0",
    "*/*;q=0",
    ",",
    "application/json/x",
]


def accepting(accept):
    return {"Content-Type": "image/png"} | ({} if accept is None else {"Accept": accept})


@pytest.mark.parametrize(("accept", "asked"), ACCEPTS)
def test_accept(gateway, accept, asked):
    """The model is asked for the type that the caller likes best, of those that the model has.

    Parameters choose between answers of one type, so they go to the model as they were sent.
    """
    response = gateway.post("/predict/picture", b"?", accepting(accept))

    assert response.status == 200
    assert gateway.call.request.accept == asked


@pytest.mark.parametrize("accept", REFUSED)
def test_not_acceptable(gateway, accept):
    """Without a common type the response is a 406 that lists the types; no model is called."""
    response = gateway.post("/predict/picture", b"?", accepting(accept))

    problem = assert_problem(response, 406, "not-acceptable")
    assert "application/json, text/csv, image/png" in problem["detail"]
    assert gateway.runtime.calls == []


def test_accept_on_several_lines(deployed):
    """Accept may come in several lines (RFC 9110)."""
    lines = [("Accept", "text/html"), ("Accept", "image/png")]

    response = deployed.post("/predict/picture", b"?", [*lines, ("Content-Type", "image/png")])

    assert response.status == 200
    assert deployed.call.request.accept == "image/png"


@pytest.mark.parametrize(
    "accept",
    [
        "application/json, \x07",
        "text/cßv",
        "*/*\t",
        "a" * 1025,
        pytest.param("image/*;" + "a" * 1016, id="too-long-for-sagemaker"),
    ],
)
def test_accept_that_is_no_header(gateway, accept):
    """Accept must be printable ASCII within its limit."""
    response = gateway.post("/predict/picture", b"?", accepting(accept))

    problem = assert_problem(response, 400, "invalid-header")
    assert "Accept" in problem["detail"]


def test_header_names_have_no_case(gateway):
    """Names of headers have no case."""
    response = gateway.post(
        "/predict/iris", b"1", {"CONTENT-TYPE": "text/csv", "aCCEPT": "text/csv"}
    )

    assert response.status == 200
    assert gateway.call.request.accept == "text/csv"


@pytest.mark.parametrize(
    ("media_type", "status"),
    [
        ("application/json", 400),
        ("Application/JSON; charset=utf-8", 400),
        ("application/vnd.api+json", 400),
        ("text/csv", 200),
        ("application/jsonlines", 200),
    ],
)
def test_json_beside_other_types(media_type, status):
    """A body that is said to be JSON is checked, also if the model takes other types."""
    mixed = """\
version: 1
models:
  mixed:
    kind: single
    endpoint: e
    content_types: [text/csv, application/json, application/vnd.api+json, application/jsonlines]
"""
    gateway = build_gateway(source=FixedTable(table(mixed)))

    response = gateway.post("/predict/mixed", b"{}\n{}\n", {"Content-Type": media_type})

    assert response.status == status
