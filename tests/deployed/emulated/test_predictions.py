"""From a request over HTTP to a model on SageMaker, and back."""

import io
import json

import numpy as np
import pytest
from PIL import Image

from tests.support.recorder import Answer

JSON = ("Content-Type", "application/json")
EVERY_BYTE = bytes(range(256))


@pytest.fixture(name="credential")
def _credential(keys):
    """Of somebody who may call everything."""
    return ("Authorization", f"Bearer {keys.everything}")


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
    """A body is the same in both directions, whatever is in it and whatever a browser accepts."""
    stack, recorder = recorded
    recorder.reset()
    recorder.answer = lambda arrived: Answer(
        arrived.body, headers=(("Content-Type", "application/octet-stream"),)
    )
    headers = [credential, ("Content-Type", "application/x-npy"), ("Accept", accept)]

    answer = stack.send("POST", "/predict/digit", headers, body)

    assert (answer.status, answer.headers["content-type"]) == (200, "application/octet-stream")
    assert answer.body == body
    (arrived,) = recorder.arrived
    assert arrived.body == body


def test_health_is_open(deployed, package):
    """Without a credential, with the digest of the table."""
    answer = deployed.send("GET", "/health")

    digest = json.loads(package.files["chalicelib/routing.json"])["sha256"]
    assert answer.status == 200
    assert answer.json() == {"status": "ok", "models": 9, "table": digest[:12]}


def test_what_a_request_leaves_in_the_log(deployed, credential):
    """A line that names the request as the caller knows it, the model and who called it."""
    answer = deployed.send("POST", "/predict/wine", [credential, JSON], b'{"instances": []}')

    (line,) = [
        line
        for line in deployed.logged("APIHandler", "request")
        if line["request_id"] == answer.headers["x-request-id"]
    ]
    assert (line["model"], line["endpoint"]) == ("wine", "tabular")
    assert (line["principal"], line["service"]) == ("web-shop", "inference-gateway-dev")
