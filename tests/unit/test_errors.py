"""The family of errors, and how each of them reads.

The table of docs/errors.md says status, `retryable` and Retry-After of each error, and
tests/project/test_docs.py compares it with the classes.
"""

import pytest

from chalicelib import errors
from tests.support.problems import family

ERRORS = [error for error in family() if hasattr(error, "slug")]

# Errors whose text depends on their arguments, each with that part of the text.
DETAILS = [
    (errors.InvalidJson("NaN is not JSON"), "NaN is not JSON"),
    (errors.InvalidHeader("X-Custom", "printable ASCII"), "X-Custom must be printable ASCII"),
    (
        errors.InvalidParameter("city", "paris", "one of two"),
        "The parameter city is 'paris'; it must be one of two.",
    ),
    (
        errors.UnknownModel("chrun"),
        "No model named 'chrun'; GET /models lists the ones you may call.",
    ),
    (
        errors.NoSuchArtifact({"country": "at", "city": "a\nb"}),
        "This model has no artifact for country 'at' and city 'a\\nb'.",
    ),
    (errors.MethodNotAllowed("PUT", ["GET", "POST"]), "'PUT' is not allowed here; use GET or POST"),
    (errors.NotAcceptable(["application/json", "text/csv"]), "application/json, text/csv"),
    (errors.PayloadTooLarge(4_600_000), "4,600,000 bytes"),
    (errors.PayloadTooLarge(5, endpoint="this one"), "this one takes at most 5 bytes"),
    (errors.UnsupportedMediaType(["image/png"], "None came."), "image/png"),
    (errors.ModelRejectedInput(422), "The model answered 422"),
    (errors.ModelFailed(500), "The model answered 500"),
    (errors.UpstreamResponseTooLarge(6_200_000), "6,200,000 bytes"),
]


@pytest.mark.parametrize("error", ERRORS)
def test_retrying(error):
    """An error has Retry-After if its status allows one, and only some statuses are retryable."""
    assert error.title
    assert error.slug == error.slug.lower()
    assert (error.retry_after_seconds is not None) == (error.status in {429, 503})
    assert error.retryable or error.status not in {429, 503, 504}
    assert not error.retryable or error.status in {429, 502, 503, 504}


def test_slugs_are_unique():
    """No two errors have the same type or the same title."""
    assert len({error.slug for error in ERRORS}) == len(ERRORS)
    assert len({error.title for error in ERRORS}) == len(ERRORS)


@pytest.mark.parametrize(("error", "text"), DETAILS, ids=lambda value: type(value).__name__)
def test_problem(error, text):
    """A problem has the members of RFC 9457, and its detail repeats what was wrong."""
    problem = error.problem("request-1")

    assert problem == {
        "type": f"urn:inference-gateway:{error.slug}",
        "title": type(error).title,
        "status": error.status,
        "detail": error.detail,
        "instance": "request-1",
        "retryable": type(error).retryable,
    }
    assert text in error.detail
    assert str(error) == error.detail
    assert error.detail.endswith(".")


@pytest.mark.parametrize(
    "error",
    [
        errors.ModelRejectedInput(400, model_message="feature 3 is missing"),
        errors.ModelFailed(500, model_message="feature 3 is missing"),
        errors.ModelOverloaded(model_message="feature 3 is missing"),
    ],
    ids=lambda error: type(error).__name__,
)
def test_model_message(error):
    """The model's text has a member of its own, and is no part of the gateway's text."""
    assert error.problem("i")["model_message"] == "feature 3 is missing"
    assert "feature" not in error.detail


def test_retry_after():
    """One error can have another Retry-After than its class."""
    assert errors.ModelNotReady(retry_after_seconds=9).retry_after_seconds == 9
    assert errors.ModelNotReady().retry_after_seconds == 5


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("iris", "'iris'"),
        ("a\nb\x1b[31m", "'a\\nb\\x1b[31m'"),
        ("\ud800", "'\\ud800'"),
        ("x" * 81, "'" + "x" * 80 + "…'"),
        ("\\d", "'\\d'"),
    ],
)
def test_quoted(text, expected):
    """A quoted text from outside stays on one line, and is cut when it is long."""
    assert errors.quoted(text) == expected


def test_configuration_error():
    """A configuration error has one line for each mistake."""
    error = errors.ConfigurationError(["a is wrong", "b is wrong"])

    assert error.lines == ("a is wrong", "b is wrong")
    assert str(error) == "a is wrong\nb is wrong"
