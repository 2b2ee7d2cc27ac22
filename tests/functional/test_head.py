"""HEAD: the response to GET without its body."""

import pytest

from tests.support.gateway import JSON, FakeScheme
from tests.support.problems import assert_problem

TIMES = {"server-timing", "x-request-id"}
READ = [
    pytest.param("/models", 200, id="list"),
    pytest.param("/models?limit=2&after=churn", 200, id="page"),
    pytest.param("/models/iris", 200, id="model"),
    pytest.param("/models/house-price/houston", 200, id="model-with-a-parameter"),
    pytest.param("/models/translate/de/en", 200, id="model-with-two"),
    pytest.param("/health", 200, id="health"),
    pytest.param("/", 200, id="page"),
    pytest.param("/openapi.json", 200, id="api"),
    pytest.param("/models/nothing", 404, id="404"),
    pytest.param("/models?limit=none", 400, id="400"),
]


def lasting(response):
    """Return the headers that two responses to the same request have in common."""
    return {name: value for name, value in response.headers.items() if name not in TIMES}


@pytest.mark.parametrize(("path", "status"), READ)
def test_as_get(build, path, status):
    """HEAD has GET's status and headers, no body, and its own method in the log."""
    gateway = build(cors_origin="https://shop.example.com")

    got, head = (gateway.client.send(method, path) for method in ("GET", "HEAD"))

    assert (got.status, head.status) == (status, status)
    assert got.body
    assert head.body == b""
    assert lasting(head) == lasting(got)
    assert head.headers.keys() >= TIMES
    assert [(line["method"], line["status"]) for line in gateway.log.requests] == [
        ("GET", status),
        ("HEAD", status),
    ]
    assert gateway.log.requests[1]["bytes_out"] == 0


@pytest.mark.parametrize("path", ["/models", "/models/iris", "/models/translate/de/en"])
def test_same_authentication(build, path):
    """A credential that GET refuses is refused for HEAD."""
    gateway = build(scheme=FakeScheme({}))

    response = gateway.client.send("HEAD", path, {"Authorization": "Bearer wrong"})

    assert (response.status, response.body) == (401, b"")
    assert response.headers["www-authenticate"] == "Bearer"


@pytest.mark.parametrize("path", ["/predict/iris", "/predict/translate/de/en", "/predict/nothing"])
def test_prediction(build, path):
    """A prediction answers POST alone, and calls no model for HEAD."""
    gateway = build()

    response = gateway.client.send("HEAD", path, JSON)

    assert (response.status, response.body) == (405, b"")
    assert response.headers["allow"] == "POST"
    assert gateway.runtime.calls == []


def test_allowed(build):
    """A 405 of a route that reads names both methods."""
    response = build().client.send("DELETE", "/models/iris")

    assert_problem(response, 405, "method-not-allowed")
    assert response.headers["allow"] == "GET, HEAD"


def test_refused_at_the_edge(deployed):
    """A request to HEAD that no view can have is answered without a body, too."""
    event = deployed.client.event("HEAD", "/models")
    event["multiValueHeaders"] = {"Authorization": ["Bearer a", "Bearer b"]}

    response = deployed.client.deliver(event)

    assert (response.status, response.body) == (400, b"")
