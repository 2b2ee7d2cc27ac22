"""Refusals by the gateway, and by the emulated API Gateway itself."""

import json
from contextlib import contextmanager

import pytest

from tests.faults.rows import row
from tests.support.problems import MEMBERS, assert_problem

NPY = "application/x-npy"
EXAMPLE = b'{"instances": [[5.1, 3.5, 1.4, 0.2]]}'


def predict(stack, key, path="iris", headers=(), body=EXAMPLE):
    """POST JSON, unless the headers have another Content-Type."""
    own = {"Authorization": f"Bearer {key}", "Content-Type": "application/json", **dict(headers)}
    return stack.send("POST", f"/predict/{path}", list(own.items()), body)


@contextmanager
def fault(sagemaker, endpoint, **members):
    """Put a fault on an endpoint until the end of the `with`."""
    sagemaker.fault("PUT", endpoint, json.dumps(members).encode())
    try:
        yield
    finally:
        sagemaker.fault("DELETE", endpoint)


def assert_cors(response):
    """A browser may read the response, and the headers that say when to try again."""
    assert response.headers["access-control-allow-origin"] == "*"
    exposed = response.headers["access-control-expose-headers"]
    assert {"X-Request-Id", "Retry-After"} <= set(exposed.split(","))


@pytest.mark.parametrize(
    ("path", "headers", "body", "refusal"),
    [
        pytest.param("chrun", {}, EXAMPLE, (404, "unknown-model"), id="no-such-model"),
        pytest.param(
            "iris", {"Content-Encoding": "br"}, EXAMPLE, (415, "unsupported-media-type"), id="br"
        ),
        pytest.param(
            "digit",
            {"Content-Type": NPY},
            bytes(4_600_001),
            (413, "payload-too-large"),
            id="too-large",
        ),
    ],
)
def test_refused_by_the_gateway(deployed, keys, path, *, headers, body, refusal):
    """A refusal of the gateway's is a problem that a browser may read."""
    response = predict(deployed, keys.everything, path, headers, body)

    assert_problem(response, *refusal)
    assert_cors(response)


@pytest.mark.parametrize(
    ("trouble", "refusal"),
    [
        ("throttle", (503, "upstream-throttled")),
        ("hang", (504, "upstream-timeout")),
        ("e500", (502, "upstream-error")),
    ],
)
def test_an_endpoint_in_trouble(deployed, demo, keys, trouble, refusal):
    """An error of SageMaker's becomes a problem."""
    with fault(demo, "digit-reader", fault=trouble):
        response = predict(deployed, keys.everything, "digit", {"X-Request-Timeout-Ms": "1000"})

    assert_problem(response, *refusal)
    assert_cors(response)


def assert_problem_of_api_gateway(response, status, slug):
    """A problem with the members of the gateway's own, made from the template."""
    problem = response.json()
    assert (response.status, problem["type"]) == (status, f"urn:inference-gateway:{slug}")
    assert problem.keys() == MEMBERS
    assert problem["status"] == status
    assert problem["instance"] == response.headers["x-amzn-requestid"]
    assert response.headers["content-type"] == "application/problem+json"
    assert response.headers["cache-control"] == "no-store"
    assert response.headers.get("www-authenticate") == ("Bearer" if status == 401 else None)
    assert ("retry-after" in response.headers) == (status in {429, 503})
    assert_cors(response)


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
    """API Gateway itself refuses with a problem."""
    assert_problem_of_api_gateway(deployed.send(*request_line.split()), status, slug)


@row("L10")
def test_too_many_requests(create_stack):
    """A request above the stage's limit is a 429 with Retry-After."""
    limits = {"ThrottlingRateLimit": "0", "ThrottlingBurstLimit": "0"}
    stack = create_stack("throttled", "http://127.0.0.1:9", parameters=limits)

    assert_problem_of_api_gateway(stack.send("GET", "/health"), 429, "too-many-requests")


def test_an_authorizer_that_fails(create_stack, keys):
    """If the authorizer cannot start, the response is a 503, not a 401."""
    stack = create_stack("broken", "http://127.0.0.1:9", {"GATEWAY_KEYS_MAX_AGE": "soon"})

    response = predict(stack, keys.everything)

    assert_problem_of_api_gateway(response, 503, "auth-unavailable")
