"""The family of errors, and how each of them reads."""

import pytest

from chalicelib import errors
from chalicelib.errors import GatewayError
from tests.support.problems import family

# One of each, with the part of its text that only this very error has.
INSTANCES = [
    (errors.InvalidJson("NaN is not JSON"), "NaN is not JSON"),
    (errors.InvalidHeader("X-Custom", "printable ASCII"), "X-Custom must be printable ASCII"),
    (
        errors.InvalidParameter("city", "paris", "one of two"),
        "The parameter city is 'paris'; it must be one of two.",
    ),
    (errors.Unauthorized(), "Authorization: Bearer"),
    (
        errors.UnknownModel("chrun"),
        "No model named 'chrun'; GET /models lists the ones you may call.",
    ),
    (errors.MethodNotAllowed("PUT", ["GET", "POST"]), "'PUT' is not allowed here; use GET or POST"),
    (errors.NotAcceptable(["application/json", "text/csv"]), "application/json, text/csv"),
    (errors.PayloadTooLarge(4_600_000), "4,600,000 bytes"),
    (errors.UnsupportedMediaType(["image/png"]), "image/png"),
    (errors.RateLimited(), "Retry-After"),
    (errors.ModelRejectedInput(422), "The model answered 422"),
    (errors.ModelFailed(500), "The model answered 500"),
    (errors.ModelOverloaded(), "try again later"),
    (errors.InternalFailure(), "operator"),
    (errors.GatewayMisconfigured(), "operator"),
    (errors.UpstreamFailed(), "try again"),
    (errors.UpstreamTruncated(), "broke off"),
    (errors.UpstreamResponseTooLarge(6_200_000), "6,200,000 bytes"),
    (errors.UpstreamInvalidResponse(), "not a valid response"),
    (errors.UpstreamRejected(), "operator"),
    (errors.ModelNotReady(), "being loaded"),
    (errors.ModelUnavailable(), "no capacity"),
    (errors.UpstreamThrottled(), "try again later"),
    (errors.UpstreamUnreachable(), "cannot reach"),
    (errors.RoutingUnavailable(), "routing table"),
    (errors.AuthUnavailable(), "cannot check"),
    (errors.UpstreamTimedOut(), "did not answer"),
    (errors.ModelTimedOut(), "no answer"),
]


# A base class in between has no slug.
MEMBERS = [member for member in family() if hasattr(member, "slug")]


def test_every_error_is_shown_here():
    """A new error needs its line above."""
    assert {type(error) for error, _ in INSTANCES} == set(MEMBERS)


@pytest.mark.parametrize("error", MEMBERS)
def test_class_attributes(error):
    """Status and retrying belong together: who may come back is told when."""
    assert 400 <= error.status <= 504
    assert error.title
    assert error.slug == error.slug.lower()
    assert (error.retry_after_seconds is not None) == (error.status in {429, 503})
    assert error.retryable or error.status not in {429, 503, 504}
    assert not error.retryable or error.status in {429, 502, 503, 504}


def test_slugs_are_unique():
    """A type names one error."""
    slugs = [error.slug for error in MEMBERS]

    assert len(set(slugs)) == len(slugs)
    assert len({error.title for error in MEMBERS}) == len(slugs)


@pytest.mark.parametrize(("error", "text"), INSTANCES, ids=lambda value: type(value).__name__)
def test_problem(error, text):
    """A problem has the members of RFC 9457, and says what is the matter."""
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


@pytest.mark.parametrize("status", sorted(errors.ModelRejectedInput.statuses))
def test_rejected_input_keeps_its_status(status):
    """The container's own 4xx is the caller's."""
    assert errors.ModelRejectedInput(status).problem("i")["status"] == status


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
    """What a model says has a member of its own, and is not mixed into ours."""
    problem = error.problem("i")

    assert problem["model_message"] == "feature 3 is missing"
    assert "feature" not in error.detail


def test_retry_after():
    """Whoever knows better than the class when to come back says so."""
    assert errors.ModelNotReady().retry_after_seconds == 5
    assert errors.ModelNotReady(retry_after_seconds=9).retry_after_seconds == 9
    assert errors.ModelNotReady.retry_after_seconds == 5


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
    """A text from outside stays on one line and cannot flood a message."""
    assert errors.quoted(text) == expected


def test_configuration_error():
    """Mistakes of set-up come together, a line each."""
    error = errors.ConfigurationError(["a is wrong", "b is wrong"])

    assert error.lines == ("a is wrong", "b is wrong")
    assert str(error) == "a is wrong\nb is wrong"
    assert not isinstance(error, GatewayError)
