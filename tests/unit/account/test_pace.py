"""The rate of calls to AWS."""

import pytest

from gatewayctl.account.calls import BURST, Pace
from tests.support.aws_account import Clock


@pytest.fixture
def clock():
    return Clock()


def times(pace, clock, calls):
    """Return when each call may be made."""
    start, let_through = clock.now, []
    for _ in range(calls):
        pace.wait()
        let_through.append(clock.now - start)
    return let_through


def test_burst_then_rate(clock):
    """The first calls are made at once, later ones at the rate."""
    made = times(Pace(5, clock=clock, sleep=clock.sleep), clock, BURST + 50)

    assert made[: BURST + 1] == pytest.approx([0.0] * BURST + [0.2])
    assert made[-1] == pytest.approx(10.0)


def test_never_more_than_that(clock):
    """No second has more calls than the burst and the rate allow, also after a pause."""
    pace = Pace(5, clock=clock, sleep=clock.sleep)
    made = times(pace, clock, 40)
    clock.now += 60
    made += [at + 60 for at in times(pace, clock, 40)]

    assert all(sum(1 for at in made if start <= at < start + 1) <= BURST + 5 for start in made)


def test_slower_after_a_refusal(clock):
    """After a throttled call the rate is halved, and then grows back to what it was."""
    pace = Pace(5, clock=clock, sleep=clock.sleep)
    pace.wait()
    pace.halve()
    made = times(pace, clock, 200)

    assert made[1] - made[0] == pytest.approx(1 / 2.5, rel=0.05)
    assert made[-1] - made[-2] == pytest.approx(1 / 5)


def test_never_stops(clock):
    """However often AWS throttles, the next call is made two seconds later."""
    pace = Pace(5, clock=clock, sleep=clock.sleep)
    for _ in range(50):
        pace.halve()

    assert times(pace, clock, 3) == pytest.approx([2.0, 4.0, 6.0], rel=0.05)
