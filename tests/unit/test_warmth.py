"""Which silence may be a model that is being loaded."""

from concurrent.futures import ThreadPoolExecutor

import pytest

from chalicelib.targets import (
    ComponentTarget,
    MultiContainerTarget,
    MultiModelTarget,
    PipelineTarget,
    SingleModelTarget,
)
from chalicelib.warmth import MOST_REMEMBERED, WARM_SECONDS, Warmth

MODEL = MultiModelTarget("tabular", "iris.tar.gz")


class Clock:
    """Stands still until it is moved."""

    def __init__(self):
        self.now = 1_000.0

    def __call__(self):
        return self.now


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


def test_five_minutes():
    """Whoever has answered is warm for five minutes, counted from the last answer."""
    clock = Clock()
    warmth = Warmth(clock)
    warmth.saw_answer(MODEL)

    clock.now += WARM_SECONDS - 1
    assert not warmth.may_be_cold(MODEL)
    warmth.saw_answer(MODEL)
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
def test_others_are_not_warmed(other):
    """Another artifact, endpoint or variant is another model to load."""
    warmth = Warmth()
    warmth.saw_answer(MODEL)

    assert warmth.may_be_cold(other)


def test_bounded():
    """Thousands of models are normal; those that answered longest ago are forgotten."""
    warmth = Warmth()
    targets = [MultiModelTarget("e", f"{n}.tar.gz") for n in range(MOST_REMEMBERED + 1)]
    for target in targets[:-1]:
        warmth.saw_answer(target)
    warmth.saw_answer(targets[0])
    warmth.saw_answer(targets[-1])

    cold = [target for target in targets if warmth.may_be_cold(target)]
    assert cold == [targets[1]]


def test_threads():
    """Requests in threads may finish in any order."""
    warmth = Warmth()

    def answer(thread):
        for number in range(MOST_REMEMBERED // 4):
            warmth.saw_answer(MultiModelTarget(f"e{thread}", f"{number}.tar.gz"))

    with ThreadPoolExecutor(8) as pool:
        for done in [pool.submit(answer, thread) for thread in range(8)]:
            done.result()
