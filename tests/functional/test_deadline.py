"""The deadline of a request: the earliest of the model, the caller and the platform."""

import time

import pytest

from tests.support.events import LambdaContext
from tests.support.gateway import JSON


def seconds_left(deployed, model="churn", *, age_ms=0, remaining_ms=29_000, timeout_ms=None):
    """Return the seconds that the runtime gets for a request of this age."""
    headers = {} if timeout_ms is None else {"X-Request-Timeout-Ms": str(timeout_ms)}
    event = deployed.client.event("POST", f"/predict/{model}", {**JSON, **headers}, b"{}")
    event["requestContext"]["requestTimeEpoch"] = round(time.time() * 1000) - age_ms
    deployed.client.deliver(event, LambdaContext(remaining_ms=remaining_ms))
    return deployed.call.seconds


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        pytest.param({}, 25, id="the-model's"),
        pytest.param({"model": "hasty"}, 2, id="the-model's-own"),
        pytest.param({"timeout_ms": 1_500}, 1.5, id="the-caller's"),
        pytest.param({"timeout_ms": 90_000}, 25, id="the-caller-cannot-lengthen"),
        pytest.param({"remaining_ms": 10_000}, 9.5, id="lambda's"),
        pytest.param({"age_ms": 8_000}, 20, id="api-gateway's"),
        pytest.param({"age_ms": 27_000, "timeout_ms": 5_000}, 1, id="cold-start"),
        pytest.param({"age_ms": 40_000}, -12, id="too-late"),
        pytest.param({"remaining_ms": 200}, -0.3, id="lambda-is-about-to-end"),
        pytest.param({"age_ms": -60_000}, 25, id="their-clock-is-ahead"),
    ],
)
def test_least_of_all(deployed, given, expected):
    """The earliest deadline counts."""
    assert seconds_left(deployed, **given) == pytest.approx(expected, abs=0.5)


def test_without_a_clock(gateway):
    """`chalice local` has no time of the request, so the model decides."""
    assert gateway.predict("churn").status == 200

    assert gateway.call.seconds == pytest.approx(25, abs=0.5)
