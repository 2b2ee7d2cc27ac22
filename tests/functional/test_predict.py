"""`POST /predict/…`: the table says where the model lives, and bytes are bytes."""

import json

import pytest

from chalicelib.payload.messages import InferenceResponse
from tests.support.gateway import FakeRuntime
from tests.support.problems import assert_problem

EVERY_BYTE = bytes(range(256))
BODIES = [
    pytest.param(EVERY_BYTE, id="every-byte"),
    pytest.param(b"\x93NUMPY\x01\x00v\x00{'descr': '<f8'}\n" + EVERY_BYTE * 40, id="npy"),
    pytest.param("überall 🙂\r\n".encode("utf-16"), id="utf-16"),
    pytest.param(b'\xef\xbb\xbf{"a": "\\u00e9"}', id="byte-order-mark"),
    pytest.param(b"iVBORw0KGgo=", id="looks-like-base64"),
    pytest.param(b"\x1f\x8b\x08\x00\x00\x00\x00\x00\x00\x03", id="looks-like-gzip"),
    pytest.param(b"\x00", id="nul"),
    pytest.param(b"", id="empty"),
]


@pytest.mark.parametrize(
    ("path", "target"),
    [
        pytest.param("churn", {"EndpointName": "churn-prod"}, id="single"),
        pytest.param(
            "churn-green", {"EndpointName": "churn-prod", "TargetVariant": "green"}, id="variant"
        ),
        pytest.param(
            "iris", {"EndpointName": "tabular", "TargetModel": "iris-v1.tar.gz"}, id="multi-model"
        ),
        pytest.param(
            "house-price/houston",
            {"EndpointName": "housing", "TargetModel": "houston/v3.tar.gz"},
            id="one-parameter",
        ),
        pytest.param(
            "translate/de/en",
            {"EndpointName": "languages", "TargetModel": "de-en.tar.gz"},
            id="two-parameters",
        ),
        pytest.param(
            "sentiment",
            {"EndpointName": "nlp", "TargetContainerHostname": "sentiment"},
            id="multi-container",
        ),
        pytest.param("wine-grade", {"EndpointName": "wine-pipeline"}, id="pipeline"),
        pytest.param(
            "summary",
            {"EndpointName": "shared", "InferenceComponentName": "summary-v2"},
            id="component",
        ),
    ],
)
def test_target(gateway, path, target):
    """A model's target is what the table says, and nothing else."""
    assert gateway.predict(path).status == 200

    assert gateway.call.target == target


def test_answer(build):
    """The model's body with its own Content-Type; which model and which variant answered."""
    answered = InferenceResponse(b"0.7\n", "text/csv; charset=utf-8", invoked_variant="green")
    gateway = build(runtime=FakeRuntime(lambda target, request: answered))

    answer = gateway.predict("house-price/austin")

    assert (answer.status, answer.body) == (200, b"0.7\n")
    assert answer.headers["content-type"] == "text/csv; charset=utf-8"
    assert answer.headers["x-model"] == "house-price/{city}"
    assert answer.headers["x-invoked-variant"] == "green"


def test_no_variant(gateway):
    """SageMaker does not always say which variant answered; then neither does the gateway."""
    assert "x-invoked-variant" not in gateway.predict("churn").headers


@pytest.mark.parametrize("body", BODIES)
def test_request_bytes(gateway, body):
    """The model gets the very bytes that were sent, and the caller the very bytes it answers."""
    answer = gateway.post("/predict/picture", body, {"Content-Type": "image/png"})

    assert gateway.call.request.body == body
    assert (answer.status, answer.body) == (200, body)


@pytest.mark.parametrize(
    "content_type", ["application/json", "text/html", "image/png", "application/x-npy", "*/*"]
)
@pytest.mark.parametrize("accept", [None, "*/*", "image/png,*/*;q=0.8", "application/json"])
def test_answer_bytes(build, content_type, accept):
    """Whatever the model calls its answer and the caller accepts: the bytes are its own."""
    answered = InferenceResponse(EVERY_BYTE, content_type)
    gateway = build(runtime=FakeRuntime(lambda target, request: answered))
    headers = {"Content-Type": "image/png", **({"Accept": accept} if accept else {})}

    answer = gateway.post("/predict/picture", b"?", headers)

    assert (answer.status, answer.body) == (200, EVERY_BYTE)
    assert answer.headers["content-type"] == content_type


def test_json_is_not_rewritten(gateway):
    """Not even white space, the order of keys or the form of a number."""
    body = b' {"b": 1.50, "a": [1e2,\n-0.0], "b": 12345678901234567890}\r\n'

    assert gateway.predict("churn", body).body == body


def test_text_that_api_gateway_did_not_encode(deployed):
    """A stage without binary types delivers text; it is taken as UTF-8."""
    event = deployed.client.event("POST", "/predict/churn", {"content-type": "application/json"})
    event |= {"body": '{"city": "Köln"}', "isBase64Encoded": False}

    answer = deployed.client.deliver(event)

    assert answer.body == '{"city": "Köln"}'.encode()


def test_base64_by_chalice_local(build):
    """A local server encodes the body too when its Content-Type is literally `*/*`."""
    gateway = build()

    answer = gateway.post("/predict/picture", b"\x00", {"content-type": "*/*"})

    assert_problem(answer, 415, "unsupported-media-type")
    assert gateway.log.requests[0]["bytes_in"] == 1


@pytest.mark.parametrize(
    ("path", "shown"),
    [
        ("chrun", "chrun"),
        ("CHURN", "CHURN"),
        ("house-price", "house-price"),
        ("churn/houston", "churn/houston"),
        ("house-price/houston/3", "house-price/houston/3"),
        ("house-price%2Fhouston", "house-price%2Fhouston"),
        ("%63hurn", "%63hurn"),
        ("house-price/*", None),
        ("house-price/{city}", None),
    ],
)
def test_unknown(gateway, path, shown):
    """What the table does not name does not exist, and nothing is decoded to find it."""
    answer = gateway.predict(path)

    if shown is None:
        assert_problem(answer, 400, "invalid-parameter")
    else:
        problem = assert_problem(answer, 404, "unknown-model")
        assert f"'{shown}'" in problem["detail"]
    assert gateway.runtime.calls == []


@pytest.mark.parametrize(
    "path",
    [
        pytest.param("house-price/paris", id="not-one-of"),
        pytest.param("house-price/Houston", id="case"),
        pytest.param("house-price/..", id="dots"),
        pytest.param("house-price/houston%20", id="percent"),
        pytest.param("house-price/" + "a" * 64, id="long"),
        pytest.param("translate/de/eng", id="pattern-is-matched-to-the-end"),
        pytest.param("translate/de/EN", id="pattern"),
        pytest.param("translate//en", id="empty"),
    ],
)
def test_parameter(gateway, path):
    """A parameter that breaks its rule never becomes a part of a target."""
    assert_problem(gateway.predict(path), 400, "invalid-parameter")

    assert gateway.runtime.calls == []


def test_targeting_headers_are_ignored(gateway):
    """The target comes from the table alone, whatever a caller says."""
    said = {
        "X-Amzn-SageMaker-Target-Model": "secret.tar.gz",
        "X-Amzn-SageMaker-Target-Variant": "blue",
        "X-Amzn-SageMaker-Target-Container-Hostname": "other",
        "X-Amzn-SageMaker-Inference-Component": "other",
        "X-Amzn-SageMaker-Enable-Explanations": "`true`",
        "X-Amzn-SageMaker-Prefix-Aware-Id": "x",
    }

    answer = gateway.post(
        "/predict/attributes", b"{}", {"Content-Type": "application/json", **said}
    )

    assert answer.status == 200
    assert gateway.call.target == {"EndpointName": "attributes"}
    assert gateway.call.request.invoke_args() == {"Body": b"{}", "ContentType": "application/json"}


def test_event_that_is_no_request(deployed):
    """A warm-up ping or a mistaken trigger gets an answer; nothing is called or written down."""
    answer = deployed.client.deliver({"source": "aws.events", "detail": {}})

    assert answer.status == 500
    assert json.loads(answer.body)["Message"] == "Unknown request."
    assert (deployed.runtime.calls, deployed.log.text) == ([], "")
