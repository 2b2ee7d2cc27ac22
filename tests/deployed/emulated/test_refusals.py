"""What a caller gets instead of a prediction: by the gateway, and by API Gateway alone."""

import json
from contextlib import contextmanager

import pytest

from tests.support.problems import MEMBERS, assert_problem

NPY = "application/x-npy"
EXAMPLE = b'{"instances": [[5.1, 3.5, 1.4, 0.2]]}'


def predict(stack, key, path="iris", headers=(), body=EXAMPLE):
    """With a media type that every model takes, unless there is another one among the headers."""
    own = {"Authorization": f"Bearer {key}", "Content-Type": "application/json", **dict(headers)}
    return stack.send("POST", f"/predict/{path}", list(own.items()), body)


@contextmanager
def fault(sagemaker, endpoint, **what):
    """An endpoint in trouble until the end of the `with`."""
    sagemaker.fault("PUT", endpoint, json.dumps(what).encode())
    try:
        yield
    finally:
        sagemaker.fault("DELETE", endpoint)


def assert_cors(answer):
    """A page may read it, with the headers that say what to do."""
    assert answer.headers["access-control-allow-origin"] == "*"
    exposed = answer.headers["access-control-expose-headers"]
    assert {"X-Request-Id", "Retry-After"} <= set(exposed.split(","))


@pytest.mark.parametrize(
    ("path", "headers", "refusal"),
    [
        pytest.param("chrun", {}, (404, "unknown-model"), id="no-such-model"),
        pytest.param("is-digit/x", {}, (400, "invalid-parameter"), id="parameter"),
        pytest.param("iris", {"Accept": "text/html"}, (406, "not-acceptable"), id="accept"),
        pytest.param("iris", {"Content-Type": NPY}, (415, "unsupported-media-type"), id="type"),
        pytest.param(
            "iris", {"Content-Encoding": "br"}, (415, "unsupported-media-type"), id="encoding"
        ),
        pytest.param("iris", {"X-Request-Timeout-Ms": "1 s"}, (400, "invalid-header"), id="header"),
    ],
)
def test_a_request_that_cannot_be_answered(deployed, keys, path, headers, refusal):
    """It is refused as a problem that a page may read."""
    answer = predict(deployed, keys.everything, path, headers)

    assert_problem(answer, *refusal)
    assert_cors(answer)


def test_a_body_that_lambda_cannot_carry(deployed, keys):
    """One byte more than the limit is refused with the limit."""
    headers = {"Content-Type": NPY}

    answer = predict(deployed, keys.everything, "digit", headers, bytes(4_600_001))

    problem = assert_problem(answer, 413, "payload-too-large")
    assert "4,600,000" in problem["detail"]
    assert_cors(answer)


@pytest.mark.parametrize(
    ("trouble", "refusal"),
    [
        ("throttle", (503, "upstream-throttled")),
        ("hang", (504, "upstream-timeout")),
        ("e500", (502, "upstream-error")),
    ],
)
def test_an_endpoint_in_trouble(deployed, demo, keys, trouble, refusal):
    """What SageMaker says becomes a problem; a 503 says when to come again."""
    with fault(demo, "digit-reader", fault=trouble):
        answer = predict(deployed, keys.everything, "digit", {"X-Request-Timeout-Ms": "1000"})

    assert_problem(answer, *refusal)
    assert_cors(answer)


def assert_said_by_api_gateway(answer, status, slug):
    """A problem like the gateway's own, made of the template alone."""
    problem = answer.json()
    assert (answer.status, problem["type"]) == (status, f"urn:inference-gateway:{slug}")
    assert problem.keys() == MEMBERS
    assert problem["status"] == status
    assert problem["instance"] == answer.headers["x-amzn-requestid"]
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.headers["cache-control"] == "no-store"
    assert answer.headers.get("www-authenticate") == ("Bearer" if status == 401 else None)
    assert ("retry-after" in answer.headers) == (status in {429, 503})
    assert_cors(answer)


@pytest.mark.parametrize(
    ("request_line", "status", "slug"),
    [
        pytest.param("GET /models", 401, "unauthorized", id="no-credential"),
        pytest.param("POST /predict/iris", 401, "unauthorized", id="no-credential-for-a-model"),
        pytest.param("GET /predictions", 404, "no-such-path", id="no-such-path"),
        pytest.param("DELETE /models", 404, "no-such-path", id="no-such-method"),
    ],
)
def test_a_request_that_reaches_no_function(deployed, request_line, status, slug):
    """API Gateway refuses it with a problem, where plain `chalice deploy` has a bare message."""
    assert_said_by_api_gateway(deployed.send(*request_line.split()), status, slug)


def test_too_many_requests(create_stack):
    """More than the stage takes is a 429 that says when to come again."""
    limits = {"ThrottlingRateLimit": "0", "ThrottlingBurstLimit": "0"}
    stack = create_stack("throttled", "http://127.0.0.1:9", parameters=limits)

    assert_said_by_api_gateway(stack.send("GET", "/health"), 429, "rate-limited")


def test_an_authorizer_that_fails(create_stack, keys):
    """A gateway that cannot start lets nobody in, and blames no credential."""
    stack = create_stack("broken", "http://127.0.0.1:9", {"GATEWAY_KEYS_MAX_AGE": "soon"})

    answer = predict(stack, keys.everything)

    assert_said_by_api_gateway(answer, 503, "auth-unavailable")
