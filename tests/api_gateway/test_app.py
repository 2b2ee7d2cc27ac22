"""The gateway itself behind the simulator: the app in this process, and the package."""

import gzip
import json
from functools import partial

import pytest
from tests.api_gateway.functions import packaged
from tests.api_gateway.template import APP
from tests.support.recorder import Answer

from chalicelib.errors import ModelNotReady
from tests.api_gateway.definition import functions_of, packaged_template_of
from tests.api_gateway.hand_made import API, Told, says, statement
from tests.api_gateway.simulator import ApiGateway, SimulatorClient
from tests.support.events import CONTEXT
from tests.support.gateway import FakeRuntime, build_gateway
from tests.support.problems import assert_problem

BYTES = bytes(range(256))
JSON = ("Content-Type", "application/json")
NPY = ("Content-Type", "application/x-npy")
CREDENTIAL = ("Authorization", "Bearer t")


@pytest.fixture
def build():
    """Makes a gateway behind the simulator, with CORS as in the stage `dev`."""
    return partial(build_gateway, SimulatorClient, cors_origin="*")


@pytest.fixture
def gateway(build):
    return build()


def test_template_is_the_packages(gateway, package):
    """What is made here of an app is what `chalice package` makes of it."""
    written = json.loads((package.project / "build/sam.json").read_bytes())["Resources"]
    made = packaged_template_of(gateway.app)["Resources"]

    assert made["RestAPI"] == written["RestAPI"]
    assert {
        name: resource["Properties"]["Timeout"]
        for name, resource in written.items()
        if resource["Type"] == "AWS::Serverless::Function"
    } == {name: made[name]["Properties"]["Timeout"] for name in functions_of(gateway.app)}


def test_json(gateway):
    """With CORS, and the id that API Gateway has given the request."""
    answer = gateway.predict("churn", b'{"instances": []}')

    assert (answer.status, answer.body) == (200, b'{"instances": []}')
    assert answer.headers["content-type"] == "application/json"
    assert answer.headers["access-control-allow-origin"] == "*"
    assert answer.headers["x-request-id"] == answer.headers["x-amzn-requestid"]


@pytest.mark.parametrize("accept", [None, "image/png", "text/html, image/png", "*/*"])
def test_binary(gateway, accept):
    """Both ways, whatever the caller accepts first."""
    headers = {} if accept is None else {"accept": accept}

    answer = gateway.predict("picture", BYTES, content_type="image/png", **headers)

    assert (answer.status, answer.body) == (200, BYTES)
    assert gateway.call.request.body == BYTES


def test_error(build):
    """A problem with CORS, as the app made it."""
    answer = build(runtime=FakeRuntime(error=ModelNotReady())).predict("churn")

    assert_problem(answer, 503, "model-not-ready")
    assert answer.headers["access-control-allow-origin"] == "*"


def test_compressed(gateway):
    """A list of models is long enough to be compressed; it is one to the client."""
    answer = gateway.get("/models", {"Accept-Encoding": "gzip, br"})

    assert (answer.status, answer.headers["content-encoding"]) == (200, "gzip")
    assert json.loads(gzip.decompress(answer.body))["models"][0]["name"] == "attributes"


@pytest.mark.parametrize(
    ("path", "status", "message"),
    [
        pytest.param("/unknown", 403, "Missing Authentication Token", id="unknown-path"),
        pytest.param("/models", 401, "Unauthorized", id="no-credential"),
    ],
)
def test_what_api_gateway_answers_itself(gateway, path, status, message):
    """By plain `chalice deploy` it has neither CORS nor a problem in it; our log has nothing."""
    answer = gateway.client.api.handle("GET", path).answer

    assert (answer.status, answer.json()) == (status, {"message": message})
    assert "access-control-allow-origin" not in answer.headers
    assert gateway.log.text == ""


def test_authorizer_is_asked_once_a_minute(clock):
    """The app's own; its answer comes to the app's other routes too."""
    gateway = build_gateway(partial(SimulatorClient, clock=clock), clock=clock)

    assert gateway.predict("churn").status == 200
    clock.passes(59)
    assert gateway.get("/models/iris").status == 200
    assert len(gateway.log.credentials) == 1

    clock.passes(1)
    assert gateway.predict("house-price/houston").status == 200
    assert len(gateway.log.credentials) == 2


