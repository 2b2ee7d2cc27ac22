"""The pauses before further attempts, the retry budget, and which targets may be cold."""

from concurrent.futures import ThreadPoolExecutor

import pytest

from chalicelib import errors
from chalicelib.routing.targets import (
    ComponentTarget,
    MultiContainerTarget,
    MultiModelTarget,
    PipelineTarget,
    SingleModelTarget,
)
from chalicelib.sagemaker.attempts import (
    JITTER,
    LAST_ATTEMPT_SECONDS,
    MAX_GAP_SECONDS,
    MAX_LOAD_SECONDS,
    MAX_PAUSE_SECONDS,
    MAX_RETRY_AFTER_SECONDS,
    MAX_TARGETS,
    MIN_CALL_SECONDS,
    MIN_PAUSE_SECONDS,
    WARM_SECONDS,
    Attempts,
    RetryBudget,
    Warmth,
)
from tests.support.clock import Clock
from tests.support.gateway import table

MODELS = table("""\
version: 1
models:
  once: {kind: single, endpoint: e, max_attempts: 1}
  twice: {kind: single, endpoint: e}
  thrice: {kind: single, endpoint: e, max_attempts: 3}
  refusing: {kind: mme, endpoint: e, target_model: a.tar.gz, max_attempts: 3}
  waiting: {kind: mme, endpoint: e, target_model: a.tar.gz, cold_start: wait}
""")
# Each error that is retried, with a model that allows several attempts after it.
RETRIED = [
    pytest.param(errors.UpstreamThrottled, "thrice", id="throttled"),
    pytest.param(errors.UpstreamFailed, "thrice", id="failed"),
    pytest.param(errors.UpstreamUnreachable, "thrice", id="unreachable"),
    pytest.param(errors.ModelNotReady, "waiting", id="not-ready"),
]
TARGET = MultiModelTarget("tabular", "iris.tar.gz")
OTHER_TARGET = MultiModelTarget("tabular", "wine.tar.gz")


def pauses(model, error, *, budget=None, seconds=600.0, most=10):
    """Return the pauses of one request after this error again and again, until it gives up."""
    attempts = Attempts(MODELS.resolve(model).model, budget or RetryBudget())
    found = []
    while len(found) < most:
        pause = attempts.pause_seconds(error(), seconds)
        if pause is None:
            break
        found.append(pause)
    return found


class TestPauses:
    @pytest.mark.parametrize(("error", "model"), RETRIED)
    def test_length(self, error, model):
        """Pauses double up to a limit, and two requests do not have the same pauses."""
        assert error.retryable
        least, most = JITTER
        for number, pause in enumerate(pauses(model, error)):
            middle = min(error.retry_pause_seconds * 2**number, MAX_PAUSE_SECONDS)
            assert middle * least <= pause <= middle * most

        assert len({pauses(model, error)[0] for _ in range(20)}) > 1

    def test_error_without_pause(self):
        """An error without a pause ends the request at once."""
        assert pauses("thrice", errors.ModelOverloaded) == []

    @pytest.mark.parametrize(("model", "number"), [("once", 0), ("twice", 1), ("thrice", 2)])
    def test_max_attempts(self, model, number):
        """The first call is one of the attempts."""
        assert len(pauses(model, errors.UpstreamFailed)) == number

    @pytest.mark.parametrize(("error", "model"), RETRIED)
    def test_deadline(self, error, model):
        """A pause that leaves no time for a call is not made, and costs the budget nothing."""
        budget = RetryBudget()
        least, _ = JITTER
        too_little = error.retry_pause_seconds * least + MIN_CALL_SECONDS - 0.001

        assert pauses(model, error, budget=budget, seconds=too_little) == []
        assert sum(budget.take() for _ in range(10)) == RetryBudget.capacity

    def test_cold_model(self):
        """Only a model with `cold_start: wait` is waited for, and that costs the budget nothing."""
        empty = RetryBudget()
        while empty.take():
            pass

        assert pauses("refusing", errors.ModelNotReady) == []
        assert len(pauses("waiting", errors.ModelNotReady, budget=empty, most=50)) == 50

    def test_last_wait(self):
        """The last pause before the deadline leaves time for a last attempt."""
        attempts = Attempts(MODELS.resolve("waiting").model, RetryBudget())
        for _ in range(5):
            attempts.pause_seconds(errors.ModelNotReady(), 600)

        pause = attempts.pause_seconds(errors.ModelNotReady(), 0.9)

        assert MIN_PAUSE_SECONDS <= pause <= 0.9 - LAST_ATTEMPT_SECONDS
        assert attempts.pause_seconds(errors.ModelNotReady(), MIN_PAUSE_SECONDS) is None

    def test_failure_after_waiting(self):
        """Waiting for a cold model does not use up the attempts after failures."""
        attempts = Attempts(MODELS.resolve("waiting").model, RetryBudget())
        for _ in range(5):
            assert attempts.pause_seconds(errors.ModelNotReady(), 600) is not None

        assert attempts.pause_seconds(errors.UpstreamFailed(), 600) is not None
        assert attempts.pause_seconds(errors.UpstreamFailed(), 600) is None


class TestBudget:
    def test_refill(self):
        """A process has five retries, and ten answers add one, up to five."""
        budget = RetryBudget()
        for _ in range(1_000):
            budget.refill()
        assert sum(budget.take() for _ in range(10)) == 5

        for _ in range(11):  # ten tenths are slightly less than one
            budget.refill()
        assert [budget.take(), budget.take()] == [True, False]

    def test_threads(self):
        """No retry is given to two threads."""
        budget = RetryBudget()
        with ThreadPoolExecutor(8) as pool:
            assert sum(pool.map(lambda _: budget.take(), range(800))) == 5


@pytest.fixture(name="clock")
def _clock():
    return Clock()


@pytest.fixture(name="warmth")
def _warmth(clock):
    return Warmth(clock)


def load(warmth, clock, seconds):
    """Record one load of this length: calls that give up after 25 s, and then an answer."""
    end = clock.now + seconds
    while end - clock.now > 25:
        clock.now += 25
        warmth.record_loading(TARGET, waited_seconds=25)
    clock.now = end
    warmth.record_success(TARGET, 0.1)


class TestWarmth:
    @pytest.mark.parametrize(
        ("target", "may_be_cold"),
        [
            pytest.param(TARGET, True, id="mme"),
            pytest.param(PipelineTarget("p", "a.tar.gz"), True, id="pipeline-with-artifact"),
            pytest.param(PipelineTarget("p"), False, id="pipeline"),
            pytest.param(SingleModelTarget("s"), False, id="single"),
            pytest.param(MultiContainerTarget("c", "h"), False, id="mce"),
            pytest.param(ComponentTarget("e", "i"), False, id="component"),
        ],
    )
    def test_before_the_first_answer(self, warmth, target, may_be_cold):
        """Only a target with an artifact can be cold."""
        assert warmth.may_be_cold(target) is may_be_cold

    def test_five_minutes(self, warmth, clock):
        """A target is warm for five minutes after its last answer."""
        warmth.record_success(TARGET, 0.1)

        clock.now += WARM_SECONDS - 1
        assert not warmth.may_be_cold(TARGET)
        warmth.record_success(TARGET, 0.1)
        clock.now += WARM_SECONDS
        assert not warmth.may_be_cold(TARGET)
        clock.now += 1
        assert warmth.may_be_cold(TARGET)

    @pytest.mark.parametrize(
        "other",
        [
            OTHER_TARGET,
            MultiModelTarget("other", "iris.tar.gz"),
            MultiModelTarget("tabular", "iris.tar.gz", target_variant="green"),
        ],
    )
    def test_other_targets(self, warmth, other):
        """Another artifact, endpoint or variant stays cold."""
        warmth.record_success(TARGET, 0.1)

        assert warmth.may_be_cold(other)

    def test_loading_again(self, warmth):
        """A target that is loaded again is cold, however lately it answered."""
        warmth.record_success(TARGET, 0.1)
        warmth.record_loading(TARGET, waited_seconds=0)

        assert warmth.may_be_cold(TARGET)

    def test_clock_is_set_back(self, warmth, clock):
        """An answer in the future does not make a target warm."""
        warmth.record_success(TARGET, 0.1)
        clock.now -= 3_600

        assert warmth.may_be_cold(TARGET)

    def test_time_of_a_load(self, warmth, clock):
        """The remaining time is that of the target's last load, counted from the start of this."""
        assert warmth.record_loading(TARGET, waited_seconds=0) is None
        warmth.record_success(TARGET, 0.1)
        load(warmth, clock, 40)

        clock.now += 3_600
        assert warmth.record_loading(TARGET, waited_seconds=10) == 30
        clock.now += 12
        assert warmth.record_loading(TARGET, waited_seconds=2) == 18
        assert warmth.record_loading(OTHER_TARGET, waited_seconds=1) is None

    @pytest.mark.parametrize(
        ("load_seconds", "later", "expected"),
        [
            pytest.param(40, 40, None, id="should-be-ready"),
            pytest.param(40, 39.2, 1, id="almost-ready"),
            pytest.param(300, 0, MAX_RETRY_AFTER_SECONDS, id="very-slow"),
            pytest.param(40, MAX_LOAD_SECONDS + 1, 40, id="another-load-by-now"),
        ],
    )
    def test_remaining_time(self, warmth, clock, load_seconds, later, expected):
        """The remaining time is from one second to a minute, or None."""
        load(warmth, clock, load_seconds)
        warmth.record_loading(TARGET, waited_seconds=0)
        clock.now += later

        assert warmth.record_loading(TARGET, waited_seconds=0) == expected

    @pytest.mark.parametrize(
        ("last", "seconds", "took"),
        [
            pytest.param(None, 0.4, False, id="first-and-quick"),
            pytest.param(None, 0.6, True, id="first-and-slow"),
            pytest.param(0.1, 0.6, False, id="hardly-slower"),
            pytest.param(0.1, 0.8, True, id="clearly-slower"),
            pytest.param(5, 6, False, id="slow-model"),
            pytest.param(5, 11, True, id="load-of-a-slow-model"),
        ],
    )
    def test_answer_that_took_a_load(self, warmth, clock, last, seconds, took):
        """An answer after a silence took a load if it came clearly later than the last one."""
        if last is not None:
            warmth.record_success(TARGET, last)
        clock.now += WARM_SECONDS + 1

        assert warmth.record_success(TARGET, seconds, was_cold=warmth.may_be_cold(TARGET)) is took
        assert not warmth.record_success(TARGET, 60, was_cold=warmth.may_be_cold(TARGET))

    def test_loads_after_silences(self, warmth, clock):
        """Each load counts by the last answer without one; a slow model counts once."""

        def answer(seconds):
            clock.now += WARM_SECONDS + 1
            return warmth.record_success(TARGET, seconds, was_cold=warmth.may_be_cold(TARGET))

        assert [answer(seconds) for seconds in (5, 5, 6, 5)] == [True, False, False, False]
        warmth.record_success(TARGET, 0.1)
        assert [answer(seconds) for seconds in (5, 5, 0.2, 5)] == [True, True, False, True]

    @pytest.mark.parametrize(
        ("later", "took"),
        [(1, True), (MAX_LOAD_SECONDS, True), (MAX_LOAD_SECONDS + 1, False)],
    )
    def test_answer_after_the_target_was_seen_loading(self, warmth, clock, later, took):
        """A quick answer took a load if the target was loading when it was last called."""
        warmth.record_loading(TARGET, waited_seconds=1)
        clock.now += later

        assert warmth.record_success(TARGET, 0.1, was_cold=True) is took
        assert not warmth.record_success(TARGET, 0.1, was_cold=False)

    def test_gap_without_calls(self, warmth, clock):
        """A time without calls does not count as the time of a load."""
        clock.now += 25
        warmth.record_loading(TARGET, waited_seconds=25)
        clock.now += MAX_GAP_SECONDS + 1
        warmth.record_success(TARGET, 0.1)

        assert warmth.record_loading(TARGET, waited_seconds=0) is None

    def test_many_targets(self):
        """The number of targets is limited, and those that answered longest ago are forgotten."""
        warmth = Warmth()
        targets = [MultiModelTarget("e", f"{n}.tar.gz") for n in range(MAX_TARGETS + 1)]
        for target in targets[:-1]:
            warmth.record_success(target, 0.1)
        warmth.record_success(targets[0], 0.1)
        warmth.record_success(targets[-1], 0.1)

        assert [target for target in targets if warmth.may_be_cold(target)] == [targets[1]]

    def test_threads(self):
        """Threads may record answers at the same time."""
        warmth = Warmth()

        def record(thread):
            for number in range(MAX_TARGETS // 4):
                warmth.record_success(MultiModelTarget(f"e{thread}", f"{number}.tar.gz"), 0.1)

        with ThreadPoolExecutor(8) as pool:
            list(pool.map(record, range(8)))
