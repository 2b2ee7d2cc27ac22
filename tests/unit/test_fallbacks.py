"""Which target is called next: what a fallback costs, and how cold artifacts are hidden."""

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
from botocore.exceptions import ClientError

from chalicelib import errors
from chalicelib.aws.deadline import Deadline
from chalicelib.payload.admission import InferenceRequest
from chalicelib.sagemaker.attempts import WARM_SECONDS, RetryBudget, Warmth
from chalicelib.sagemaker.runtime import SageMakerRuntime
from chalicelib.telemetry.request_record import RequestRecord
from tests.support.clock import Clock
from tests.support.fake_body import FakeBody
from tests.support.gateway import table

MODELS = table("""\
version: 1
models:
  three:
    kind: single
    targets: {a: {endpoint: a, weight: 1}, b: {endpoint: b}, c: {endpoint: c}}
    fallback: [b, c]
  artifacts:
    kind: mme
    endpoint: e
    targets:
      new: {target_model: new.tar.gz, weight: 1}
      cold: {target_model: cold.tar.gz}
      warm: {target_model: warm.tar.gz}
    fallback: [cold, warm]
    cold_seconds: 3
  waiting:
    kind: mme
    endpoint: e
    targets: {new: {target_model: new.tar.gz, weight: 1}, warm: {target_model: warm.tar.gz}}
    fallback: [warm]
    cold_start: wait
  alone:
    kind: mme
    endpoint: e
    targets: {new: {target_model: new.tar.gz, weight: 1}}
    fallback: [new]
""")
REQUEST = InferenceRequest(b"{}", "application/json")
NOT_READY = ("ModelNotReadyException", 429)
FAILED = ("InternalFailure", 500)
DENIED = ("AccessDeniedException", 403)


class Account:
    """A SageMaker whose targets fail as a test says, and otherwise answer."""

    def __init__(self):
        self.failing = {}
        self.called = []
        self.pauses = []
        self.clock = Clock()
        self.runtime = SageMakerRuntime(lambda: self, pause=self.pauses.append)
        self.runtime._warmth = Warmth(self.clock)

    def invoke_endpoint(self, *, EndpointName, TargetModel="", **_):
        name = TargetModel.removesuffix(".tar.gz") or EndpointName
        self.called.append(name)
        if name in self.failing:
            code, status = self.failing[name]
            metadata = {"HTTPStatusCode": status}
            raise ClientError({"Error": {"Code": code}, "ResponseMetadata": metadata}, "")
        headers = {"content-length": "1"}
        return {
            "Body": FakeBody(b"1"),
            "ContentType": "text/plain",
            "ResponseMetadata": {"HTTPStatusCode": 200, "HTTPHeaders": headers},
        }

    def predict(self, path, seconds=25.0):
        """Return the record of one request, and its error."""
        record, error = RequestRecord("id"), None
        resolved = MODELS.resolve(path).ordered(None)
        record.choose(resolved.targets[0], resolved.chosen, is_sticky=False)
        try:
            self.runtime.invoke(resolved, REQUEST, Deadline.after(seconds), record)
        except errors.GatewayError as raised:
            error = raised
        return record, error

    def warm(self, path, *names):
        """Let these targets be known to be warm."""
        for one in MODELS.resolve(path).targets:
            if one.name in names:
                self.runtime._warmth.record_success(one.target, 0.1)

    def calls(self, path):
        self.called.clear()
        self.predict(path)
        return self.called


@pytest.fixture(name="account")
def _account():
    return Account()


class TestFallbacks:
    """After an error of a target."""

    def test_no_failure(self, account):
        """Without a failure no other target is called."""
        assert account.calls("three") == ["a"]

    def test_in_their_order(self, account):
        """The fallbacks are called in their order, at once; the last one is called again."""
        account.failing = {"a": FAILED, "b": FAILED, "c": FAILED}

        record, error = account.predict("three")

        assert account.called == ["a", "b", "c", "c"]
        assert len(account.pauses) == 1
        assert isinstance(error, errors.UpstreamFailed)
        assert (record.attempts, record.fallbacks) == (4, 2)
        assert (record.first_target, record.target_name) == ("a", "c")
        assert (record.chosen, record.fallback_after) == ("fallback", "upstream-error")

    def test_never(self, account):
        """After another error, the caller gets that."""
        account.failing = {"a": DENIED}

        record, error = account.predict("three")

        assert account.called == ["a"]
        assert isinstance(error, errors.GatewayMisconfigured)
        assert (record.chosen, record.fallbacks) == ("weight", 0)

    def test_budget(self, account):
        """A fallback costs a retry; without one left, the caller gets the error."""
        account.failing = {"a": FAILED}
        account.runtime._budget = budget = RetryBudget()
        while budget.take():
            pass

        _, error = account.predict("three")

        assert account.called == ["a"]
        assert isinstance(error, errors.UpstreamFailed)

    def test_no_time(self, account):
        """With no time for another call, the caller gets the error."""
        account.failing = {"a": FAILED}
        account.predict("three", seconds=0.05)

        assert account.called in ([], ["a"])

    def test_fallback_to_itself(self, account):
        """A target is no fallback of its own."""
        account.failing = {"new": FAILED}

        assert account.calls("alone") == ["new", "new"]


class TestColdArtifacts:
    """While the chosen target's artifact may be cold."""

    def test_warm_fallback(self, account):
        """The first warm fallback answers in place of a target that is not ready, without a retry.

        Meanwhile the others go straight to it, and after `cold_seconds` the next one asks.
        """
        account.warm("artifacts", "warm")
        account.failing = {"new": NOT_READY}

        assert account.calls("artifacts") == ["new", "warm"]
        assert [account.calls("artifacts").copy() for _ in range(3)] == [["warm"]] * 3
        account.clock.now += 3
        assert account.calls("artifacts") == ["new", "warm"]

        account.failing = {}
        account.clock.now += 3
        assert [account.calls("artifacts").copy() for _ in range(3)] == [["new"]] * 3

    def test_costs_no_budget(self, account):
        """Hiding a load needs no retries, so it goes on without any."""
        account.warm("artifacts", "warm")
        account.failing = {"new": NOT_READY}
        while account.runtime._budget.take():
            pass

        for _ in range(10):
            account.clock.now += 3
            assert account.calls("artifacts") == ["new", "warm"]

    def test_record_of_who_goes_straight(self, account):
        """The line of a request that went straight to the fallback says why."""
        account.warm("artifacts", "warm")
        account.failing = {"new": NOT_READY}
        account.predict("artifacts")

        record, _ = account.predict("artifacts")

        assert (record.attempts, record.fallbacks, record.chosen) == (1, 1, "fallback")
        assert (record.first_target, record.target_name) == ("new", "warm")
        assert record.fallback_after == "model-not-ready"

    def test_no_warm_fallback(self, account):
        """If no fallback is known to be warm, one after the other is asked, as after any error."""
        account.failing = {"new": NOT_READY}

        assert account.calls("artifacts") == ["new", "cold"]

    def test_warm_no_longer(self, account):
        """A fallback that has not answered for five minutes is not known to be warm."""
        account.warm("artifacts", "warm")
        account.clock.now += WARM_SECONDS + 1
        account.failing = {"new": NOT_READY}

        assert account.calls("artifacts") == ["new", "cold"]

    def test_hidden_from_who_would_wait(self, account):
        """Callers who may wait for a load need not, while a fallback is warm."""
        account.warm("waiting", "warm")
        account.failing = {"new": NOT_READY}

        assert account.calls("waiting") == ["new", "warm"]
        assert account.pauses == []

    def test_another_error(self, account):
        """A target that fails otherwise is not loading: each caller learns of it."""
        account.warm("artifacts", "warm")
        account.failing = {"new": DENIED}

        assert account.calls("artifacts") == ["new"]
        assert account.calls("artifacts") == ["new"]

    def test_one_at_a_time(self, account):
        """Of many callers at once, one waits for the cold target."""
        account.warm("artifacts", "warm")
        account.failing = {"new": NOT_READY}
        barrier = threading.Barrier(20)

        def call(_):
            barrier.wait()
            account.predict("artifacts")

        with ThreadPoolExecutor(20) as threads:
            list(threads.map(call, range(20)))

        assert (account.called.count("new"), account.called.count("warm")) == (1, 20)
