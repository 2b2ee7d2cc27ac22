"""`POST /predict/…`: names, parameters and bytes."""

import pytest

from chalicelib.api.wire import decode_base64
from chalicelib.payload.admission import LARGE_BODY_BYTES
from chalicelib.sagemaker.answers import InferenceResponse
from tests.support.gateway import FakeRuntime
from tests.support.problems import assert_problem

EVERY_BYTE = bytes(range(256))


def test_answer(build):
    """The caller gets the model's body and type, and the names of model and variant."""
    result = InferenceResponse(b"0.7\n", "text/csv; charset=utf-8", invoked_variant="green")
    gateway = build(runtime=FakeRuntime(lambda target, request: result))

    response = gateway.predict("house-price/austin")

    assert (response.status, response.body) == (200, b"0.7\n")
    assert response.headers["content-type"] == "text/csv; charset=utf-8"
    assert response.headers["x-model"] == "house-price/{city}"
    assert response.headers["x-invoked-variant"] == "green"


def test_no_variant(gateway):
    """Without a variant from SageMaker there is no variant header."""
    assert "x-invoked-variant" not in gateway.predict("churn").headers


@pytest.mark.parametrize(
    "content_type", ["application/json", "text/html", "image/png", "application/x-npy", "*/*"]
)
@pytest.mark.parametrize("accept", [None, "*/*", "image/png,*/*;q=0.8", "application/json"])
def test_answer_bytes(build, content_type, accept):
    """The caller gets the model's bytes, whatever their type and whatever the caller accepts."""
    result = InferenceResponse(EVERY_BYTE, content_type)
    gateway = build(runtime=FakeRuntime(lambda target, request: result))
    headers = {"Content-Type": "image/png", **({"Accept": accept} if accept else {})}

    response = gateway.post("/predict/picture", b"?", headers)

    assert (response.status, response.body) == (200, EVERY_BYTE)
    assert response.headers["content-type"] == content_type


def test_json_is_not_rewritten(gateway):
    """JSON keeps its white space, the order of its keys and the form of its numbers."""
    body = b' {"b": 1.50, "a": [1e2,\n-0.0], "b": 12345678901234567890}\r\n'

    assert gateway.predict("churn", body).body == body


def test_text_that_api_gateway_did_not_encode(deployed):
    """A body that API Gateway passes as text is UTF-8."""
    event = deployed.client.event("POST", "/predict/churn", {"content-type": "application/json"})
    event |= {"body": '{"city": "Köln"}', "isBase64Encoded": False}

    response = deployed.client.deliver(event)

    assert response.body == '{"city": "Köln"}'.encode()


@pytest.mark.parametrize("wrong", ["!", "=", "=A", "é"])
def test_large_body_that_is_no_base64(wrong):
    """A large body is refused as a small one is, though another decoder reads it."""
    with pytest.raises(ValueError, match=r"base64|ASCII"):
        decode_base64("A" * LARGE_BODY_BYTES + wrong)


def test_base64_by_chalice_local(build):
    """`chalice local` encodes a body whose Content-Type is `*/*`; the gateway decodes it."""
    gateway = build()

    response = gateway.post("/predict/picture", b"\x00", {"content-type": "*/*"})

    assert_problem(response, 415, "unsupported-media-type")
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
    """A name that is not in the table is unknown; nothing is decoded to find it."""
    response = gateway.predict(path)

    if shown is None:
        assert_problem(response, 400, "invalid-parameter")
    else:
        problem = assert_problem(response, 404, "unknown-model")
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
    """A parameter that breaks its rule is refused."""
    assert_problem(gateway.predict(path), 400, "invalid-parameter")

    assert gateway.runtime.calls == []
