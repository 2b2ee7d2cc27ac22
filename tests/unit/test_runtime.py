"""One call within a deadline. How errors are mapped is test_upstream_errors.py."""

import pytest
from botocore.exceptions import ParamValidationError
from botocore.stub import Stubber
from urllib3.exceptions import ReadTimeoutError

from chalicelib import errors
from chalicelib.aws import clients
from chalicelib.aws.deadline import Deadline
from chalicelib.payload.admission import InferenceRequest
from chalicelib.sagemaker.runtime import MAX_RESPONSE_BYTES, SageMakerRuntime
from chalicelib.telemetry.log import RequestRecord
from tests.support.fake_body import FakeBody
from tests.support.gateway import AWS, table

MODELS = table()
REQUEST = InferenceRequest(b"{}", "application/json")


class Stubbed:
    """The real runtime on a real client, whose answers are checked against AWS's own model."""

    def __init__(self):
        self.client = clients.client("sagemaker-runtime", **AWS)
        self.stub = Stubber(self.client)
        self.runtime = SageMakerRuntime(lambda: self.client)
        self.record = RequestRecord("id")

    def answers(self, body, *, length=None, expected=None, **members):
        headers = {"transfer-encoding": "chunked"}
        if length is not None:
            headers = {"content-length": str(length)}
        metadata = {"HTTPStatusCode": 200, "HTTPHeaders": headers}
        members = {"ContentType": "application/json", **members}
        response = {"Body": body, "ResponseMetadata": metadata, **members}
        self.stub.add_response("invoke_endpoint", response, expected)
        self.stub.activate()

    def falls_silent(self):
        """From now on nothing answers."""
        self.stub.deactivate()
        self.client.meta.events.register("before-send", raise_read_timeout)

    def invoke(self, path="churn", request=REQUEST, seconds=5.0):
        deadline = Deadline.soonest([seconds])
        return self.runtime.invoke(MODELS.resolve(path), request, deadline, self.record)


@pytest.fixture(name="stubbed")
def _stubbed():
    return Stubbed()


def test_call(stubbed):
    """Target and request become InvokeEndpoint's arguments, and nothing else does."""
    request = InferenceRequest(b"1", "text/csv", "text/csv", {"InferenceId": "7"})
    expected = {
        "EndpointName": "housing",
        "TargetModel": "houston/v3.tar.gz",
        "Body": b"1",
        "ContentType": "text/csv",
        "Accept": "text/csv",
        "InferenceId": "7",
    }
    stubbed.answers(FakeBody(b"0.5"), length=3, expected=expected)

    assert stubbed.invoke("house-price/houston", request).body == b"0.5"

    stubbed.stub.assert_no_pending_responses()
    assert stubbed.record.attempts == 1


def test_answer(stubbed):
    """All that SageMaker says of an answer."""
    said = {
        "ContentType": "text/csv; charset=utf-8",
        "InvokedProductionVariant": "green",
        "CustomAttributes": "took=3",
        "NewSessionId": "s; Expires=2026-01-01T00:00:00Z",
        "ClosedSessionId": "old",
    }
    stubbed.answers(FakeBody(b"0.5"), length=3, **said)

    response = stubbed.invoke()

    assert response.content_type == said["ContentType"]
    assert response.invoked_variant == said["InvokedProductionVariant"]
    assert response.custom_attributes == said["CustomAttributes"]
    assert response.new_session_id == said["NewSessionId"]
    assert response.closed_session_id == said["ClosedSessionId"]


@pytest.mark.parametrize(
    "value", ["a\r\nSet-Cookie: b", "a\nb", "a\x00", "größe", "", "x" * 1025], ids=ascii
)
def test_hostile_headers(stubbed, value):
    """A container's header that is no plain text is as if it had not come."""
    said = ("InvokedProductionVariant", "CustomAttributes", "NewSessionId", "ClosedSessionId")
    stubbed.answers(FakeBody(b"1"), length=1, **dict.fromkeys(said, value))

    response = stubbed.invoke()

    known = (response.invoked_variant, response.custom_attributes)
    assert known == (None, None)
    assert (response.new_session_id, response.closed_session_id) == (None, None)


@pytest.mark.parametrize("value", ["text/html\r\nX-Injected: 1", ""], ids=ascii)
def test_no_content_type(stubbed, value):
    """Bytes that nobody can tell the meaning of are no answer."""
    stubbed.answers(FakeBody(b"1"), length=1, ContentType=value)

    with pytest.raises(errors.UpstreamInvalidResponse):
        stubbed.invoke()


def test_empty_answer(stubbed):
    """No bytes need no type."""
    stubbed.answers(FakeBody(), length=0, ContentType="")

    response = stubbed.invoke()

    assert (response.body, response.content_type) == (b"", "application/octet-stream")


@pytest.mark.parametrize("length", [6, None], ids=["length-known", "length-unknown"])
def test_body(stubbed, length):
    """It is read as it comes."""
    body = FakeBody(b"ab", b"c", b"def")
    stubbed.answers(body, length=length)

    assert stubbed.invoke(seconds=5.0).body == b"abcdef"

    assert body.closed


@pytest.mark.parametrize(
    ("pieces", "length", "expected"),
    [
        pytest.param([b"abc"], 6, errors.UpstreamTruncated, id="ends-early"),
        pytest.param([], 6, errors.UpstreamTruncated, id="never-begins"),
        pytest.param(
            [b"a", ReadTimeoutError(None, "", "slow")], 6, errors.UpstreamTimedOut, id="hangs"
        ),
        pytest.param(
            [], MAX_RESPONSE_BYTES + 1, errors.UpstreamResponseTooLarge, id="says-it-is-too-large"
        ),
        pytest.param(
            [b"x" * 65_536] * 71, None, errors.UpstreamResponseTooLarge, id="is-too-large"
        ),
    ],
)
def test_bad_body(stubbed, pieces, length, expected):
    """A part is never an answer, and a connection that is left in the middle is closed."""
    body = FakeBody(*pieces)
    stubbed.answers(body, length=length)

    with pytest.raises(expected):
        stubbed.invoke()
    assert body.closed


def test_largest_answer(stubbed):
    """What base64 makes 6,200,000 characters of can just be sent back."""
    pieces = [b"x" * 50_000] * (MAX_RESPONSE_BYTES // 50_000)
    stubbed.answers(FakeBody(*pieces), length=MAX_RESPONSE_BYTES)

    assert len(stubbed.invoke().body) == MAX_RESPONSE_BYTES == 4_650_000


def test_too_late(stubbed):
    """With too little time left SageMaker is not called, not even for an artifact."""
    for path in ("churn", "iris"):
        with pytest.raises(errors.UpstreamTimedOut):
            stubbed.invoke(path, seconds=0.01)

    assert (stubbed.record.attempts, stubbed.record.model_seconds) == (0, 0.0)


@pytest.mark.parametrize(
    ("path", "seen", "expected"),
    [
        pytest.param("iris", False, errors.ModelNotReady, id="artifact-never-seen"),
        pytest.param("iris", True, errors.UpstreamTimedOut, id="artifact-seen-answering"),
        pytest.param("churn", False, errors.UpstreamTimedOut, id="always-loaded"),
    ],
)
def test_silence(stubbed, path, seen, expected):
    """Within our deadline a cold artifact looks like a hang, unless it has been answering."""
    if seen:
        stubbed.answers(FakeBody(b"1"), length=1)
        stubbed.invoke(path)
    stubbed.falls_silent()

    with pytest.raises(expected) as raised:
        stubbed.invoke(path)

    assert raised.value.__cause__ is not None
    assert stubbed.record.model_seconds > 0


def raise_read_timeout(**_):
    raise ReadTimeoutError(None, "", "slow")


def test_body_that_hangs_is_no_cold_artifact(stubbed):
    """Whoever has begun to answer has been loaded."""
    stubbed.answers(FakeBody(b"a", ReadTimeoutError(None, "", "slow")), length=2)

    with pytest.raises(errors.UpstreamTimedOut):
        stubbed.invoke("iris")


@pytest.mark.parametrize(("exposing", "message"), [(False, None), (True, "bad shape")])
def test_models_own_words(stubbed, exposing, message):
    """They come through where the table says so, and boto3's error stays the cause."""
    models = table(
        f"version: 1\nmodels:\n  m:\n    kind: single\n    endpoint: e\n"
        f"    expose_model_errors: {str(exposing).lower()}\n"
    )
    stubbed.stub.add_client_error(
        "invoke_endpoint",
        "ModelError",
        http_status_code=424,
        modeled_fields={"OriginalStatusCode": 400, "OriginalMessage": "bad shape"},
    )

    with pytest.raises(errors.ModelRejectedInput) as raised, stubbed.stub:
        stubbed.runtime.invoke(models.resolve("m"), REQUEST, Deadline.soonest([5]), stubbed.record)

    assert raised.value.model_message == message
    assert type(raised.value.__cause__).__name__ == "ModelError"


class Refusing:
    """A client that does not even send."""

    def invoke_endpoint(self, **_):
        raise ParamValidationError(report="canary")


def test_bug():
    """What botocore refuses to send is no fault of the endpoint's."""
    runtime = SageMakerRuntime(Refusing)

    with pytest.raises(ParamValidationError):
        runtime.invoke(MODELS.resolve("churn"), REQUEST, Deadline.soonest([5]), RequestRecord("id"))
