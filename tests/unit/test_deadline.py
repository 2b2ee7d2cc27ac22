"""The one moment by which a request must be over."""

import time

import pytest

from chalicelib.aws.deadline import Deadline


@pytest.mark.parametrize(
    ("budgets", "soonest"),
    [((25.0,), 25), ((25.0, 0.5, 27.5), 0.5), ((25.0, -3.0), -3), (iter((9.0, 8.0)), 8)],
)
def test_soonest(budgets, soonest):
    """The smallest budget decides, even one that has run out."""
    assert Deadline.soonest(budgets).remaining_seconds == pytest.approx(soonest, abs=0.1)


def test_remaining():
    """What is left becomes less; the moment stays."""
    deadline = Deadline.soonest((25.0,))
    before, at = deadline.remaining_seconds, deadline.at

    while time.monotonic() == before:
        pass

    assert deadline.remaining_seconds < before
    assert deadline.at == at
