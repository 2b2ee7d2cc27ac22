"""Calls of SageMaker: what is sent and read, further attempts, and the client that all share.

Responses that break off, hang, are too large or hostile are tested through HTTP: tests/faults.
"""

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
from botocore.exceptions import NoRegionError, ParamValidationError
from botocore.stub import Stubber
from urllib3.exceptions import ReadTimeoutError

from chalicelib import errors
from chalicelib.aws import clients
from chalicelib.aws.deadline import Deadline
from chalicelib.payload.admission import InferenceRequest
from chalicelib.sagemaker.attempts import Warmth
from chalicelib.sagemaker.runtime import SageMakerRuntime
from chalicelib.telemetry.request_record import RequestRecord
from tests.support.clock import Clock
from tests.support.fake_body import FakeBody
from tests.support.gateway import AWS, table

MODELS = table("""\
version: 1
models:
  churn: {kind: single, endpoint: churn-prod}
  exposing: {kind: single, endpoint: e, expose_model_errors: true, max_attempts: 3}
  house-price/{city}:
    kind: mme
    endpoint: housing
    target_model: "{city}/v3.tar.gz"
    parameters: {city: {one_of: [houston]}}
  iris: {kind: mme, endpoint: tabular, target_model: iris-v1.tar.gz}
  waiting: {kind: mme, endpoint: tabular, target_model: iris-v1.tar.gz, cold_start: wait}
""")
REQUEST = InferenceRequest(b"{}", "application/json")


class StubbedRuntime:
    """The runtime with a client whose responses are checked against AWS's own model.

    It records pauses and does not wait.
    """

    def __init__(self):
        client = clients.client("sagemaker-runtime", **AWS)
        self.stub = Stubber(client)
        self.stub.activate()
        self.pauses = []
        self.record = RequestRecord("id")
        self.clock = Clock()
        self._client = client
        self._runtime = SageMakerRuntime(lambda: client, pause=self.pauses.append)
        self._runtime._warmth = Warmth(self.clock)

    def add_error(self, code, status, times=1, **members):
        for _ in range(times):
            self.stub.add_client_error(
                "invoke_endpoint", code, http_status_code=status, modeled_fields=members
            )

    def add_answer(self, body, length, *, expected=None, **members):
        headers = {"content-length": str(length)}
        metadata = {"HTTPStatusCode": 200, "HTTPHeaders": headers}
        members = {"ContentType": "application/json", **members}
        response = {"Body": body, "ResponseMetadata": metadata, **members}
        self.stub.add_response("invoke_endpoint", response, expected)

    def time_out(self):
        """From now on let every call run into its read timeout."""

        def raise_timeout(**_):
            raise ReadTimeoutError(None, "", "slow")

        self.stub.deactivate()
        self._client.meta.events.register("before-send", raise_timeout)

    def invoke(self, path="churn", request=REQUEST, *, seconds=25.0):
        deadline = Deadline.after(seconds)
        return self._runtime.invoke(MODELS.resolve(path), request, deadline, self.record)


@pytest.fixture(name="stubbed")
def _stubbed():
    return StubbedRuntime()


@pytest.mark.parametrize(
    ("request_id", "sent"),
    [
        ("5f0e4f9c-1f1c-4e4e-9f5a-0a1b2c3d4e5f", "5f0e4f9c-1f1c-4e4e-9f5a-0a1b2c3d4e5f"),
        ("x" * 64, "x" * 64),
        ("abc" * 40, ("abc" * 40)[:64]),
        ("  a b", "a b"),
    ],
)
def test_inference_id(stubbed, request_id, sent):
    """SageMaker gets the request id as the InferenceId; of a long one, its beginning."""
    stubbed.record = RequestRecord(request_id)
    expected = {
        "EndpointName": "churn-prod",
        "Body": b"{}",
        "ContentType": "application/json",
        "InferenceId": sent,
    }
    stubbed.add_answer(FakeBody(b"0.5"), 3, expected=expected)

    assert stubbed.invoke("churn").body == b"0.5"


def test_arguments(stubbed):
    """Target and request become the arguments of InvokeEndpoint; the caller's id comes first."""
    request = InferenceRequest(b"1", "text/csv", "text/csv", {"InferenceId": "7"})
    expected = {
        "EndpointName": "housing",
        "TargetModel": "houston/v3.tar.gz",
        "Body": b"1",
        "ContentType": "text/csv",
        "Accept": "text/csv",
        "InferenceId": "7",
    }
    stubbed.add_answer(FakeBody(b"0.5"), 3, expected=expected)

    assert stubbed.invoke("house-price/houston", request).body == b"0.5"
    stubbed.stub.assert_no_pending_responses()
    assert stubbed.record.attempts == 1


def test_response(stubbed):
    """The response has all members of SageMaker's response, and its body is closed."""
    body = FakeBody(b"0", b".", b"5")
    stubbed.add_answer(
        body,
        3,
        ContentType="text/csv; charset=utf-8",
        InvokedProductionVariant="green",
        CustomAttributes="took=3",
        NewSessionId="s; Expires=2026-01-01T00:00:00Z",
        ClosedSessionId="old",
    )

    response = stubbed.invoke()

    assert body.closed
    assert response.body == b"0.5"
    assert response.content_type == "text/csv; charset=utf-8"
    assert response.invoked_variant == "green"
    assert response.custom_attributes == "took=3"
    assert response.new_session_id == "s; Expires=2026-01-01T00:00:00Z"
    assert response.closed_session_id == "old"


@pytest.mark.parametrize(
    "value", ["a\r\nSet-Cookie: b", "a\nb", "a\x00", "größe", "", "x" * 1025], ids=ascii
)
def test_hostile_header(stubbed, value):
    """A header that is not short plain text is ignored."""
    members = ("InvokedProductionVariant", "CustomAttributes", "NewSessionId", "ClosedSessionId")
    stubbed.add_answer(FakeBody(b"1"), 1, **dict.fromkeys(members, value))

    response = stubbed.invoke()

    assert (response.invoked_variant, response.custom_attributes) == (None, None)
    assert (response.new_session_id, response.closed_session_id) == (None, None)


@pytest.mark.parametrize(
    ("pieces", "expected"),
    [
        pytest.param([b"abc"], errors.UpstreamTruncated, id="ends-early"),
        # An artifact that has begun to answer is loaded.
        pytest.param(
            [b"a", ReadTimeoutError(None, "", "slow")], errors.UpstreamTimedOut, id="hangs"
        ),
    ],
)
def test_incomplete_body(stubbed, pieces, expected):
    """An incomplete body is an error, and its connection is closed."""
    body = FakeBody(*pieces)
    stubbed.add_answer(body, 6)

    with pytest.raises(expected):
        stubbed.invoke("iris")
    assert body.closed


def test_too_late(stubbed):
    """SageMaker is not called if too little time is left."""
    for path in ("churn", "iris"):
        with pytest.raises(errors.UpstreamTimedOut):
            stubbed.invoke(path, seconds=0.01)

    assert (stubbed.record.attempts, stubbed.record.model_seconds) == (0, 0.0)


@pytest.mark.parametrize(("path", "message"), [("churn", None), ("exposing", "bad shape")])
def test_model_message(stubbed, path, message):
    """The container's text becomes a part of the error if the table exposes it."""
    stubbed.add_error("ModelError", 424, OriginalStatusCode=400, OriginalMessage="bad shape")

    with pytest.raises(errors.ModelRejectedInput) as raised:
        stubbed.invoke(path)

    assert raised.value.model_message == message
    assert type(raised.value.__cause__).__name__ == "ModelError"


def test_second_attempt(stubbed):
    """A caller does not see a failure that a second attempt repairs, but the record does."""
    stubbed.add_error("InternalFailure", 500)
    stubbed.add_answer(FakeBody(b"7"), 1)

    assert stubbed.invoke("churn").body == b"7"
    assert (stubbed.record.attempts, len(stubbed.pauses)) == (2, 1)


def test_waiting(stubbed):
    """A cold artifact is called more often than `max_attempts`."""
    stubbed.add_error("ModelNotReadyException", 429, times=6)
    stubbed.add_answer(FakeBody(b"7"), 1)

    assert stubbed.invoke("waiting").body == b"7"
    assert (stubbed.record.attempts, len(stubbed.pauses)) == (7, 6)


def test_last_error(stubbed):
    """The caller gets the error of the last attempt."""
    stubbed.add_error("ThrottlingException", 400)
    stubbed.add_error("InternalFailure", 500)

    with pytest.raises(errors.UpstreamFailed):
        stubbed.invoke("churn")
    assert stubbed.record.attempts == 2


def test_everything_fails(stubbed):
    """If every call fails, a hundred requests with up to three attempts make 105 calls."""
    stubbed.add_error("ServiceUnavailable", 503, times=200)
    for _ in range(100):
        with pytest.raises(errors.UpstreamUnreachable):
            stubbed.invoke("exposing")

    assert stubbed.record.attempts == 105


@pytest.mark.parametrize(
    ("status", "error"), [(400, errors.ModelRejectedInput), (500, errors.ModelFailed)]
)
class TestRefusalOrLoad:
    """Containers refuse an input and a load with the same statuses, so only a 200 shows a load."""

    def test_never_answered(self, stubbed, status, error):
        """The problem says that the artifact may not be loaded, and a timeout is a cold start."""
        stubbed.add_error("ModelError", 424, OriginalStatusCode=status)
        with pytest.raises(error, match="answered") as raised:
            stubbed.invoke("iris")
        stubbed.time_out()

        assert raised.value.problem("i")["detail"].endswith(
            " The gateway has not seen this artifact answer lately, so it may also be that the "
            "container could not load it."
        )
        with pytest.raises(errors.ModelNotReady):
            stubbed.invoke("iris")

    @pytest.mark.parametrize("model", ["iris", "churn"])
    def test_answered(self, stubbed, status, error, model):
        """An artifact that has answered is loaded, and other targets have no artifact to load."""
        stubbed.add_answer(FakeBody(b"7"), 1)
        stubbed.invoke(model)
        stubbed.add_error("ModelError", 424, OriginalStatusCode=status)
        with pytest.raises(error) as raised:
            stubbed.invoke(model)
        stubbed.time_out()

        assert "load" not in raised.value.problem("i")["detail"]
        with pytest.raises(errors.UpstreamTimedOut):
            stubbed.invoke(model)


def test_retry_after(stubbed):
    """Retry-After comes from the model's last load, or from the class without one."""
    stubbed.add_error("ModelNotReadyException", 429)
    with pytest.raises(errors.ModelNotReady) as first:
        stubbed.invoke("iris")
    stubbed.clock.now += 8.5
    stubbed.add_answer(FakeBody(b"7"), 1)
    stubbed.invoke("iris")
    stubbed.add_error("ModelNotReadyException", 429)
    with pytest.raises(errors.ModelNotReady) as second:
        stubbed.invoke("iris")

    assert first.value.retry_after_seconds == errors.ModelNotReady.retry_after_seconds
    assert second.value.retry_after_seconds == 9


def invoke(runtime, record=None):
    deadline = Deadline.after(5.0)
    return runtime.invoke(MODELS.resolve("churn"), REQUEST, deadline, record or RequestRecord("id"))


class FailingClient:
    """A client that raises this error instead of sending a request."""

    def __init__(self, error):
        self._error = error

    def invoke_endpoint(self, **_):
        raise self._error


def test_bug():
    """An error for a call that botocore refuses to send is passed on as it is."""
    with pytest.raises(ParamValidationError):
        invoke(SageMakerRuntime(lambda: FailingClient(ParamValidationError(report="canary"))))


def test_client_is_made_once():
    """Requests that come first at the same moment share one client."""
    made, barrier = [], threading.Barrier(8)

    def make_client():
        made.append(FailingClient(ReadTimeoutError(None, "", "slow")))
        return made[-1]

    runtime = SageMakerRuntime(make_client)

    def call(_):
        barrier.wait()
        with pytest.raises(errors.UpstreamTimedOut):
            invoke(runtime)

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(call, range(8)))

    assert len(made) == 1


def test_client_cannot_be_made():
    """Without a region the gateway is misconfigured, and the next request tries again."""
    tries, record = [], RequestRecord("id")

    def make_client():
        tries.append(1)
        raise NoRegionError

    runtime = SageMakerRuntime(make_client)
    for _ in range(2):
        with pytest.raises(errors.GatewayMisconfigured):
            invoke(runtime, record)

    assert (len(tries), record.attempts) == (2, 0)
