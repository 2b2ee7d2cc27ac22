"""Twenty callers of an artifact that takes longer to load than any of them can wait (U2)."""

from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.containers.account import Account
from tests.faults.outcome import ask, gateway_at, said
from tests.faults.rows import row
from tests.support.problems import assert_problem
from tests.support.profile import LONG
from tests.support.stand_in import wait_until

CALLERS = 20
# As on SageMaker, whose load budget is the stand-in's default of 60 s; or a tenth of it.
LOAD_SECONDS, BUDGET_SECONDS = (40.0, 25.0) if LONG else (4.0, 2.5)
LATE_SECONDS = BUDGET_SECONDS * 0.4  # the machine may be busy; it is still before the load is over
DIGIT = ",".join(str(number % 17) for number in range(64)).encode()


@pytest.fixture
def cold(demo):
    """An endpoint with ten artifacts, of which none has been loaded; each will take its time."""
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
    """A caller of one of the artifacts, and what makes many of them call at a time."""
    gateway = gateway_at(
        demo.url,
        "version: 1\nmodels:\n  m:\n    kind: mme\n"
        f"    endpoint: {endpoint}\n    target_model: is-{number}-v1.tar.gz\n"
        f"    content_types: [text/csv]\n    cold_start: {cold_start}\n"
        f"    timeout_seconds: {BUDGET_SECONDS}\n",
    )
    return lambda _=None: ask(gateway, "m", DIGIT, **{"Content-Type": "text/csv"})


def before_and_after(call):
    """What callers get who come together: while it is being loaded, and once it is."""
    with ThreadPoolExecutor(CALLERS) as threads:
        early = list(threads.map(call, range(CALLERS)))
        wait_until(lambda: call().answer.status == 200, LOAD_SECONDS * 2)
        return early, list(threads.map(call, range(CALLERS)))


@row("U2")
def test_cold_artifact(demo, cold, seen):
    """Each has an answer in its time: a prediction, or when to come back; never a bare 504."""
    calls = {kind: calls_of(demo, cold, n, kind) for n, kind in enumerate(("refuse", "wait"))}
    with ThreadPoolExecutor(len(calls)) as at_once:
        outcomes = list(at_once.map(before_and_after, calls.values()))

    for cold_start, (early, late) in zip(calls, outcomes, strict=True):
        for outcome in early:
            assert outcome.seconds < BUDGET_SECONDS + LATE_SECONDS
            if outcome.answer.status != 200:
                assert_problem(outcome.answer, 503, "model-not-ready")
        assert [outcome.answer.status for outcome in late] == [200] * CALLERS
        answers = " or ".join(sorted({said(outcome.answer) for outcome in early}))
        slowest = max(outcome.seconds for outcome in early)
        seen(
            f"{cold_start}, {LOAD_SECONDS:.0f} s to load, {CALLERS} callers of"
            f" {BUDGET_SECONDS} s: {answers} within {slowest:.2f} s, then 200"
        )
