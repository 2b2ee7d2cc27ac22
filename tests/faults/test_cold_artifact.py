"""Twenty callers of an artifact that takes longer to load than any of them can wait (U2)."""

from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.containers.account import Account
from tests.faults.outcome import gateway_at, predict, summary
from tests.faults.rows import row
from tests.support.problems import assert_problem
from tests.support.profile import LONG
from tests.support.stand_in import wait_until

CALLERS = 20
# As on SageMaker, where a load may take 60 s; or a small part of that.
LOAD_SECONDS, BUDGET_SECONDS = (40.0, 25.0) if LONG else (3.0, 1.8)
LATE_SECONDS = BUDGET_SECONDS * 0.5  # for busy machines; the load still takes longer
DIGIT = ",".join(str(number % 17) for number in range(64)).encode()


@pytest.fixture
def cold(demo):
    """An endpoint with ten artifacts that are not loaded, and load slowly."""
    account = Account(demo.session, demo.url)
    endpoint = account.deploy(
        {
            "Image": "local/sklearn",
            "Mode": "MultiModel",
            "ModelDataUrl": "s3://inference-gateway-demo/digits/",
        }
    )
    demo.fault("PUT", endpoint, b'{"fault": "slow-load", "seconds": %.1f}' % LOAD_SECONDS)
    yield endpoint
    demo.fault("DELETE", endpoint)
    account.close()


def calls_of(demo, endpoint, number, cold_start):
    """Return a function that calls one of the artifacts."""
    gateway = gateway_at(
        demo.url,
        "version: 1\nmodels:\n  m:\n    kind: mme\n"
        f"    endpoint: {endpoint}\n    target_model: is-{number}-v1.tar.gz\n"
        f"    content_types: [text/csv]\n    cold_start: {cold_start}\n"
        f"    timeout_seconds: {BUDGET_SECONDS}\n",
    )
    return lambda _=None: predict(gateway, "m", DIGIT, **{"Content-Type": "text/csv"})


def before_and_after(call):
    """Return the outcomes of simultaneous callers during the load, and after it."""
    with ThreadPoolExecutor(CALLERS) as threads:
        early = list(threads.map(call, range(CALLERS)))
        wait_until(lambda: call().response.status == 200)
        return early, list(threads.map(call, range(CALLERS)))


@row("U2")
def test_cold_artifact(demo, cold, seen):
    """Every caller gets in time a prediction or a 503 with Retry-After, never a bare 504."""
    calls = {kind: calls_of(demo, cold, n, kind) for n, kind in enumerate(("refuse", "wait"))}
    with ThreadPoolExecutor(len(calls)) as at_once:
        outcomes = list(at_once.map(before_and_after, calls.values()))

    for cold_start, (early, late) in zip(calls, outcomes, strict=True):
        for outcome in early:
            assert outcome.seconds < BUDGET_SECONDS + LATE_SECONDS
            if outcome.response.status != 200:
                assert_problem(outcome.response, 503, "model-not-ready")
        assert [outcome.response.status for outcome in late] == [200] * CALLERS
        found = " or ".join(sorted({summary(outcome.response) for outcome in early}))
        slowest = max(outcome.seconds for outcome in early)
        seen(
            f"{cold_start}, {LOAD_SECONDS:.0f} s to load, {CALLERS} callers of"
            f" {BUDGET_SECONDS} s: {found} within {slowest:.2f} s, then 200"
        )
