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


@pytest.fixture(name="picture", scope="module")
def _picture(deployed, keys):
    """The 3 that the catalog shows: 64 numbers from 0 to 16."""
    credential = ("Authorization", f"Bearer {keys.everything}")
    example = deployed.send("GET", "/models/digit", [credential]).json()["example"]
    return np.array(example["instances"][0], dtype="uint8").reshape(1, 8, 8)


def as_npy(picture):
    file = io.BytesIO()
    np.save(file, picture)
    return file.getvalue()


def as_png(picture):
    file = io.BytesIO()
    Image.fromarray((picture[0] * (255 / 16)).astype("uint8")).save(file, "PNG")
    return file.getvalue()


@pytest.mark.parametrize(
    ("path", "target"),
    [
        pytest.param("digit", {"EndpointName": "digit-reader"}, id="single"),
        pytest.param(
            "iris", {"EndpointName": "tabular", "TargetModel": "iris-v1.tar.gz"}, id="mme"
        ),
        pytest.param(
            "is-digit/7", {"EndpointName": "digits", "TargetModel": "is-7-v1.tar.gz"}, id="pattern"
        ),
        pytest.param(
            "diabetes-boosted",
            {"EndpointName": "diabetes", "TargetContainerHostname": "lightgbm"},
            id="mce",
        ),
        pytest.param("wine-grade", {"EndpointName": "wine-pipeline"}, id="pipeline"),
        pytest.param(
            "diabetes-component",
            {"EndpointName": "shared", "InferenceComponentName": "diabetes-component"},
            id="component",
        ),
    ],
)
def test_each_kind_answers_its_example(deployed, demo, credential, path, target):
    """What the catalog shows works as it stands, and is answered as boto3 alone is answered."""
    shown = deployed.send("GET", f"/models/{path}", [credential]).json()
    example = json.dumps(shown["example"]).encode()

    answer = deployed.send("POST", f"/predict/{path}", [credential, JSON], example)

    assert answer.status == 200, answer.body
    direct = demo.client("sagemaker-runtime").invoke_endpoint(
        **target, ContentType="application/json", Body=example
    )
    assert answer.body == direct["Body"].read()
    assert answer.headers["content-type"] == direct["ContentType"]
    assert answer.headers["x-model"] == shown["name"]
    assert answer.headers["access-control-allow-origin"] == "*"


@pytest.mark.parametrize(
    ("content_type", "written"), [("application/x-npy", as_npy), ("image/png", as_png)]
)
def test_a_picture_in_bytes(deployed, credential, picture, content_type, written):
    """An array or an image reaches the model as it was sent."""
    headers = [credential, ("Content-Type", content_type)]

    answer = deployed.send("POST", "/predict/digit", headers, written(picture))

    assert (answer.status, answer.json()) == (200, {"predictions": [3]})


def test_another_media_type_in_and_out(deployed, credential):
    """CSV goes in and, when it is asked for, comes out."""
    headers = [credential, ("Content-Type", "text/csv; charset=utf-8"), ("Accept", "text/csv")]

    answer = deployed.send("POST", "/predict/iris", headers, b"5.1,3.5,1.4,0.2\n")

    assert answer.headers["content-type"].startswith("text/csv")
    assert answer.body == b"0\n"


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


def test_the_catalog_shows_what_a_caller_may_call(deployed, keys):
    """Of the table that is in the zip."""
    headers = [("Authorization", f"Bearer {keys.iris_and_seven}")]

    models = deployed.send("GET", "/models?limit=2", headers).json()["models"]

    assert {model["name"]: model["parameters"] for model in models} == {
        "iris": {},
        "is-digit/{digit}": {"digit": {"one_of": ["7"]}},
    }


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
