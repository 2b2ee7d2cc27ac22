"""What SageMaker answers in place of a prediction (U1 to U5, U17)."""

import json
from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.containers.account import image
from tests.containers.container import Container, failing
from tests.faults.outcome import FLOWER, PICTURE, ask, demo_gateway_at, gateway_at
from tests.faults.rows import row
from tests.faults.scripts import PREDICTION, WHOLE, in_turn, refusal, response
from tests.support.canary import CANARY
from tests.support.problems import assert_problem
from tests.support.profile import LONG
from tests.support.upstream import Upstream, sends

OFTEN = 400 if LONG else 60
NULL = b'{"message": null}'
ARN = f"arn:aws:logs:us-east-1:000000000000:log-group:/aws/sagemaker/Endpoints/{CANARY}"
DENIED = json.dumps({"Message": f"User: {ARN} is not authorized"}).encode()
WAITING = (
    "version: 1\nmodels:\n  iris: {kind: mme, endpoint: tabular, target_model: iris-v1.tar.gz,"
    " cold_start: wait}\n"
)

# The answer, what a caller gets of it, and how often it is asked for.
ANSWERS = [
    pytest.param(
        refusal(400, "ThrottlingException", NULL), 503, "upstream-throttled", 2, marks=row("U1")
    ),
    pytest.param(
        refusal(429, "ThrottlingException", NULL), 503, "upstream-throttled", 2, marks=row("U1")
    ),
    pytest.param(refusal(429), 503, "upstream-throttled", 2, marks=row("U1")),
    pytest.param(refusal(429, body=b""), 503, "upstream-throttled", 2, marks=row("U1")),
    pytest.param(
        refusal(429, "ModelNotReadyException"), 503, "model-not-ready", 1, marks=row("U2")
    ),
    pytest.param(refusal(500, "InternalFailure"), 502, "upstream-error", 2, marks=row("U3")),
    pytest.param(refusal(500, body=b"<html>"), 502, "upstream-error", 2, marks=row("U3")),
    pytest.param(refusal(502), 502, "upstream-error", 2, marks=row("U3")),
    pytest.param(
        refusal(503, "ServiceUnavailable"), 503, "upstream-unreachable", 2, marks=row("U3")
    ),
    pytest.param(refusal(504), 502, "upstream-error", 2, marks=row("U3")),
    pytest.param(
        refusal(530, "InternalDependencyException"), 502, "upstream-error", 2, marks=row("U4")
    ),
    pytest.param(refusal(530), 502, "upstream-error", 2, marks=row("U4")),
    *(
        pytest.param(
            refusal(status, code, DENIED), 500, "gateway-misconfigured", 1, marks=row("U17")
        )
        for status, code in (
            (403, "AccessDeniedException"),
            (403, "ExpiredTokenException"),
            (400, "ExpiredToken"),
            (400, "RequestExpired"),
            (403, "InvalidSignatureException"),
            (400, "UnrecognizedClientException"),
            (403, ""),
        )
    ),
]


def model_error(original_status, message=CANARY):
    """A container's answer as SageMaker wraps it."""
    members = {
        "Message": f"Received {original_status} from primary: {message}",
        "OriginalStatusCode": original_status,
        "OriginalMessage": message,
        "LogStreamArn": ARN,
    }
    return refusal(424, "ModelError", json.dumps(members).encode())


MODEL_ERRORS = [
    *((status, status, "model-rejected-input") for status in (400, 406, 413, 415, 422)),
    *((status, 503, "model-overloaded") for status in (429, 503)),
    *((status, 502, "model-error") for status in (401, 403, 404, 418, 500, 502, 504, 599)),
    (0, 504, "model-timeout"),
]


def assert_nothing_leaks(gateway, answer):
    said = answer.body.decode() + str(answer.headers) + gateway.log.text
    for text in (CANARY, "arn:", "000000000000", "127.0.0.1"):
        assert text not in said


@pytest.mark.parametrize(("answer", "status", "slug", "attempts"), ANSWERS)
def test_every_time(seen, answer, status, slug, attempts):
    """One problem, after one more attempt where that may help, and not a word of SageMaker's."""
    with Upstream(sends(answer)) as upstream:
        gateway = gateway_at(upstream.url)
        outcome = ask(gateway, "iris")

    assert_problem(outcome.answer, status, slug)
    assert outcome.attempts == len(upstream.requests) == attempts
    assert_nothing_leaks(gateway, outcome.answer)
    seen(str(outcome))


@pytest.mark.parametrize(
    "answer",
    [
        pytest.param(refusal(400, "ThrottlingException", NULL), id="throttled", marks=row("U1")),
        pytest.param(refusal(500, "InternalFailure"), id="500", marks=row("U3")),
        pytest.param(refusal(503, "ServiceUnavailable"), id="503", marks=row("U3")),
        pytest.param(refusal(530, "InternalDependencyException"), id="530", marks=row("U4")),
    ],
)
def test_once(seen, answer):
    """The caller never hears of it."""
    with Upstream(in_turn(sends(answer), sends(WHOLE))) as upstream:
        outcome = ask(gateway_at(upstream.url), "iris")

    assert (outcome.answer.status, outcome.answer.body) == (200, PREDICTION)
    assert outcome.attempts == 2
    seen(f"once: {outcome}")


@row("U1")
def test_throttling_of_some(demo, put, seen):
    """A third of the calls is throttled: most of these callers get their answer all the same."""
    gateway = demo_gateway_at(demo.url)
    assert ask(gateway, "digit", PICTURE).answer.status == 200
    put("digit-reader", "throttle", share=0.3)

    with ThreadPoolExecutor(12) as threads:
        outcomes = list(threads.map(lambda _: ask(gateway, "digit", PICTURE), range(OFTEN)))

    good = sum(outcome.answer.status == 200 for outcome in outcomes)
    attempts = sum(outcome.attempts for outcome in outcomes)
    assert {outcome.answer.status for outcome in outcomes} <= {200, 503}
    assert good >= OFTEN / 2
    assert attempts <= OFTEN * 1.1 + 5  # what the budget holds, and what it gains
    seen(f"30 %: {100 * good / OFTEN:.0f} % of {OFTEN} answered, {attempts / OFTEN:.2f} attempts")


@row("U2")
def test_not_ready_for_a_while(demo, put, seen):
    """With `cold_start: wait` the caller's time is used, and no attempt counts."""
    put("tabular", "not-ready", count=2)

    outcome = ask(gateway_at(demo.url, WAITING), "iris", FLOWER)

    assert outcome.answer.status == 200
    assert outcome.attempts == 3
    seen(f"wait, ready in time: {outcome}")


@row("U2")
def test_not_ready_for_long(demo, put, seen):
    """Nor does waiting go on for longer than the caller does."""
    put("tabular", "not-ready")

    outcome = ask(gateway_at(demo.url, WAITING), "iris", FLOWER, timeout_ms=1_500)

    assert_problem(outcome.answer, 503, "model-not-ready")
    assert outcome.attempts > 1
    assert outcome.seconds < 1.5 * 5  # the machine may be busy
    seen(f"wait, not in time: 503 model-not-ready after {outcome.seconds:.1f} of 1.5 s")


@row("U5")
@pytest.mark.parametrize(("original", "status", "slug"), MODEL_ERRORS)
def test_model_error(seen, original, status, slug):
    """The container's status decides; the model is not run again, and its words stay inside."""
    with Upstream(sends(model_error(original))) as upstream:
        gateway = gateway_at(upstream.url)
        outcome = ask(gateway, "iris")

    assert_problem(outcome.answer, status, slug)
    assert outcome.attempts == len(upstream.requests) == 1
    assert_nothing_leaks(gateway, outcome.answer)
    assert status == outcome.answer.status
    seen(f"{original} gives {status}")


@row("U4")
def test_out_of_memory(seen):
    """507 is a container that has no room."""
    with Upstream(sends(model_error(507))) as upstream:
        outcome = ask(gateway_at(upstream.url), "iris")

    assert_problem(outcome.answer, 503, "model-overloaded")
    assert outcome.attempts == 1
    seen(f"507 of a container: {outcome}")


@row("U5")
@pytest.mark.parametrize(("status", "slug"), [(400, "model-rejected-input"), (500, "model-error")])
def test_container_that_fails(account, seen, status, slug):
    """The same through SageMaker's own wrapping, by a container that says too much."""
    with Container(answer=failing(status, CANARY)) as container:
        endpoint = account.deploy(image(container))
        routing = f"version: 1\nmodels:\n  m: {{kind: single, endpoint: {endpoint}}}\n"
        gateway = gateway_at(account.url, routing)
        outcome = ask(gateway, "m")
        assert len(container.invocations) == 1
        account.close()

    assert_problem(outcome.answer, 400 if status == 400 else 502, slug)
    assert_nothing_leaks(gateway, outcome.answer)
    seen(f"a real container's {status}: {outcome}")


@row("U17")
def test_credentials_of_the_past(seen):
    """Once they are good again so is the next request; nothing is remembered against it."""
    expired = refusal(403, "ExpiredTokenException", DENIED)
    with Upstream(in_turn(sends(expired), sends(WHOLE))) as upstream:
        gateway = gateway_at(upstream.url)
        outcomes = [ask(gateway, "iris") for _ in range(2)]

    assert [outcome.answer.status for outcome in outcomes] == [500, 200]
    seen("the next request: 200")


@row("U3")
@pytest.mark.parametrize("status", [501, 505, 508, 520, 599])
def test_other_statuses(seen, status):
    """Whatever else a server calls its failure, it is a failure of the upstream's."""
    with Upstream(sends(response(status))) as upstream:
        outcome = ask(gateway_at(upstream.url), "iris")

    assert outcome.answer.status == 502
    seen(f"{status}: {outcome}")
