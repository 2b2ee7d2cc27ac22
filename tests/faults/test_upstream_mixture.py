"""Anything in any order (U19): one reply, a valid one, in time, and few attempts for it."""

import itertools

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.faults.outcome import ask, gateway_at
from tests.faults.proxy import (
    Proxy,
    black_hole,
    cut_after,
    delays,
    drips,
    half_close_after,
    honest,
    reset_after,
)
from tests.faults.rows import row
from tests.faults.scripts import CHUNKED, OK, PREDICTION, WHOLE, refusal, response
from tests.support.problems import RETRYABLE, TITLES, assert_problem
from tests.support.profile import LONG
from tests.support.upstream import Upstream, sends, sends_and_closes, sends_and_resets

SEQUENCES = 500 if LONG else 25
MAX_ATTEMPTS = 2
TIMEOUT_MS = 150
LATE_SECONDS = 0.25
MOST_LATE = 0.02  # of all requests: the machine may be busy
LOST_SECONDS = 5.0
MODELS = ("churn", "iris", "sentiment", "summary", "wine-grade")

UPSTREAM = st.one_of(
    st.sampled_from([WHOLE, CHUNKED]).map(sends),
    st.builds(
        lambda status, code: sends(refusal(status, code)),
        st.sampled_from([400, 403, 404, 424, 429, 500, 502, 503, 504, 507, 530]),
        st.sampled_from(
            [
                "",
                "AccessDeniedException",
                "InternalFailure",
                "ModelError",
                "ModelNotReadyException",
                "ServiceUnavailable",
                "SomethingNew",
                "ThrottlingException",
                "ValidationError",
            ]
        ),
    ),
    st.builds(
        lambda whole, end, ends: ends(whole[:end]),
        st.sampled_from([WHOLE, CHUNKED, refusal(500)]),
        st.integers(0, 60),
        st.sampled_from([sends, sends_and_closes, sends_and_resets]),
    ),
    st.binary(max_size=40).map(sends_and_closes),
    st.binary(max_size=40).map(lambda header: sends_and_closes(OK + header + b"\r\n\r\n")),
    st.integers(0, 999).map(lambda status: sends_and_closes(response(status))),
)
IN_BETWEEN = st.one_of(
    st.just(honest),
    st.just(black_hole),
    st.builds(drips, st.sampled_from([20, 2_000]), st.integers(0, 60)),
    st.builds(delays, st.sampled_from([0.01, 1.0])),
    *(
        st.builds(fault, st.integers(0, 120))
        for fault in (cut_after, reset_after, half_close_after)
    ),
)
STEPS = st.lists(st.tuples(UPSTREAM, IN_BETWEEN, st.sampled_from(MODELS)), min_size=1, max_size=6)


def assert_reply(answer):
    """A prediction, or a problem with everything that a problem has."""
    if answer.status == 200:
        assert answer.body == PREDICTION
        return
    slug = answer.json()["type"].removeprefix("urn:inference-gateway:")
    assert slug in TITLES
    assert answer.status >= 500 or slug == "model-rejected-input"
    assert slug != "internal"
    assert_problem(answer, answer.status, slug)
    assert answer.json()["retryable"] is RETRYABLE[slug]


@row("U19")
def test_any_sequence(seen):
    """Whatever an upstream does, connection by connection, and whatever lies in between."""
    script, fault = itertools.repeat(sends(WHOLE)), itertools.repeat(honest)
    outcomes = []

    def answer(connection):
        next(script)(connection)

    def spoil(passage):
        next(fault)(passage)

    with Upstream(answer) as upstream, Proxy(upstream.url, spoil) as proxy:
        gateway = gateway_at(proxy.url)

        @settings(max_examples=SEQUENCES, deadline=None, suppress_health_check=list(HealthCheck))
        @given(STEPS)
        def any_sequence(steps):
            nonlocal script, fault
            scripts, faults, models = zip(*steps, strict=True)
            script, fault = itertools.cycle(scripts), itertools.cycle(faults)
            for model in models:
                outcome = ask(gateway, model, timeout_ms=TIMEOUT_MS)
                assert_reply(outcome.answer)
                assert outcome.attempts <= MAX_ATTEMPTS
                assert outcome.seconds < LOST_SECONDS
                outcomes.append(outcome)

        any_sequence()
    assert len(gateway.log.requests) == len(outcomes)
    overshoots = sorted(outcome.seconds - TIMEOUT_MS / 1000 for outcome in outcomes)
    assert sum(seconds > LATE_SECONDS for seconds in overshoots) <= MOST_LATE * len(outcomes)
    seen(f"{SEQUENCES} sequences, {len(outcomes):,} requests, violations 0")
    seen(f"statuses {', '.join(map(str, sorted({one.answer.status for one in outcomes})))}")
    seen(f"latest {overshoots[-1] * 1000:.0f} ms after its time")
