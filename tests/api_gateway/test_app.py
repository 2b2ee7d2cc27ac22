"""The gateway behind the simulator of API Gateway."""

import gzip
import json
from functools import partial

import pytest

from chalicelib.aws.refreshed import StoreUnavailable
from chalicelib.errors import ModelNotReady
from tests.api_gateway.definition import functions_of, packaged_template_of
from tests.api_gateway.simulator import ApiGateway, SimulatorClient
from tests.api_gateway.unverified import Unverified
from tests.faults.rows import row
from tests.support.clients import TOKEN
from tests.support.gateway import IDENTITY, FakeRuntime, FakeScheme, build_gateway
from tests.support.problems import assert_problem

BYTES = bytes(range(256))
JSON = ("Content-Type", "application/json")
NPY = ("Content-Type", "application/x-npy")
ORIGIN = "https://shop.example.com"
CREDENTIAL = ("Authorization", "Bearer t")


@pytest.fixture
def build():
    """Build a gateway behind the simulator, with CORS as in the stage `dev`."""
    return partial(build_gateway, SimulatorClient, cors_origin="*")


@pytest.fixture
def gateway(build):
    return build()


def test_template_is_the_packages(gateway, package):
    """The template that tests make of an app is that of `chalice package`."""
    written = json.loads((package.project / "build/sam.json").read_bytes())["Resources"]
    made = packaged_template_of(gateway.app)["Resources"]

    assert made["RestAPI"] == written["RestAPI"]
    assert {
        name: resource["Properties"]["Timeout"]
        for name, resource in written.items()
        if resource["Type"] == "AWS::Serverless::Function"
    } == {name: made[name]["Properties"]["Timeout"] for name in functions_of(gateway.app)}


@pytest.mark.parametrize("path", ["/models", "/models/iris", "/models/translate/de/en", "/health"])
def test_head(gateway, path):
    """HEAD has a method of its own on every route that reads, with the same authorizer."""
    got, head = (gateway.client.send(method, path) for method in ("GET", "HEAD"))

    assert (got.status, head.status, head.body) == (200, 200, b"")
    assert head.headers.keys() == got.headers.keys()
    assert [line["method"] for line in gateway.log.requests] == ["GET", "HEAD"]
    assert len(gateway.log.credentials) == (path != "/health")
    refused = gateway.client.api.handle("HEAD", path).response
    assert (refused.status, refused.body) == (200 if path == "/health" else 401, b"")


@pytest.mark.parametrize("origin", ["*", ORIGIN])
def test_preflight(build, origin):
    """A preflight allows every header and method; with a named origin, credentials too."""
    gateway = build(cors_origin=origin, cors_headers="X-Tenant")
    asked = [("Origin", ORIGIN), ("Access-Control-Request-Headers", "x-tenant,traceparent")]

    for path, methods in (("/predict/iris", "POST,OPTIONS"), ("/models", "GET,HEAD,OPTIONS")):
        answer = gateway.client.api.handle("OPTIONS", path, asked).response

        assert answer.status == 200
        assert answer.headers["access-control-allow-origin"] == origin
        assert answer.headers["access-control-allow-methods"] == methods
        allowed = answer.headers["access-control-allow-headers"].split(",")
        assert {"X-Tenant", "traceparent", "sentry-trace"} <= set(allowed)
        credentials = answer.headers.get("access-control-allow-credentials")
        assert credentials == ("true" if origin == ORIGIN else None)


def test_json(gateway):
    """A prediction has CORS headers, and the id that API Gateway gave the request."""
    response = gateway.predict("churn", b'{"instances": []}')

    assert (response.status, response.body) == (200, b'{"instances": []}')
    assert response.headers["content-type"] == "application/json"
    assert response.headers["access-control-allow-origin"] == "*"
    assert response.headers["x-request-id"] == response.headers["x-amzn-requestid"]


@pytest.mark.parametrize("accept", [None, "image/png", "text/html, image/png", "*/*"])
def test_binary(gateway, accept):
    """Bytes pass in both directions, whatever the caller accepts first."""
    headers = {} if accept is None else {"accept": accept}

    response = gateway.predict("picture", BYTES, content_type="image/png", **headers)

    assert (response.status, response.body) == (200, BYTES)
    assert gateway.call.request.body == BYTES


def test_error(build):
    """A problem reaches the caller with CORS headers, as the app made it."""
    response = build(runtime=FakeRuntime(error=ModelNotReady())).predict("churn")

    assert_problem(response, 503, "model-not-ready")
    assert response.headers["access-control-allow-origin"] == "*"


def test_compressed(gateway):
    """API Gateway compresses the list of models for a client that accepts gzip."""
    response = gateway.get("/models", {"Accept-Encoding": "gzip, br"})

    assert (response.status, response.headers["content-encoding"]) == (200, "gzip")
    assert json.loads(gzip.decompress(response.body))["models"][0]["name"] == "attributes"


@pytest.mark.parametrize(
    ("path", "status", "message"),
    [
        pytest.param("/unknown", 403, "Missing Authentication Token", id="unknown-path"),
        pytest.param("/models", 401, "Unauthorized", id="no-credential"),
    ],
)
def test_what_api_gateway_answers_itself(gateway, path, status, message):
    """After plain `chalice deploy` API Gateway's own refusals have neither a problem nor CORS."""
    response = gateway.client.api.handle("GET", path).response

    assert (response.status, response.json()) == (status, {"message": message})
    assert "access-control-allow-origin" not in response.headers
    assert gateway.log.text == ""


def test_authorizer_is_asked_once_a_minute(clock):
    """The authorizer is asked once a minute, and its decision counts for all routes."""
    gateway = build_gateway(partial(SimulatorClient, clock=clock), clock=clock)

    assert gateway.predict("churn").status == 200
    clock.passes(59)
    assert gateway.get("/models/iris").status == 200
    assert len(gateway.log.credentials) == 1

    clock.passes(1)
    assert gateway.predict("house-price/houston").status == 200
    assert len(gateway.log.credentials) == 2


@row("K4")
@pytest.mark.parametrize("failure", ["AUTHORIZER_FAILURE", "AUTHORIZER_CONFIGURATION_ERROR"])
def test_unavailable_is_not_kept(clock, seen, failure):
    """A 503 of the authorizer is gone with the next request, while a decision is kept."""
    scheme = FakeScheme({TOKEN: StoreUnavailable("ReadTimeoutError")})
    app = build_gateway(
        SimulatorClient, scheme=scheme, cors_origin="*", lambda_handler="app.authorize", clock=clock
    ).app
    switches = Unverified(failed_authorizer=failure)
    api = ApiGateway(packaged_template_of(app), functions_of(app), clock=clock, unverified=switches)
    headers = [("Authorization", f"Bearer {TOKEN}")]

    for _ in range(2):
        away = api.handle("GET", "/models", headers).response
        assert (away.status, away.json()["type"]) == (503, "urn:inference-gateway:auth-unavailable")
        assert away.headers["access-control-allow-origin"] == "*"
        assert int(away.headers["retry-after"]) >= 1
    scheme.known = {TOKEN: IDENTITY}

    assert api.handle("GET", "/models", headers).response.status == 200
    assert api.handle("POST", "/predict/churn", [*headers, JSON], b"{}").response.status == 200
    assert len(scheme.tokens) == 3
    seen("503, and 200 as soon as it can be checked")


@row("K5")
@pytest.mark.parametrize("first_wins", [False, True])
@pytest.mark.parametrize("other", [f"Bearer {TOKEN}", "Bearer wrong", ""])
def test_two_credentials(build, seen, first_wins, other):
    """Whichever of two credentials API Gateway has checked, the request is refused."""
    app = build().app
    switches = Unverified(first_header_wins=first_wins)
    api = ApiGateway(packaged_template_of(app), functions_of(app), unverified=switches)
    good = ("Authorization", f"Bearer {TOKEN}")

    for pair in ([good, ("authorization", other)], [("AUTHORIZATION", other), good]):
        for method, path in (("GET", "/models"), ("GET", "/health"), ("POST", "/predict/churn")):
            response = api.handle(method, path, [*pair, JSON], b"{}").response
            if response.status == 401:  # API Gateway asks nobody about an empty credential
                assert (other, path == "/health") == ("", False)
                continue
            assert (response.status, response.json()["type"]) == (
                400,
                "urn:inference-gateway:invalid-header",
            )
    seen("400 invalid-header")
