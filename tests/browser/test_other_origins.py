"""What a web page of another origin reads of the gateway's responses, with fetch and with axios.

The gateway is that of `make run` with a stub server in SageMaker's place; for what API Gateway
answers alone, it is a stub server with the responses of the deployment.
"""

import json
import threading
from contextlib import contextmanager
from pathlib import Path

import pytest

from chalicelib.api import cors
from deployment.fragment import gateway_responses
from tests.api_gateway.definition import functions_of, template_of
from tests.api_gateway.gateway_responses import reply
from tests.api_gateway.messages import Refused
from tests.api_gateway.simulator import ApiGateway
from tests.support.gateway import build_gateway
from tests.support.http_server import StubServer, refusal, response
from tests.support.key_documents import api_key, document, entry
from tests.support.local_gateway import ENVIRONMENT, LocalGateway
from tests.support.node import node_modules

# Both get a URL, and return the status, the bytes of the body, and the headers that a page can see.
FETCH = """async ([url, {repeat, body, ...options}]) => {
    options.body = body === undefined ? undefined : new Blob([body.repeat(repeat ?? 1)]);
    const response = await fetch(url, options);
    const bytes = new Uint8Array(await response.arrayBuffer());
    return [response.status, Array.from(bytes), Object.fromEntries(response.headers)];
}"""
AXIOS = """async ([url, {repeat, body, credentials, ...options}]) => {
    options.data = body === undefined ? undefined : new Blob([body.repeat(repeat ?? 1)]);
    options.withCredentials = credentials === "include";
    options.responseType = "arraybuffer";
    options.validateStatus = () => true;
    const response = await axios({url, ...options});
    return [response.status, Array.from(new Uint8Array(response.data)), {...response.headers}];
}"""

KEY = {"Authorization": f"Bearer {api_key()}"}
JSON = {**KEY, "Content-Type": "application/json"}
NPY = {**KEY, "Content-Type": "application/x-npy"}
EVERY_BYTE = bytes(range(256))
VARIANT = {"x-Amzn-Invoked-Production-Variant": "blue"}


def model_error(status):
    """Return SageMaker's response to a container that answers with this status."""
    body = json.dumps({"OriginalStatusCode": status, "OriginalMessage": "no"}).encode()
    return refusal(424, "ModelError", body)


# What SageMaker answers to a body of this text.
OF_SAGEMAKER = {
    b'"json"': response(200, b"[0]", {"Content-Type": "application/json", **VARIANT}),
    b'"csv"': response(200, b"1,2\n", {"Content-Type": "text/csv"}),
    b"bytes": response(200, EVERY_BYTE, {"Content-Type": "application/x-npy"}),
    b'"rejected"': model_error(422),
    b'"failed"': model_error(500),
    b'"denied"': refusal(403, "AccessDeniedException"),
    b'"broken"': refusal(500, "InternalFailure"),
    b'"cold"': refusal(429, "ModelNotReadyException"),
}
HANGS = b'"hangs"'


def predict(body, model="iris", headers=JSON, **more):
    return f"/predict/{model}", {"method": "POST", "headers": headers, "body": body, **more}


PREDICTIONS = [
    pytest.param(predict('"json"'), b"[0]", {"x-invoked-variant": "blue"}, id="json"),
    pytest.param(predict('"csv"', headers={**JSON, "Accept": "text/csv"}), b"1,2\n", {}, id="csv"),
    pytest.param(predict("bytes", "digit", NPY), EVERY_BYTE, {}, id="bytes"),
]
PROBLEMS = [
    pytest.param(predict("{"), 400, "invalid-json", id="400"),
    pytest.param(predict('"rejected"'), 422, "model-rejected-input", id="424-of-422"),
    pytest.param(
        predict("{}", headers={**JSON, "Authorization": "Bearer gw_x"}),
        *(401, "unauthorized"),
        id="401",
    ),
    pytest.param(
        predict("{}", headers={"Content-Type": "application/json"}),
        *(401, "unauthorized"),
        id="401-without-a-credential",
    ),
    pytest.param(predict("{}", "nothing"), 404, "unknown-model", id="404"),
    pytest.param(("/nothing", {}), 404, "no-such-path", id="404-path"),
    pytest.param(("/models", {"method": "POST", "headers": KEY}), 404, "no-such-path", id="method"),
    pytest.param(
        predict("{}", headers={**JSON, "Accept": "image/png"}), 406, "not-acceptable", id="406"
    ),
    pytest.param(predict("x", repeat=4_600_001), 413, "payload-too-large", id="413"),
    pytest.param(predict("x", headers=NPY), 415, "unsupported-media-type", id="415"),
    pytest.param(predict('"denied"'), 500, "gateway-misconfigured", id="500"),
    pytest.param(predict('"failed"'), 502, "model-error", id="424-of-500"),
    pytest.param(predict('"broken"'), 502, "upstream-error", id="502"),
    pytest.param(predict('"cold"'), 503, "model-not-ready", id="503"),
    pytest.param(
        predict('"hangs"', "digit", {**JSON, "X-Request-Timeout-Ms": "500"}),
        *(504, "upstream-timeout"),
        id="504",
    ),
]
OF_API_GATEWAY = [
    pytest.param("THROTTLED", 429, "too-many-requests", id="429"),
    pytest.param("REQUEST_TOO_LARGE", 413, "payload-too-large", id="413"),
    pytest.param("AUTHORIZER_FAILURE", 503, "auth-unavailable", id="503"),
    pytest.param("INTEGRATION_TIMEOUT", 504, "upstream-timeout", id="504"),
]


@contextmanager
def sagemaker():
    """Stand for AWS: a secret with one key, and a model that answers as a body asks it to."""
    ended = threading.Event()
    secret = json.dumps({"SecretString": document(abcd1234=entry(grants=["*"]))}).encode()

    def answer(request):
        if "X-Amz-Target" in request.headers:
            return response(200, secret)
        if request.body == HANGS:
            ended.wait()
        return OF_SAGEMAKER.get(request.body, response())

    with StubServer() as server:
        server.reply = answer
        try:
            yield server
        finally:
            ended.set()


@pytest.fixture(scope="module", params=["*", "named"])
def credentials(request):
    """How pages send credentials: not at all with any origin, and always with a named one."""
    return "omit" if request.param == "*" else "include"


@pytest.fixture(scope="module")
def origin(credentials, elsewhere):
    """The setting GATEWAY_CORS_ORIGIN."""
    return "*" if credentials == "omit" else elsewhere.rstrip("/")


@pytest.fixture(scope="module")
def gateway(origin):
    with sagemaker() as aws:
        environment = {**ENVIRONMENT, "AWS_ENDPOINT_URL": aws.url, "GATEWAY_CORS_ORIGIN": origin}
        with LocalGateway(environment) as running:
            yield running


@pytest.fixture(params=["fetch", "axios"])
def ask(request, page, elsewhere, credentials):
    """Return a function with which a page of another origin sends a request."""
    page.goto(elsewhere)
    if request.param == "axios":
        page.add_script_tag(path=node_modules(Path(__file__).parent) / "axios/dist/axios.min.js")
    script = {"fetch": FETCH, "axios": AXIOS}[request.param]

    def ask(url, options):
        status, body, headers = page.evaluate(
            script, [url, {**options, "credentials": credentials}]
        )
        return status, bytes(body), headers

    return ask


@pytest.mark.parametrize(("request_", "body", "headers"), PREDICTIONS)
def test_prediction(ask, gateway, request_, body, headers):
    """The page reads the model's bytes, and the headers about them."""
    path, options = request_

    status, received, shown = ask(gateway.url + path, options)

    assert (status, received) == (200, body)
    assert shown["x-model"] == path.removeprefix("/predict/")
    assert shown.items() >= headers.items()
    assert shown["x-request-id"]
    assert "gateway;dur=" in shown["server-timing"]


@pytest.mark.parametrize(("request_", "status", "slug"), PROBLEMS)
def test_problem(ask, gateway, request_, status, slug):
    """The page reads what is wrong, the request's id, and when to try again."""
    path, options = request_

    problem, headers = problem_of(ask(gateway.url + path, options), status, slug)

    assert headers["x-request-id"] == problem["instance"]


@pytest.mark.parametrize(("kind", "status", "slug"), OF_API_GATEWAY)
def test_api_gateway(ask, origin, kind, status, slug):
    """The page reads as well what API Gateway answers without the gateway."""
    app = build_gateway(cors_origin=origin).app
    own = gateway_responses(cors.headers(origin))
    preflights = ApiGateway(template_of(app), functions_of(app))

    def answer(request):
        if request.method == "OPTIONS":
            sent = preflights.handle("OPTIONS", request.path, request.headers.items())
        else:
            sent = reply(Refused(kind, "a test"), own, "an-id")
        return response(sent.status, sent.body, dict(sent.headers))

    with StubServer() as server:
        server.reply = answer
        path, options = predict("{}")
        problem, _ = problem_of(ask(server.url + path, options), status, slug)

    assert problem["instance"] == "an-id"


def problem_of(answer, status, slug):
    """Check a response, and return its problem and the headers that the page can see."""
    received, body, headers = answer
    problem = json.loads(body)
    assert (received, problem["type"]) == (status, f"urn:inference-gateway:{slug}")
    assert ("retry-after" in headers) == (status in {429, 503})
    return problem, headers
