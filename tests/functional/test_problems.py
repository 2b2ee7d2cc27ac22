"""Problems: errors as a caller reads them."""

import pytest

from chalicelib import errors
from tests.support.gateway import FakeRuntime
from tests.support.problems import assert_problem

# What the runtime raises, and what becomes of it. How SageMaker's errors become these is
# tests/unit/test_upstream_errors.py; those that the gateway finds itself have their own modules.
FROM_UPSTREAM = [
    (errors.GatewayMisconfigured(), 500, "gateway-misconfigured"),
    (errors.ModelFailed(500), 502, "model-error"),
    (errors.UpstreamFailed(), 502, "upstream-error"),
    (errors.UpstreamTruncated(), 502, "upstream-truncated"),
    (errors.UpstreamResponseTooLarge(4_650_000), 502, "upstream-response-too-large"),
    (errors.UpstreamInvalidResponse(), 502, "upstream-invalid-response"),
    (errors.UpstreamRejected(), 502, "upstream-rejected"),
    (errors.ModelNotReady(), 503, "model-not-ready"),
    (errors.ModelOverloaded(), 503, "model-overloaded"),
    (errors.ModelUnavailable(), 503, "model-unavailable"),
    (errors.UpstreamThrottled(), 503, "upstream-throttled"),
    (errors.UpstreamUnreachable(), 503, "upstream-unreachable"),
    (errors.UpstreamTimedOut(), 504, "upstream-timeout"),
    (errors.ModelTimedOut(), 504, "model-timeout"),
    (errors.TooManyRequests(), 429, "too-many-requests"),
    *(
        (errors.ModelRejectedInput(status), status, "model-rejected-input")
        for status in (400, 406, 413, 415, 422)
    ),
]
CANARY = "canary-7f3a"


@pytest.mark.parametrize(("error", "status", "slug"), FROM_UPSTREAM)
def test_upstream(build, error, status, slug):
    """All errors have one form; the log has the slug."""
    gateway = build(runtime=FakeRuntime(error=error))

    response = gateway.predict("churn")

    assert_problem(response, status, slug)
    assert "x-model" not in response.headers
    assert response.headers["server-timing"].startswith("model;dur=")
    (line,) = gateway.log.requests
    assert (line["status"], line["slug"], line["model"]) == (status, slug, "churn")


def test_retry_after_is_jittered(build):
    """Retry-After differs from response to response."""
    gateway = build(runtime=FakeRuntime(error=errors.ModelUnavailable()))

    waits = {int(gateway.predict("churn").headers["retry-after"]) for _ in range(100)}

    assert len(waits) > 3
    assert min(waits) >= errors.ModelUnavailable.retry_after_seconds


def test_models_own_words(build):
    """The container's text is in a member of its own."""
    error = errors.ModelFailed(500, model_message='{"error": "grüße"}')

    response = build(runtime=FakeRuntime(error=error)).predict("churn")

    problem = assert_problem(response, 502, "model-error", "model_message")
    assert problem["model_message"] == '{"error": "grüße"}'


class Leaky:
    """A source with a bug whose text has a secret."""

    def table(self):
        raise ValueError(f"cannot use {CANARY}")


@pytest.mark.parametrize(
    ("method", "path"), [("POST", "/predict/churn"), ("GET", "/models"), ("GET", "/health")]
)
def test_bug(build, capfd, method, path):
    """The log has the class and the place of an unexpected exception; nobody gets its text."""
    gateway = build(source=Leaky())

    response = gateway.client.send(method, path, {"Content-Type": "application/json"}, b"{}")

    problem = assert_problem(response, 500, "internal")
    bug, line = gateway.log.lines
    assert (bug["message"], bug["level"], bug["exception"]) == ("bug", "ERROR", "ValueError")
    assert bug["request_id"] == line["request_id"] == problem["instance"]
    assert bug["where"][-1].endswith(" table")
    assert (line["status"], line["slug"]) == (500, "internal")
    everything = gateway.log.text + response.body.decode() + "".join(capfd.readouterr())
    assert CANARY not in everything


class Endless:
    """A source that calls itself for ever."""

    def table(self):
        return self.table()


def test_bug_with_many_frames(build):
    """Of a recursion without end, the log has the first and the last frames, and their number."""
    gateway = build(source=Endless())

    assert_problem(gateway.get("/models"), 500, "internal")
    bug, _ = gateway.log.lines
    assert bug["exception"] == "RecursionError"
    assert (len(bug["where"]), bug["frames_left_out"] > 100) == (40, True)
    assert bug["where"][0] != bug["where"][-1]
    assert bug["where"][-1].endswith(" table")


def test_bug_in_the_runtime(build, capfd):
    """An unexpected exception is not blamed on the endpoint."""
    gateway = build(runtime=FakeRuntime(error=KeyError(CANARY)))

    assert_problem(gateway.predict("churn"), 500, "internal")
    assert gateway.log.lines[0]["exception"] == "KeyError"
    assert CANARY not in gateway.log.text + "".join(capfd.readouterr())


def test_answer_of_chalices_own(build_deployed):
    """A result of a view that is not a response of the gateway is a bug."""
    gateway = build_deployed()
    gateway.app.route("/odd")(lambda: CANARY)
    event = gateway.client.event("GET", "/health")
    event["requestContext"]["resourcePath"] = "/odd"

    response = gateway.client.deliver(event)

    assert_problem(response, 500, "internal")
    assert CANARY not in response.body.decode() + gateway.log.text


def test_debug_is_off(gateway):
    """The debug mode of Chalice, which sends stack traces, is off."""
    assert gateway.app.debug is False
