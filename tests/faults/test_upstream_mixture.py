"""Any mixture of faults (U19): one valid response, in time, after few attempts."""

import itertools

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.faults.outcome import gateway_at, predict
from tests.faults.rows import row
from tests.support.http_server import (
    CHUNKED,
    OK,
    PREDICTION,
    WHOLE,
    StubServer,
    drips,
    refusal,
    response,
    sends,
    sends_and_closes,
    sends_and_half_closes,
    sends_and_resets,
    waits,
)
from tests.support.problems import RETRYABLE, TITLES, assert_problem
from tests.support.profile import LONG

SEQUENCES = 500 if LONG else 25
MAX_ATTEMPTS = 2
TIMEOUT_MS = 150
LATE_SECONDS = 0.25
MOST_LATE = 0.02  # of all requests, for busy machines
LOST_SECONDS = 5.0
MODELS = ("churn", "iris", "sentiment", "summary", "wine-grade")

ANSWERS = st.one_of(
    st.sampled_from([WHOLE, CHUNKED]),
    st.builds(
        refusal,
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
    st.binary(max_size=40),
    st.binary(max_size=40).map(lambda header: OK + header + b"\r\n\r\n"),
    st.integers(0, 999).map(response),
)
ENDS = st.sampled_from([sends, sends_and_closes, sends_and_resets, sends_and_half_closes])
SCRIPTS = st.one_of(
    st.builds(lambda answer, end: end(answer), ANSWERS, ENDS),
    st.builds(lambda answer, count, end: end(answer[:count]), ANSWERS, st.integers(0, 120), ENDS),
    st.builds(
        lambda answer, after, pause: drips(answer, after, every_seconds=pause),
        ANSWERS,
        st.integers(0, 60),
        st.sampled_from([0.05, 0.0005]),
    ),
    st.builds(waits, st.sampled_from([0.01, 1.0]), ANSWERS),
    st.just(waits(60)),
)
STEPS = st.lists(st.tuples(SCRIPTS, st.sampled_from(MODELS)), min_size=1, max_size=6)


def assert_valid(received):
    """A prediction, or a problem with all its members."""
    if received.status == 200:
        assert received.body == PREDICTION
        return
    slug = received.json()["type"].removeprefix("urn:inference-gateway:")
    assert slug in TITLES
    assert received.status >= 500 or slug == "model-rejected-input"
    assert slug != "internal"
    assert_problem(received, received.status, slug)
    assert received.json()["retryable"] is RETRYABLE[slug]


@row("U19")
def test_any_sequence(seen):
    """Whatever SageMaker sends, request by request, the caller gets one valid response in time."""
    script = itertools.repeat(sends(WHOLE))
    outcomes = []

    def answer(connection):
        next(script)(connection)

    with StubServer(answer) as server:
        gateway = gateway_at(server.url)

        @settings(max_examples=SEQUENCES, deadline=None, suppress_health_check=list(HealthCheck))
        @given(STEPS)
        def any_sequence(steps):
            nonlocal script
            scripts, models = zip(*steps, strict=True)
            script = itertools.cycle(scripts)
            for model in models:
                outcome = predict(gateway, model, timeout_ms=TIMEOUT_MS)
                assert_valid(outcome.response)
                assert outcome.attempts <= MAX_ATTEMPTS
                assert outcome.seconds < LOST_SECONDS
                outcomes.append(outcome)

        any_sequence()
    assert len(gateway.log.requests) == len(outcomes)
    overshoots = sorted(outcome.seconds - TIMEOUT_MS / 1000 for outcome in outcomes)
    assert sum(seconds > LATE_SECONDS for seconds in overshoots) <= max(
        1, MOST_LATE * len(outcomes)
    )
    seen(f"{SEQUENCES} sequences, {len(outcomes):,} requests, violations 0")
    seen(f"statuses {', '.join(map(str, sorted({one.response.status for one in outcomes})))}")
    seen(f"latest {overshoots[-1] * 1000:.0f} ms after its time")
