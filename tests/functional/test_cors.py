"""CORS: one setting, and headers on every response."""

import pytest

from chalicelib.errors import ModelNotReady, RoutingUnavailable
from tests.support.gateway import JSON, FakeRuntime

ORIGIN = "https://shop.example.com"
ALLOWED = {
    *("Accept", "Authorization", "Content-Type", "X-Request-Timeout-Ms"),
    *("X-Amzn-SageMaker-Custom-Attributes", "X-Amzn-SageMaker-Inference-Id"),
    *("X-Amzn-SageMaker-Session-Id", "traceparent", "tracestate", "baggage", "sentry-trace"),
    *("X-Request-Id", "X-Requested-With", "Cache-Control"),
    *("Prefer", "Idempotency-Key", "X-Upload"),
}
EXPOSED = {
    *("X-Request-Id", "Server-Timing", "X-Model", "X-Invoked-Variant", "X-Target", "Retry-After"),
    *("Location", "Preference-Applied"),
}
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
    pytest.param({}, "GET /", 200, id="page"),
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
    """Errors have CORS headers, too; without them a browser shows a script nothing."""
    gateway = build(cors_origin=origin, **parts)

    response = gateway.client.send(*request_line.split(), JSON, b"{}")

    assert response.status == status
    assert response.headers["access-control-allow-origin"] == origin
    assert response.headers["timing-allow-origin"] == origin
    assert names(response.headers["access-control-expose-headers"]) == EXPOSED
    named = origin != "*"
    assert response.headers.get("vary") == ("Origin" if named else None)
    credentials = response.headers.get("access-control-allow-credentials")
    assert credentials == ("true" if named else None)  # browsers refuse them with `*`
    assert names(response.headers["access-control-allow-headers"]) >= ALLOWED


@pytest.mark.parametrize(("parts", "request_line", "status"), ANSWERS)
def test_off(build, parts, request_line, status):
    """Without the setting no response has CORS headers."""
    response = build(**parts).client.send(*request_line.split(), JSON, b"{}")

    assert response.status == status
    assert of_cors(response.headers) == {}


def test_more_headers(build):
    """`GATEWAY_CORS_HEADERS` adds to the allowed headers; a name that is there stays one name."""
    more = "X-Tenant, x-tenant,X-Trace, ACCEPT, X-Request-Id"
    gateway = build(cors_origin=ORIGIN, cors_headers=more)

    allowed = gateway.get("/health").headers["access-control-allow-headers"].split(",")

    lower = [name.lower() for name in allowed]
    assert len(lower) == len(set(lower))
    assert {"x-tenant", "X-Trace"} | ALLOWED <= set(allowed)


def test_more_headers_without_an_origin(build):
    """Headers alone allow nothing."""
    response = build(cors_headers="X-Tenant").get("/health")

    assert of_cors(response.headers) == {}
