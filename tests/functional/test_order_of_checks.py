"""The order of checks: which refusal a request gets that is wrong in several ways."""

import pytest

from chalicelib.payload.admission import MAX_BODY_BYTES
from tests.support.gateway import FixedTable, table
from tests.support.problems import assert_problem

# From last to first: each step repairs what the step before it was refused for.
WRONG = {
    "Accept": "text/html",
    "Content-Type": "text/plain",
    "X-Request-Timeout-Ms": "soon",
}
TABLE = """\
version: 1
models:
  strict/{part}:
    kind: mme
    endpoint: strict
    target_model: "{part}.tar.gz"
    parameters:
      part: {one_of: [a]}
    pass_headers: [inference-id]
"""
STEPS = [
    pytest.param("nothing/b", {}, 404, "unknown-model", id="name"),
    pytest.param("strict/b", {}, 400, "invalid-parameter", id="parameters"),
    pytest.param("strict/a", {}, 406, "not-acceptable", id="accept"),
    pytest.param("strict/a", {"Accept": "*/*"}, 415, "unsupported-media-type", id="content-type"),
    pytest.param(
        "strict/a",
        {"Accept": "*/*", "Content-Type": "application/json"},
        400,
        "invalid-header",
        id="headers",
    ),
    pytest.param(
        "strict/a",
        {"Accept": "*/*", "Content-Type": "application/json", "X-Request-Timeout-Ms": "900"},
        413,
        "payload-too-large",
        id="size",
    ),
]


@pytest.fixture(name="strict")
def _strict(build):
    return build(source=FixedTable(table(TABLE)))


@pytest.mark.parametrize(("path", "repaired", "status", "slug"), STEPS)
def test_order(strict, path, repaired, status, slug):
    """The order is name, parameters, Accept, Content-Type, headers, size."""
    body = b"{" * (MAX_BODY_BYTES + 1)

    response = strict.post(f"/predict/{path}", body, {**WRONG, **repaired})

    assert_problem(response, status, slug)
    assert strict.runtime.calls == []


def test_json_comes_last(strict):
    """JSON is checked last."""
    right = {"Content-Type": "application/json"}

    assert_problem(strict.post("/predict/strict/a", b"{", right), 400, "invalid-json")
    assert strict.post("/predict/strict/a", b"{}", right).status == 200


def test_header_that_comes_twice(build_deployed):
    """A repeated header is checked after Content-Type and before the size."""
    gateway = build_deployed()
    twice = [("Content-Type", "application/json"), ("Content-Type", "text/plain")]
    body = b"?" * (MAX_BODY_BYTES + 1)

    wrong_type = gateway.post("/predict/churn", body, twice)
    too_large = gateway.post("/predict/churn", body, list(reversed(twice)))

    assert_problem(wrong_type, 415, "unsupported-media-type")
    assert_problem(too_large, 400, "invalid-header")
