"""CORS is set in one place, and is on every answer that the gateway makes."""

import pytest
from chalice.config import Config
from chalice.local import LocalGateway

from chalicelib.errors import ModelNotReady, RoutingUnavailable
from tests.support.gateway import JSON, FakeRuntime
from tests.support.problems import assert_problem

ORIGIN = "https://shop.example.com"
ALLOWED = {
    "Authorization",
    "Content-Type",
    "Accept",
    "X-Request-Timeout-Ms",
    "X-Amzn-SageMaker-Custom-Attributes",
    "X-Amzn-SageMaker-Inference-Id",
    "X-Amzn-SageMaker-Session-Id",
}
EXPOSED = {"X-Request-Id", "Server-Timing", "X-Model", "X-Invoked-Variant", "Retry-After"}
OURS = ("access-control-", "timing-allow-origin", "vary")


class NoTable:
    """A source whose table could not be loaded."""

    def table(self):
        raise RoutingUnavailable


class Broken:
    """A source with a bug."""

    def table(self):
        raise RuntimeError("a bug")


ANSWERS = [
    pytest.param({}, "POST /predict/churn", 200, id="prediction"),
    pytest.param({}, "GET /models", 200, id="catalog"),
    pytest.param({}, "GET /models/iris", 200, id="model"),
    pytest.param({}, "GET /health", 200, id="health"),
    pytest.param({}, "POST /predict/translate/d/en", 400, id="400"),
    pytest.param({}, "POST /predict/nothing", 404, id="404"),
    pytest.param({}, "GET /models/nothing", 404, id="404-of-catalog"),
    pytest.param({}, "DELETE /predict/churn", 405, id="405"),
    pytest.param({}, "POST /predict/picture", 415, id="415"),
    pytest.param({"source": Broken()}, "POST /predict/churn", 500, id="500"),
    pytest.param(
        {"runtime": FakeRuntime(error=ModelNotReady())}, "POST /predict/churn", 503, id="503"
    ),
    pytest.param({"source": NoTable()}, "GET /health", 503, id="503-of-health"),
]


def of_cors(headers):
    return {name: value for name, value in headers.items() if name.startswith(OURS)}


def names(header):
    return {name.strip() for name in header.split(",")}


@pytest.mark.parametrize(("parts", "request_line", "status"), ANSWERS)
@pytest.mark.parametrize("origin", ["*", ORIGIN])
def test_every_answer(build, parts, request_line, status, origin):
    """Errors included: a browser shows a script nothing of an answer without CORS."""
    gateway = build(cors_origin=origin, **parts)

    answer = gateway.client.send(*request_line.split(), JSON, b"{}")

    assert answer.status == status
    assert answer.headers["access-control-allow-origin"] == origin
    assert answer.headers["timing-allow-origin"] == origin
    assert names(answer.headers["access-control-expose-headers"]) == EXPOSED
    assert answer.headers.get("vary") == (None if origin == "*" else "Origin")
    assert "access-control-allow-credentials" not in answer.headers


@pytest.mark.parametrize(("parts", "request_line", "status"), ANSWERS)
def test_off(build, parts, request_line, status):
    """Without the setting there is nothing of it on any answer."""
    answer = build(**parts).client.send(*request_line.split(), JSON, b"{}")

    assert answer.status == status
    assert of_cors(answer.headers) == {}


@pytest.mark.parametrize("path", ["/predict/churn", "/predict/a/b", "/predict/a/b/c", "/models"])
def test_preflight(build_deployed, path):
    """What a browser asks before it sends JSON. API Gateway answers with what Chalice knows."""
    app = build_deployed(cors_origin=ORIGIN).app

    response = LocalGateway(app, Config()).handle_request("OPTIONS", path, {}, b"")

    headers = response["headers"]
    assert headers["Access-Control-Allow-Origin"] == ORIGIN
    assert names(headers["Access-Control-Allow-Headers"]) >= ALLOWED
    assert headers["Access-Control-Max-Age"] == "600"
    method = "GET" if path == "/models" else "POST"
    assert names(headers["Access-Control-Allow-Methods"]) == {method, "OPTIONS"}


def test_every_header_that_matters_is_exposed(build):
    """A script can read what the gateway says about an answer."""
    gateway = build(cors_origin="*", runtime=FakeRuntime(error=ModelNotReady()))

    answer = gateway.predict("churn")

    assert_problem(answer, 503, "model-not-ready")
    own = {"x-request-id", "server-timing", "retry-after"}
    assert own <= answer.headers.keys() & {name.lower() for name in EXPOSED}
