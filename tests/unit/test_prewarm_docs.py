"""What docs/cold-models.md says of `gatewayctl prewarm` is what it does."""

import re
from pathlib import Path

import pytest

from chalicelib import errors
from chalicelib.sagemaker import upstream_errors
from chalicelib.sagemaker.attempts import WARM_SECONDS
from gatewayctl import prewarm
from gatewayctl.prewarming import touch
from gatewayctl.prewarming.call import ADVICE, LONGEST_CALL_SECONDS
from gatewayctl.prewarming.outcome import State

PAGE = (Path(__file__).parents[2] / "docs" / "cold-models.md").read_text(encoding="utf-8")
TEXT = " ".join(PAGE.split())


def first_cells(heading):
    """The first cell of each row of a table, by the heading of its second column."""
    _, _, rest = PAGE.partition(f" | {heading} |")
    rows = rest.split("\n\n", 1)[0].splitlines()[2:]
    return [row.split("|")[1].strip().strip("`") for row in rows]


@pytest.mark.parametrize(
    "words",
    [
        f"| `--timeout SECONDS` | {prewarm.TIMEOUT_SECONDS} |",
        f"| `--at-once N` | {prewarm.AT_ONCE} | how many models are touched at a time, "
        f"1 to {prewarm.MOST_AT_ONCE}.",
        f"within {touch.NOTICEABLE_SECONDS} seconds, or in less than twice the time, or less than "
        f"{touch.NOTICEABLE_SECONDS} seconds more,",
        f"kept silent for {LONGEST_CALL_SECONDS:.0f} seconds",
        f"grow to {touch.FIRST_PAUSE_SECONDS * 2**touch.MOST_DOUBLINGS:.0f} seconds",
        f"`Retry-After` is what that took, less what this one has had already, and a minute at "
        f"most; for one that it has not seen loading, "
        f"{errors.ModelNotReady.retry_after_seconds} seconds",
    ],
)
def test_numbers(words):
    """Every number is the code's own."""
    assert words in TEXT


def test_five_minutes():
    """So is the time for which an artifact is taken to be warm."""
    assert WARM_SECONDS == 5 * 60
    assert "in the last five minutes" in TEXT


def test_states():
    """Every state is explained, and no other."""
    assert first_cells("what it means") == [state.value for state in State]


def test_advice():
    """There is a way out of everything that SageMaker can answer but a refused input."""
    answers = {*upstream_errors.ERRORS.values(), *upstream_errors.STATUSES.values()}
    read = {
        errors.ModelTimedOut,
        errors.ModelOverloaded,
        errors.ModelFailed,
        errors.ModelUnavailable,
        errors.UpstreamRejected,
    }

    assert set(ADVICE) == answers | read
    assert all(re.fullmatch(r"[^{}]*", text.format(endpoint="e")) for text in ADVICE.values())
