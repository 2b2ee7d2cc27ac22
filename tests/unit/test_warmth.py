"""Which silence may be a model that is being loaded."""

from concurrent.futures import ThreadPoolExecutor

import pytest

from chalicelib.routing.targets import (
    ComponentTarget,
    MultiContainerTarget,
    MultiModelTarget,
    PipelineTarget,
    SingleModelTarget,
)
from chalicelib.sagemaker.attempts import (
    MAX_GAP_SECONDS,
    MAX_LOAD_SECONDS,
    MAX_RETRY_AFTER_SECONDS,
    MAX_TARGETS,
    WARM_SECONDS,
    Warmth,
)
from tests.support.clock import Clock

MODEL = MultiModelTarget("tabular", "iris.tar.gz")


@pytest.fixture(name="clock")
def _clock():
    return Clock()


@pytest.fixture(name="warmth")
def _warmth(clock):
    return Warmth(clock)


@pytest.mark.parametrize(
    ("target", "may_be"),
    [
        pytest.param(MODEL, True, id="mme"),
        pytest.param(PipelineTarget("p", "a.tar.gz"), True, id="pipeline-with-artifact"),
        pytest.param(PipelineTarget("p"), False, id="pipeline"),
        pytest.param(SingleModelTarget("s"), False, id="single"),
        pytest.param(MultiContainerTarget("c", "h"), False, id="mce"),
        pytest.param(ComponentTarget("e", "i"), False, id="component"),
    ],
)
def test_never_seen(target, may_be):
    """Only an artifact is loaded when it is first asked for."""
    assert Warmth().may_be_cold(target) is may_be


def test_five_minutes(warmth, clock):
    """Whoever has answered is warm for five minutes, counted from the last answer."""
    warmth.record_success(MODEL)

    clock.now += WARM_SECONDS - 1
    assert not warmth.may_be_cold(MODEL)
    warmth.record_success(MODEL)
    clock.now += WARM_SECONDS
    assert not warmth.may_be_cold(MODEL)
    clock.now += 1
    assert warmth.may_be_cold(MODEL)


@pytest.mark.parametrize(
    "other",
    [
        MultiModelTarget("tabular", "wine.tar.gz"),
        MultiModelTarget("other", "iris.tar.gz"),
        MultiModelTarget("tabular", "iris.tar.gz", target_variant="green"),
    ],
)
def test_others_are_not_warmed(warmth, other):
    """Another artifact, endpoint or variant is another model to load."""
    warmth.record_success(MODEL)

    assert warmth.may_be_cold(other)


def load(warmth, clock, seconds, target=MODEL):
    """One load that took so long, seen by calls that gave up after 25 s and one that did not."""
    end = clock.now + seconds
    while end - clock.now > 25:
        clock.now += 25
        warmth.record_loading(target, waited_seconds=25)
    clock.now = end
    warmth.record_success(target)


def test_how_long_a_load_takes(warmth, clock):
    """The last load says how long this one will take, counted from its own beginning."""
    assert warmth.record_loading(MODEL, waited_seconds=0) is None
    warmth.record_success(MODEL)
    load(warmth, clock, 40)

    clock.now += 3_600
    assert warmth.record_loading(MODEL, waited_seconds=10) == 30
    clock.now += 12
    assert warmth.record_loading(MODEL, waited_seconds=2) == 18


@pytest.mark.parametrize(
    ("took", "later", "expected"),
    [
        pytest.param(40, 40, None, id="should-be-ready-by-now"),
        pytest.param(40, 39.2, 1, id="almost"),
        pytest.param(300, 0, MAX_RETRY_AFTER_SECONDS, id="very-slow"),
    ],
)
def test_how_long_is_left(warmth, clock, took, later, expected):
    """Never less than a second, never more than a minute; nothing where nothing is known."""
    load(warmth, clock, took)
    warmth.record_loading(MODEL, waited_seconds=0)
    clock.now += later

    assert warmth.record_loading(MODEL, waited_seconds=0) == expected


def test_nobody_asked(warmth, clock):
    """How long nobody has asked is not how long a load takes."""
    clock.now += 25
    warmth.record_loading(MODEL, waited_seconds=25)
    clock.now += MAX_GAP_SECONDS + 1
    warmth.record_success(MODEL)

    assert warmth.record_loading(MODEL, waited_seconds=0) is None


def test_clock_that_is_set_back(warmth, clock):
    """An answer in the future says nothing."""
    warmth.record_success(MODEL)
    clock.now -= 3_600

    assert warmth.may_be_cold(MODEL)


def test_load_that_was_given_up(warmth, clock):
    """What began longer ago than any load takes is another load by now."""
    load(warmth, clock, 40)
    warmth.record_loading(MODEL, waited_seconds=0)
    clock.now += MAX_LOAD_SECONDS + 1

    assert warmth.record_loading(MODEL, waited_seconds=0) == 40


def test_loads_of_others(warmth, clock):
    """Every artifact has a history of its own."""
    load(warmth, clock, 40)

    assert (
        warmth.record_loading(MultiModelTarget("tabular", "wine.tar.gz"), waited_seconds=1) is None
    )


def test_loading_is_cold(warmth):
    """Who is being loaded again is not warm, however lately it has answered."""
    warmth.record_success(MODEL)
    warmth.record_loading(MODEL, waited_seconds=0)

    assert warmth.may_be_cold(MODEL)


def test_bounded():
    """Thousands of models are normal; those that answered longest ago are forgotten."""
    warmth = Warmth()
    targets = [MultiModelTarget("e", f"{n}.tar.gz") for n in range(MAX_TARGETS + 1)]
    for target in targets[:-1]:
        warmth.record_success(target)
    warmth.record_success(targets[0])
    warmth.record_success(targets[-1])

    cold = [target for target in targets if warmth.may_be_cold(target)]
    assert cold == [targets[1]]


def test_threads():
    """Requests in threads may finish in any order."""
    warmth = Warmth()

    def answer(thread):
        for number in range(MAX_TARGETS // 4):
            warmth.record_success(MultiModelTarget(f"e{thread}", f"{number}.tar.gz"))

    with ThreadPoolExecutor(8) as pool:
        for done in [pool.submit(answer, thread) for thread in range(8)]:
            done.result()
