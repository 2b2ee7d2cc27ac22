"""What a model lets in. How a caller reads the refusals is tests/functional."""

import pytest

from chalicelib.errors import (
    InvalidHeader,
    InvalidJson,
    NotAcceptable,
    PayloadTooLarge,
    UnsupportedMediaType,
)
from chalicelib.payload.admission import (
    MAX_BODY_BYTES,
    ClientRequest,
    InferenceRequest,
    admit,
)
from tests.support.gateway import table

MODELS = table()
JSON = {"content-type": "application/json"}
PASSABLE = {
    "x-amzn-sagemaker-custom-attributes": "trace=7",
    "x-amzn-sagemaker-inference-id": "id-7",
    "x-amzn-sagemaker-session-id": "NEW_SESSION",
}


def model(path):
    return MODELS.resolve(path).model


def call(body=b"{}", *, size_bytes=None, repeated=(), **headers):
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    size_bytes = len(body) if size_bytes is None else size_bytes
    return ClientRequest(JSON | named, body, size_bytes, frozenset(repeated))


def test_admitted():
    """The model's request is the caller's body and type, and what was negotiated."""
    request = admit(call(b"1,2", content_type="text/csv", accept="text/*"), model("iris"))

    assert request == InferenceRequest(b"1,2", "text/csv", "text/csv")
    assert request.invoke_args() == {
        "Body": b"1,2",
        "ContentType": "text/csv",
        "Accept": "text/csv",
    }


def test_passed():
    """What the model passes goes under SageMaker's own names."""
    request = admit(ClientRequest(JSON | PASSABLE, b"{}", 2), model("attributes"))

    assert request.invoke_args() == {
        "Body": b"{}",
        "ContentType": "application/json",
        "CustomAttributes": "trace=7",
        "InferenceId": "id-7",
        "SessionId": "NEW_SESSION",
    }


def test_order():
    """Accept, Content-Type, headers, size, JSON: mend one refusal and the next one shows."""
    said = {
        "accept": "text/html",
        "content_type": "text/plain",
        "repeated": ["content-type"],
        "x_request_timeout_ms": "soon",
        "size_bytes": MAX_BODY_BYTES + 1,
    }
    refusals = []
    for mended in [None, *said]:
        said.pop(mended, None)
        with pytest.raises((*ORDER,)) as refused:
            admit(call(b"{", **said), model("churn"))
        refusals.append(type(refused.value))

    assert refusals == ORDER


ORDER = [
    NotAcceptable,
    UnsupportedMediaType,
    InvalidHeader,
    InvalidHeader,
    PayloadTooLarge,
    InvalidJson,
]


@pytest.mark.parametrize(
    ("path", "taken"),
    [
        pytest.param("churn", False, id="only-json"),
        pytest.param("iris", True, id="json-and-csv"),
    ],
)
def test_whose_json_is_checked(path, taken):
    """A model that takes more than JSON reads its bodies itself."""
    if taken:
        assert admit(call(b"{"), model(path)).body == b"{"
    else:
        with pytest.raises(InvalidJson):
            admit(call(b"{"), model(path))


@pytest.mark.parametrize(
    ("said", "seconds"),
    [(None, None), ("1", 0.001), ("250", 0.25), ("025000", 25.0), ("999999999", 999_999.999)],
)
def test_requested_timeout(said, seconds):
    """Milliseconds become seconds."""
    headers = {} if said is None else {"x_request_timeout_ms": said}

    assert call(**headers).timeout_seconds == seconds
