"""How a model is called until it is loaded, and what it is then said to have been."""

import pytest
from gatewayctl.prewarming.call import Answer, Said
from gatewayctl.prewarming.outcome import Outcome, State
from gatewayctl.prewarming.selection import select
from gatewayctl.prewarming.touch import Touch

from tests.support.gateway import table

(IRIS,) = select(table(), ["iris"], "routing.yaml").candidates
NOT_READY = Answer(Said.NOT_READY, 60.0, "ModelNotReadyException", "wait")
THROTTLED = Answer(Said.LATER, 0.01, "ThrottlingException", "slower")
REFUSED = Answer(Said.NO, 0.01, "ValidationError", "look")


def loaded(seconds, code=None):
    return Answer(Said.LOADED, seconds, code)


class Script:
    """Gives these answers, one a call, and notes how long the pauses were to be."""

    def __init__(self, *answers, patience=100):
        self.answers = list(answers)
        self.pauses = []
        self.patience = patience

    def call(self, candidate):
        assert candidate is IRIS
        return self.answers.pop(0)

    def pause(self, seconds):
        self.pauses.append(seconds)
        return len(self.pauses) > self.patience

    def touch(self, timeout_seconds=400):
        outcome = Touch(self.call, timeout_seconds, self.pause)(IRIS)
        assert self.answers == []
        assert (outcome.path, outcome.seconds < 400) == ("iris", True)
        return outcome


@pytest.mark.parametrize(
    ("answers", "state"),
    [
        pytest.param([loaded(0.15)], State.HOT, id="at-once"),
        pytest.param([loaded(0.9), loaded(0.8)], State.HOT, id="as-slow-as-ever"),
        pytest.param([loaded(0.9), loaded(0.5)], State.HOT, id="not-twice-as-slow"),
        pytest.param([loaded(0.25), loaded(0.06)], State.HOT, id="hardly-slower"),
        pytest.param([loaded(0.9), loaded(0.3)], State.LOADED, id="much-slower"),
        pytest.param([loaded(0.9), THROTTLED], State.LOADED, id="slow-with-no-second-touch"),
        pytest.param([NOT_READY, loaded(0.01)], State.LOADED, id="seen-loading"),
        pytest.param([NOT_READY, loaded(9.0)], State.LOADED, id="seen-loading-and-slow"),
        pytest.param([NOT_READY, THROTTLED, loaded(0.01)], State.LOADED, id="seen-and-throttled"),
        pytest.param([THROTTLED, THROTTLED, loaded(0.01)], State.HOT, id="throttled"),
        pytest.param([REFUSED], State.FAILED, id="refused"),
        pytest.param([NOT_READY, THROTTLED, REFUSED], State.FAILED, id="refused-in-the-end"),
    ],
)
def test_hot_or_cold(answers, state):
    """Cold is what was seen loading, or was clearly slower at its first touch than at a second."""
    assert Script(*answers).touch().state is state


def test_what_an_error_leaves():
    """The code and advice of the last answer, also of an input that a loaded model refuses."""
    failed = Script(THROTTLED, REFUSED).touch()
    hot = Script(loaded(0.01, "ModelError 400")).touch()

    assert (failed.code, failed.advice) == ("ValidationError", "look")
    assert (hot.code, hot.advice) == ("ModelError 400", None)


def test_pauses():
    """Short ones for a model that is being loaded, longer and longer ones for the others."""
    waiting = Script(*[NOT_READY] * 50, loaded(0.01))
    throttled = Script(*[THROTTLED] * 1500, loaded(0.01), patience=2000)
    waiting.touch()
    throttled.touch()

    assert set(waiting.pauses) == {1.0}
    for pause, longest in zip(throttled.pauses, [0.5, 1, 2, 4, 8, *[16] * 1495], strict=True):
        assert longest / 2 <= pause <= longest


@pytest.mark.parametrize(
    ("answers", "state"),
    [
        ([NOT_READY, NOT_READY], State.COLD),
        ([NOT_READY, THROTTLED], State.COLD),
        ([THROTTLED, THROTTLED], State.FAILED),
    ],
    ids=["loading", "loading-and-throttled", "throttled"],
)
def test_told_to_stop(answers, state):
    """A pause that is broken off is the end; cold is only what was seen loading."""
    outcome = Script(*answers, patience=1).touch()

    assert (outcome.state, outcome.code) == (state, answers[-1].code)


def test_out_of_time():
    """No pause is longer than what is left, and after the time is up no call is made."""
    script = Script(NOT_READY)

    assert script.touch(timeout_seconds=0).state is State.COLD
    assert script.pauses == []

    impatient = Script(NOT_READY, loaded(0.01))
    impatient.touch(timeout_seconds=0.5)
    assert impatient.pauses[0] < 0.5


@pytest.mark.parametrize(
    ("outcome", "text"),
    [
        (Outcome("a", State.HOT, 0.01), "a: hot"),
        (Outcome("a", State.HOT, 0.01, "ModelError 400"), "a: hot (ModelError 400)"),
        (Outcome("a", State.LOADED, 4.26), "a: loaded in 4.3 s"),
        (
            Outcome("a", State.COLD, 400.2, "ModelNotReadyException"),
            "a: still cold after 400 s (ModelNotReadyException)",
        ),
        (Outcome("a", State.FAILED, 1.0, "ValidationError"), "a: failed (ValidationError)"),
    ],
)
def test_words(outcome, text):
    """How an outcome is told."""
    assert str(outcome) == text
