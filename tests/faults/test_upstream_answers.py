"""Errors that SageMaker sends in place of a prediction (U1 to U5, U17, U23, U24)."""

import json
from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.containers.account import image
from tests.containers.container import Container, failing
from tests.faults.outcome import DEMO_TABLE, FLOWER, PICTURE, demo_gateway_at, gateway_at, predict
from tests.faults.rows import row
from tests.support.canary import CANARY
from tests.support.gateway import AWS, FixedTable, build_gateway, runtime_at
from tests.support.http_server import (
    PREDICTION,
    WHOLE,
    StubServer,
    in_turn,
    refusal,
    response,
    sends,
)
from tests.support.problems import assert_problem
from tests.support.profile import LONG

OFTEN = 400 if LONG else 60
NULL = b'{"message": null}'
ARN = f"arn:aws:logs:us-east-1:000000000000:log-group:/aws/sagemaker/Endpoints/{CANARY}"
DENIED = json.dumps({"Message": f"User: {ARN} is not authorized"}).encode()
OVERSIZE = json.dumps({"Message": f"Request {CANARY} has oversize body."}).encode()
WAITING = (
    "version: 1\nmodels:\n  iris: {kind: mme, endpoint: tabular, target_model: iris-v1.tar.gz,"
    " cold_start: wait}\n"
)
ONCE = (
    "version: 1\nmodels:\n"
    "  once: {kind: single, endpoint: e, max_attempts: 1, expose_model_errors: true}\n"
)

# SageMaker's response, the status and slug that the caller gets, and the number of attempts.
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
    pytest.param(refusal(413), 413, "payload-too-large", 1, marks=row("U24")),
    pytest.param(refusal(413, body=b"<html>"), 413, "payload-too-large", 1, marks=row("U24")),
    pytest.param(
        refusal(400, "ValidationError", OVERSIZE), 413, "payload-too-large", 1, marks=row("U24")
    ),
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
    """Build a container's response as SageMaker wraps it."""
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


def assert_nothing_leaks(gateway, received):
    everything = received.body.decode() + str(received.headers) + gateway.log.text
    for text in (CANARY, "arn:", "000000000000", "127.0.0.1"):
        assert text not in everything


@pytest.mark.parametrize(("answer", "status", "slug", "attempts"), ANSWERS)
def test_every_time(seen, answer, status, slug, attempts):
    """The caller gets one problem, and no text of SageMaker's; some errors are tried again."""
    with StubServer(sends(answer)) as server:
        gateway = gateway_at(server.url)
        outcome = predict(gateway, "iris")

    assert_problem(outcome.response, status, slug)
    assert outcome.attempts == len(server.requests) == attempts
    assert_nothing_leaks(gateway, outcome.response)
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
    """A failure that occurs once is hidden by the second attempt."""
    with StubServer(in_turn(sends(answer), sends(WHOLE))) as server:
        outcome = predict(gateway_at(server.url), "iris")

    assert (outcome.response.status, outcome.response.body) == (200, PREDICTION)
    assert outcome.attempts == 2
    seen(f"once: {outcome}")


@row("U1")
def test_throttling_of_some(demo, put, seen):
    """When a third of the calls is throttled, most of the callers still get a prediction."""
    gateway = demo_gateway_at(demo.url)
    assert predict(gateway, "digit", PICTURE).response.status == 200
    put("digit-reader", "throttle", share=0.3)

    with ThreadPoolExecutor(12) as threads:
        outcomes = list(threads.map(lambda _: predict(gateway, "digit", PICTURE), range(OFTEN)))

    good = sum(outcome.response.status == 200 for outcome in outcomes)
    attempts = sum(outcome.attempts for outcome in outcomes)
    assert {outcome.response.status for outcome in outcomes} <= {200, 503}
    assert good >= OFTEN / 2
    assert attempts <= OFTEN * 1.1 + 5  # what the budget holds, and what it gains
    seen(f"30 %: {100 * good / OFTEN:.0f} % of {OFTEN} answered, {attempts / OFTEN:.2f} attempts")


@row("U2")
def test_not_ready_for_a_while(demo, put, seen):
    """With `cold_start: wait` the gateway asks again until the model is ready."""
    put("tabular", "not-ready", count=2)

    outcome = predict(gateway_at(demo.url, WAITING), "iris", FLOWER)

    assert outcome.response.status == 200
    assert outcome.attempts == 3
    seen(f"wait, ready in time: {outcome}")


@row("U2")
def test_not_ready_for_long(demo, put, seen):
    """The gateway waits for a cold model no longer than the caller waits for the gateway."""
    put("tabular", "not-ready")

    outcome = predict(gateway_at(demo.url, WAITING), "iris", FLOWER, timeout_ms=1_000)

    assert_problem(outcome.response, 503, "model-not-ready")
    assert outcome.attempts > 1
    assert outcome.seconds < 5  # on a busy machine
    seen(f"wait, not in time: 503 model-not-ready after {outcome.seconds:.1f} of 1.0 s")


@row("U5")
@pytest.mark.parametrize(("original", "status", "slug"), MODEL_ERRORS)
def test_model_error(seen, original, status, slug):
    """The container's status decides; the model does not run again, and its text stays inside."""
    with StubServer(sends(model_error(original))) as server:
        gateway = gateway_at(server.url)
        outcome = predict(gateway, "iris")

    assert_problem(outcome.response, status, slug)
    assert outcome.attempts == len(server.requests) == 1
    assert_nothing_leaks(gateway, outcome.response)
    assert status == outcome.response.status
    seen(f"{original} gives {status}")


@row("U4")
def test_out_of_memory(seen):
    """507 means that a container has no memory left."""
    with StubServer(sends(model_error(507))) as server:
        outcome = predict(gateway_at(server.url), "iris")

    assert_problem(outcome.response, 503, "model-overloaded")
    assert outcome.attempts == 1
    seen(f"507 of a container: {outcome}")


@row("U5")
@pytest.mark.parametrize(("status", "slug"), [(400, "model-rejected-input"), (500, "model-error")])
def test_container_that_fails(account, seen, status, slug):
    """The same holds for a real container behind the local SageMaker."""
    with Container(answer=failing(status, CANARY)) as container:
        endpoint = account.deploy(image(container))
        routing = f"version: 1\nmodels:\n  m: {{kind: single, endpoint: {endpoint}}}\n"
        gateway = gateway_at(account.url, routing)
        outcome = predict(gateway, "m")
        assert len(container.invocations) == 1
        account.close()

    assert_problem(outcome.response, 400 if status == 400 else 502, slug)
    assert_nothing_leaks(gateway, outcome.response)
    seen(f"a real container's {status}: {outcome}")


@row("U17")
def test_credentials_of_the_past(seen):
    """After expired credentials the next request works, once the credentials do."""
    expired = refusal(403, "ExpiredTokenException", DENIED)
    with StubServer(in_turn(sends(expired), sends(WHOLE))) as server:
        gateway = gateway_at(server.url)
        outcomes = [predict(gateway, "iris") for _ in range(2)]

    assert [outcome.response.status for outcome in outcomes] == [500, 200]
    seen("the next request: 200")


@row("U3")
@pytest.mark.parametrize("status", [501, 505, 508, 520, 599])
def test_other_statuses(seen, status):
    """Every other 5xx is a failure of the upstream."""
    with StubServer(sends(response(status))) as server:
        outcome = predict(gateway_at(server.url), "iris")

    assert outcome.response.status == 502
    seen(f"{status}: {outcome}")


@row("U3", "U5")
@pytest.mark.parametrize("code", ["ModelError", "ValidationError", ""])
def test_errors_that_cannot_be_read(code):
    """An error whose JSON is not as SageMaker writes it is an upstream error, never a 500."""
    bodies = [
        *(b"\xff\xfe", b"[1]", b"null", b'"text"', b"[" * 100_000, b'{"Message": 1}'),
        *(b'{"__type": 1}', b'{"OriginalStatusCode": "x"}', b'{"OriginalStatusCode": [1]}'),
    ]
    with StubServer() as server:
        gateway = gateway_at(server.url)
        for body in bodies:
            server.script = sends(refusal(424, code, body))
            assert predict(gateway, "churn").response.status in {502, 504}, body[:30]


@row("U17")
@pytest.mark.parametrize(
    "settings",
    [
        pytest.param({"region_name": "us-east-1"}, id="no-credentials"),
        pytest.param({"aws_access_key_id": "a", "aws_secret_access_key": "b"}, id="no-region"),
        pytest.param({**AWS, "region_name": "no region"}, id="bad-region"),
    ],
)
def test_not_configured(settings):
    """Without credentials or a region the gateway sends nothing."""
    with StubServer() as server:
        runtime = runtime_at(server.url, **settings)
        gateway = build_gateway(source=FixedTable(DEMO_TABLE), runtime=runtime)

        assert_problem(gateway.predict("iris"), 500, "gateway-misconfigured")
        assert server.requests == []


HUGE = "9" * 5_000
ODD_NUMBERS = [
    *("1e400", "-1e400", "NaN", "Infinity", HUGE, "-5", "99", "600", "1e5", "null", "true"),
    *('"abc"', '"1e400"', '""', "[]", "[400]", "{}", '{"a": 400}'),
]


@row("U23")
@pytest.mark.parametrize("number", ODD_NUMBERS, ids=lambda text: text[:10])
def test_odd_original_status(seen, number):
    """A container's status that can be none makes an unusable response, never a bug."""
    body = f'{{"OriginalStatusCode": {number}, "OriginalMessage": "{CANARY}"}}'.encode()
    with StubServer(sends(refusal(424, "ModelError", body))) as server:
        gateway = gateway_at(server.url)
        outcome = predict(gateway, "iris")

    assert_problem(outcome.response, 502, "upstream-invalid-response")
    assert outcome.attempts == 1
    assert_nothing_leaks(gateway, outcome.response)
    seen(str(outcome))


ODD_ERRORS = [
    *(b"[]", b"5", b"null", b"true", b'"text"', b"", b"{", b"\xff\xfe", b"\xef\xbb\xbf{}", b"NaN"),
    *(HUGE.encode(), b"1e400", b"[" * 100_000, b'{"message":' * 100_000, b"<html>"),
    *(
        b'{"%s": %s}' % (name, value)
        for name in (
            b"message",
            b"Message",
            b"__type",
            b"code",
            b"LogStreamArn",
            b"OriginalMessage",
        )
        for value in (b"1e400", b"5", b"true", b"null", b"[]", b'{"a": {}}', HUGE.encode())
    ),
]
ODD_CODES = ["ModelError", "ValidationError", "InternalFailure", "", ":", "#", "a:b#c"]


@row("U23")
@pytest.mark.parametrize("status", [400, 424, 429, 500, 503, 999])
def test_odd_error(seen, status):
    """Whatever an error consists of, it is one of the endpoint's faults, in one problem."""
    with StubServer() as server:
        gateway = gateway_at(server.url, ONCE)
        for code in ODD_CODES:
            for body in ODD_ERRORS:
                server.reply = lambda _, sent=(status, code, body): refusal(*sent)
                received = predict(gateway, "once").response
                slug = received.json()["type"].rpartition(":")[2]
                assert received.status in {502, 503, 504}, (code, body[:40])
                assert_problem(received, received.status, slug)
    seen("502, 503 or 504")


@row("U23")
@pytest.mark.parametrize(
    "length", ["", "abc", "-1", "+2", "1_0", "2.0", "1e400", "0x2", "2, 2", "2 2", "9" * 30]
)
@pytest.mark.parametrize("status", [200, 424, 500])
def test_odd_length(seen, status, length):
    """A length that is no number is refused at once; the gateway does not wait for an end."""
    head = f"HTTP/1.1 {status} X\r\nContent-Type: application/json\r\nContent-Length: {length}"
    with StubServer(sends(head.encode() + b"\r\n\r\n{}")) as server:
        outcome = predict(gateway_at(server.url), "churn")

    assert_problem(outcome.response, 502, "upstream-invalid-response")
    assert outcome.attempts == 1
    seen(str(outcome))


@row("U23")
@pytest.mark.parametrize("message", ["5", "true", "[1]", '{"a": "b"}', "null"])
def test_odd_message(message):
    """A model's own message is passed on only if it is a text."""
    body = f'{{"OriginalStatusCode": 400, "OriginalMessage": {message}}}'.encode()
    with StubServer(sends(refusal(424, "ModelError", body))) as server:
        received = predict(gateway_at(server.url, ONCE), "once").response

    assert "model_message" not in assert_problem(received, 400, "model-rejected-input")
