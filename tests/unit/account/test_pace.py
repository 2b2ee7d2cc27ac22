"""How fast AWS is asked."""

import pytest

from gatewayctl.account.calls import BURST, Pace
from tests.support.aws_account import Clock


@pytest.fixture
def clock():
    return Clock()


def times(pace, clock, calls):
    """When each call is let through."""
    start, let_through = clock.now, []
    for _ in range(calls):
        pace.wait()
        let_through.append(clock.now - start)
    return let_through


def test_burst_then_rate(clock):
    """A small account is read at once; a large one at the rate, whatever the calls take."""
    made = times(Pace(5, clock=clock, sleep=clock.sleep), clock, BURST + 50)

    assert made[: BURST + 1] == pytest.approx([0.0] * BURST + [0.2])
    assert made[-1] == pytest.approx(10.0)


def test_never_more_than_that(clock):
    """In no second are there more calls than the burst and the rate allow, also after a pause."""
    pace = Pace(5, clock=clock, sleep=clock.sleep)
    made = times(pace, clock, 40)
    clock.now += 60
    made += [at + 60 for at in times(pace, clock, 40)]

    assert all(sum(1 for at in made if start <= at < start + 1) <= BURST + 5 for start in made)


def test_slower_after_a_refusal(clock):
    """Half as fast, without a burst, and by and by as fast as before; never faster."""
    pace = Pace(5, clock=clock, sleep=clock.sleep)
    pace.wait()
    pace.halve()
    made = times(pace, clock, 200)

    assert made[1] - made[0] == pytest.approx(1 / 2.5, rel=0.05)
    assert made[-1] - made[-2] == pytest.approx(1 / 5)


def test_never_stops(clock):
    """However often AWS refuses, there is another call two seconds later."""
    pace = Pace(5, clock=clock, sleep=clock.sleep)
    for _ in range(50):
        pace.halve()

    assert times(pace, clock, 3) == pytest.approx([2.0, 4.0, 6.0], rel=0.05)
