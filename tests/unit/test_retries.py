"""Which calls are made again, when, and how often."""

from concurrent.futures import ThreadPoolExecutor

import pytest
from botocore.stub import Stubber
from urllib3.exceptions import ReadTimeoutError

from chalicelib import errors
from chalicelib.aws import clients
from chalicelib.aws.deadline import Deadline
from chalicelib.payload.admission import InferenceRequest
from chalicelib.sagemaker.attempts import (
    JITTER,
    LAST_ATTEMPT_SECONDS,
    MAX_PAUSE_SECONDS,
    MIN_CALL_SECONDS,
    MIN_PAUSE_SECONDS,
    Attempts,
    RetryBudget,
)
from chalicelib.sagemaker.runtime import SageMakerRuntime
from chalicelib.telemetry.log import RequestRecord
from tests.support.fake_body import FakeBody
from tests.support.gateway import AWS, table

MODELS = table("""\
version: 1
models:
  once: {kind: single, endpoint: e, max_attempts: 1}
  twice: {kind: single, endpoint: e}
  thrice: {kind: single, endpoint: e, max_attempts: 3}
  refusing: {kind: mme, endpoint: e, target_model: a.tar.gz, max_attempts: 3}
  waiting: {kind: mme, endpoint: e, target_model: a.tar.gz, cold_start: wait}
""")
REQUEST = InferenceRequest(b"{}", "application/json")
RETRIED = [
    errors.UpstreamThrottled,
    errors.UpstreamFailed,
    errors.UpstreamUnreachable,
    errors.ModelNotReady,
]


def pauses(model, error, *, budget=None, seconds=600.0, most=10):
    """The pauses after this error, again and again, until it is the answer."""
    attempts = Attempts(MODELS.resolve(model).model, budget or RetryBudget())
    found = []
    while len(found) < most:
        pause = attempts.pause_seconds(error(), seconds)
        if pause is None:
            break
        found.append(pause)
    return found


@pytest.mark.parametrize("error", RETRIED, ids=lambda error: error.slug)
def test_what_is_retried(error):
    """The gateway tries again only what its caller may try again too."""
    assert error.retryable
    assert len(pauses("twice", error)) == (0 if error is errors.ModelNotReady else 1)


def test_what_is_not_retried():
    """An error without a pause ends the request at once."""
    assert pauses("thrice", errors.ModelOverloaded) == []


@pytest.mark.parametrize(("model", "expected"), [("once", 0), ("twice", 1), ("thrice", 2)])
def test_max_attempts(model, expected):
    """The first try is one of them."""
    assert len(pauses(model, errors.UpstreamFailed)) == expected


@pytest.mark.parametrize("error", RETRIED, ids=lambda error: error.slug)
def test_pauses(error):
    """They grow, are never the same for two, and stay short."""
    model = "waiting" if error is errors.ModelNotReady else "thrice"
    least, most = JITTER
    for number, pause in enumerate(pauses(model, error)):
        middle = min(error.retry_pause_seconds * 2**number, MAX_PAUSE_SECONDS)
        assert middle * least <= pause <= middle * most

    assert len({pauses(model, error)[0] for _ in range(20)}) > 1


@pytest.mark.parametrize("error", RETRIED, ids=lambda error: error.slug)
def test_deadline(error):
    """A pause that leaves no time for a call is not made, and costs the budget nothing."""
    budget = RetryBudget()
    model = "waiting" if error is errors.ModelNotReady else "thrice"
    least, _ = JITTER
    too_little = error.retry_pause_seconds * least + MIN_CALL_SECONDS - 0.001

    assert pauses(model, error, budget=budget, seconds=too_little) == []
    assert sum(budget.take() for _ in range(10)) == RetryBudget.capacity


def test_cold_models():
    """Waiting is for models that say so; it counts against the deadline and nothing else."""
    empty = RetryBudget()
    while empty.take():
        pass

    assert pauses("refusing", errors.ModelNotReady) == []
    assert len(pauses("waiting", errors.ModelNotReady, budget=empty, most=50)) == 50


def test_last_wait():
    """What is left of the deadline is used: the last pause leaves time for a last attempt."""
    attempts = Attempts(MODELS.resolve("waiting").model, RetryBudget())
    for _ in range(5):
        attempts.pause_seconds(errors.ModelNotReady(), 600)

    pause = attempts.pause_seconds(errors.ModelNotReady(), 0.9)

    assert MIN_PAUSE_SECONDS <= pause <= 0.9 - LAST_ATTEMPT_SECONDS
    assert attempts.pause_seconds(errors.ModelNotReady(), MIN_PAUSE_SECONDS) is None


def test_wait_leaves_the_attempts_alone():
    """A failure after a wait is the first failure."""
    attempts = Attempts(MODELS.resolve("waiting").model, RetryBudget())
    for _ in range(5):
        assert attempts.pause_seconds(errors.ModelNotReady(), 600) is not None

    assert attempts.pause_seconds(errors.UpstreamFailed(), 600) is not None
    assert attempts.pause_seconds(errors.UpstreamFailed(), 600) is None


class TestBudget:
    """A bucket of five, and a tenth for every answer."""

    def test_bucket(self):
        """Five in a row, and then none."""
        budget = RetryBudget()

        assert [budget.take() for _ in range(7)] == [True] * 5 + [False] * 2

    def test_refill(self):
        """Ten answers are worth one retry; more than five are never saved."""
        budget = RetryBudget()
        for _ in range(1_000):
            budget.refill()
        assert sum(budget.take() for _ in range(10)) == 5

        for _ in range(11):  # ten tenths are a hair less than one
            budget.refill()
        assert [budget.take(), budget.take()] == [True, False]

    def test_threads(self):
        """Nobody takes what another has taken."""
        budget = RetryBudget()
        with ThreadPoolExecutor(8) as pool:
            taken = sum(pool.map(lambda _: budget.take(), range(800)))

        assert taken == 5


class Called:
    """The real runtime on a real client that answers as it is told; it does not wait in between."""

    def __init__(self):
        self.client = client = clients.client("sagemaker-runtime", **AWS)
        self.stub = Stubber(client)
        self.stub.activate()
        self.pauses = []
        self.record = RequestRecord("id")
        self.runtime = SageMakerRuntime(lambda: client, pause=self.pauses.append)

    def fails(self, code, status, times=1):
        for _ in range(times):
            self.stub.add_client_error("invoke_endpoint", code, http_status_code=status)

    def answers(self):
        metadata = {"HTTPStatusCode": 200, "HTTPHeaders": {"content-length": "1"}}
        body = {"Body": FakeBody(b"7"), "ContentType": "text/csv", "ResponseMetadata": metadata}
        self.stub.add_response("invoke_endpoint", body)

    def invoke(self, path):
        deadline = Deadline.soonest([25.0])
        return self.runtime.invoke(MODELS.resolve(path), REQUEST, deadline, self.record)


@pytest.fixture(name="called")
def _called():
    return Called()


def test_second_try(called):
    """What is over in a moment, the caller never sees; the record does."""
    called.fails("InternalFailure", 500)
    called.answers()

    assert called.invoke("twice").body == b"7"
    assert (called.record.attempts, len(called.pauses)) == (2, 1)


def test_waiting(called):
    """A cold artifact is asked again, more often than a failing one would be."""
    called.fails("ModelNotReadyException", 429, times=6)
    called.answers()

    assert called.invoke("waiting").body == b"7"
    assert (called.record.attempts, len(called.pauses)) == (7, 6)


def test_refused_input_is_no_cold_model(called):
    """Whoever refuses an input has been loaded: a silence after that is none of a cold model's."""
    called.stub.add_client_error(
        "invoke_endpoint",
        "ModelError",
        http_status_code=424,
        modeled_fields={"OriginalStatusCode": 400},
    )
    with pytest.raises(errors.ModelRejectedInput):
        called.invoke("refusing")
    called.stub.deactivate()
    called.client.meta.events.register("before-send", raise_read_timeout)

    with pytest.raises(errors.UpstreamTimedOut):
        called.invoke("refusing")


def raise_read_timeout(**_):
    raise ReadTimeoutError(None, "", "slow")


def test_last_error_counts(called):
    """What the last try found is what the caller reads."""
    called.fails("ThrottlingException", 400)
    called.fails("InternalFailure", 500)

    with pytest.raises(errors.UpstreamFailed):
        called.invoke("twice")
    assert called.record.attempts == 2


def test_amplification(called):
    """When everything fails, a hundred requests are hardly more than a hundred calls."""
    called.fails("ServiceUnavailable", 503, times=200)
    for _ in range(100):
        with pytest.raises(errors.UpstreamUnreachable):
            called.invoke("thrice")

    assert called.record.attempts == 105


def test_retry_after(called):
    """A model that was loaded before says how long that takes; one that was not says the usual."""
    called.fails("ModelNotReadyException", 429)
    with pytest.raises(errors.ModelNotReady) as first:
        called.invoke("refusing")
    called.answers()
    called.invoke("refusing")
    called.fails("ModelNotReadyException", 429)
    with pytest.raises(errors.ModelNotReady) as second:
        called.invoke("refusing")

    assert first.value.retry_after_seconds == errors.ModelNotReady.retry_after_seconds
    assert second.value.retry_after_seconds == 1
