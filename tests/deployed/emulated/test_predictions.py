"""Predictions over HTTP, through the emulated API Gateway, Lambda and IAM."""

import json
from urllib.parse import urlsplit

import pytest

from tests.support.http_server import response

JSON = ("Content-Type", "application/json")
EVERY_BYTE = bytes(range(256))


@pytest.fixture(name="credential")
def _credential(keys):
    """The header of a caller who may call every model."""
    return ("Authorization", f"Bearer {keys.everything}")


def test_prediction(deployed, credential):
    """The example of the list of models works as it stands, and leaves a line of log."""
    shown = deployed.send("GET", "/models/wine", [credential]).json()
    example = json.dumps(shown["example"]).encode()

    received = deployed.send("POST", "/predict/wine", [credential, JSON], example)

    assert (received.status, received.json()) == (200, {"predictions": [0]})
    assert received.headers["access-control-allow-origin"] == "*"
    (line,) = [
        line
        for line in deployed.logged("APIHandler", "request")
        if line["request_id"] == received.headers["x-request-id"]
    ]
    assert (line["model"], line["endpoint"]) == ("wine", "tabular")
    assert (line["principal"], line["service"]) == ("web-shop", "inference-gateway-dev")


@pytest.mark.parametrize(
    "body",
    [
        pytest.param(b"", id="empty"),
        pytest.param(EVERY_BYTE, id="every-byte"),
        pytest.param(EVERY_BYTE * 17_968 + bytes(192), id="as-large-as-can-be"),
    ],
)
@pytest.mark.parametrize("accept", ["*/*", "application/json, text/plain, */*"])
def test_bytes_are_bytes(recorded, credential, body, accept):
    """A body passes in both directions unchanged, whatever a browser accepts."""
    stack, server = recorded
    server.reset()
    binary = {"Content-Type": "application/octet-stream"}
    server.reply = lambda request: response(200, request.body, binary)
    headers = [credential, ("Content-Type", "application/x-npy"), ("Accept", accept)]

    received = stack.send("POST", "/predict/digit", headers, body)

    assert (received.status, received.headers["content-type"]) == (200, "application/octet-stream")
    assert received.body == body
    (request,) = server.requests
    assert request.body == body


@pytest.mark.parametrize("path", ["/models", "/models/wine", "/health"])
def test_head(recorded, credential, path):
    """API Gateway has the method HEAD on the routes that read, and its line is in the log."""
    stack, _ = recorded
    received = stack.send("HEAD", path, [credential])

    assert received.status == 200
    assert received.headers["content-type"] == "application/json"
    (line,) = [
        line
        for line in stack.logged("APIHandler", "request")
        if line["request_id"] == received.headers["x-request-id"]
    ]
    assert (line["method"], line["bytes_out"]) == ("HEAD", 0)


def test_page(deployed, package):
    """The page and its files are in the package, and need no credential."""
    page, script = (deployed.send("GET", path) for path in ("/", "/page/main.js"))

    assert (page.status, page.body) == (200, package.files["chalicelib/page/index.html"])
    assert page.headers["content-type"] == "text/html; charset=utf-8"
    assert (script.status, script.body) == (200, package.files["chalicelib/page/main.js"])
    assert script.headers["content-type"] == "text/javascript; charset=utf-8"


def test_api_document(deployed, credential):
    """The document of the API names the stage, so that a client of it calls the same stage."""
    described = deployed.send("GET", "/openapi.json", [credential]).json()

    stage = urlsplit(deployed.url).path
    assert described["servers"] == [{"url": stage}]
    assert stage
    assert "/predict/wine" in described["paths"]
    assert deployed.send("GET", "/openapi.json").status == 401


def test_health_is_open(deployed, package):
    """`/health` needs no credential, and has the digest of the table."""
    received = deployed.send("GET", "/health")

    digest = json.loads(package.files["chalicelib/routing.json"])["sha256"]
    assert received.status == 200
    assert received.json() == {"status": "ok", "models": 11, "table": digest[:12]}
