"""Each fault at one of two targets: whether the other one answers (U1 to U25), and by when."""

import json
from concurrent.futures import ThreadPoolExecutor

import pytest

from chalicelib.sagemaker.client import sagemaker_client
from chalicelib.sagemaker.runtime import SageMakerRuntime
from tests.containers.account import Account
from tests.faults.measures import attempts_per_request
from tests.faults.outcome import gateway_at, predict, summary
from tests.faults.rows import row
from tests.support.gateway import AWS, JSON, FixedTable, build_gateway, table
from tests.support.http_server import (
    WHOLE,
    StubServer,
    drips,
    refusal,
    response,
    sends,
    sends_and_closes,
    sends_and_resets,
    waits,
)
from tests.support.ports import free_port
from tests.support.problems import assert_problem, family
from tests.support.profile import LONG
from tests.support.stand_in import wait_until

TWO = """\
version: 1
models:
  churn:
    kind: single
    targets: {bad: {endpoint: bad, weight: 1}, good: {endpoint: good}}
    fallback: [good]
"""
DEAD_REGION = "eu-dead-1"
DEAD = TWO.replace("endpoint: bad,", f"endpoint: bad, region: {DEAD_REGION},")
NOT_FOUND = b'{"Message": "Endpoint bad of account 1 not found."}'
NO_CAPACITY = b'{"Message": "Inference Component has no capacity to process this request."}'


def model_error(status):
    members = {"Message": "m", "OriginalStatusCode": status, "OriginalMessage": "m"}
    return refusal(424, "ModelError", json.dumps(members).encode())


# What the first target does, and the slug of its error.
FAULTS = {
    "throttled-400": (sends(refusal(400, "ThrottlingException")), "upstream-throttled", row("U1")),
    "throttled-429": (sends(refusal(429)), "upstream-throttled", row("U1")),
    "not-ready": (sends(refusal(429, "ModelNotReadyException")), "model-not-ready", row("U2")),
    "500": (sends(refusal(500, "InternalFailure")), "upstream-error", row("U3")),
    "502": (sends(refusal(502)), "upstream-error", row("U3")),
    "503": (sends(refusal(503, "ServiceUnavailable")), "upstream-unreachable", row("U3")),
    "504": (sends(refusal(504)), "upstream-error", row("U3")),
    "530": (sends(refusal(530)), "upstream-error", row("U4")),
    "507": (sends(refusal(507)), "model-overloaded", row("U4")),
    "container-400": (sends(model_error(400)), "model-rejected-input", row("U5")),
    "container-429": (sends(model_error(429)), "model-overloaded", row("U5")),
    "container-500": (sends(model_error(500)), "model-error", row("U5")),
    "container-503": (sends(model_error(503)), "model-overloaded", row("U5")),
    "container-silent": (sends(model_error(0)), "model-timeout", row("U5")),
    "hang": (waits(60), "upstream-timeout", row("U7")),
    "drip": (drips(WHOLE, every_seconds=0.1), "upstream-timeout", row("U8")),
    "reset": (sends_and_resets(), "upstream-unreachable", row("U9")),
    "closed": (sends_and_closes(), "upstream-unreachable", row("U9")),
    "cut-body": (sends_and_closes(WHOLE[:-3]), "upstream-truncated", row("U10")),
    "too-large": (
        sends(response(200, b"x" * 5_000_000, JSON)),
        "upstream-response-too-large",
        row("U11"),
    ),
    "no-type": (sends(response(200, b"1")), "upstream-invalid-response", row("U12")),
    "garbage": (sends_and_closes(b"garbage\r\n\r\n"), "upstream-invalid-response", row("U14")),
    "not-found": (
        sends(refusal(400, "ValidationError", NOT_FOUND)),
        "model-unavailable",
        row("U16"),
    ),
    "no-capacity": (
        sends(refusal(400, "ValidationError", NO_CAPACITY)),
        "model-unavailable",
        row("U16"),
    ),
    "denied": (sends(refusal(403, "AccessDeniedException")), "gateway-misconfigured", row("U17")),
    "refused": (sends(refusal(400, "ValidationError")), "upstream-rejected", row("U23")),
    "odd-numbers": (sends(model_error(7)), "upstream-invalid-response", row("U23")),
    "body-too-large": (sends(refusal(413)), "payload-too-large", row("U24")),
}
FALLS_BACK = {
    "upstream-unreachable",
    "upstream-error",
    "upstream-throttled",
    "model-unavailable",
    "model-overloaded",
    "model-not-ready",
}

BUDGET_SECONDS = 1.0
LATE_SECONDS = 0.5
MOST_ATTEMPTS = 1.15
REQUESTS, AT_A_TIME = 100, 10


def by_endpoint(server, **scripts):
    """Let each endpoint have its own script; requests come one after the other."""

    def script(connection):
        endpoint = server.requests[-1].path.split("/")[2]
        scripts[endpoint](connection)

    return script


def called(server):
    return [request.path.split("/")[2] for request in server.requests]


def test_table_of_the_code():
    """These errors let another target answer, and no others."""
    known = {error.slug: error.falls_back for error in family() if hasattr(error, "slug")}

    assert {slug for slug, falls_back in known.items() if falls_back} == FALLS_BACK


@pytest.mark.parametrize(
    "fault", [pytest.param(name, marks=mark) for name, (_, _, mark) in FAULTS.items()]
)
def test_one_target_fails(seen, fault):
    """The other target answers after some faults; after the others the caller gets the error."""
    failing, slug, _ = FAULTS[fault]
    with StubServer() as server:
        server.script = by_endpoint(server, bad=failing, good=sends(WHOLE))
        gateway = gateway_at(server.url, TWO)
        outcome = predict(gateway, "churn", timeout_ms=500)

    (line,) = gateway.log.requests
    if slug in FALLS_BACK:
        assert outcome.response.status == 200
        assert outcome.response.headers["x-target"] == line["target_name"] == "good"
        assert (line["chosen"], line["fallback_after"], line["fallbacks"]) == ("fallback", slug, 1)
        assert called(server) == ["bad", "good"]
    else:
        assert summary(outcome.response).endswith(slug)
        assert (line["chosen"], line["fallbacks"]) == ("weight", 0)
        assert called(server) == ["bad"]
    assert line["first_target"] == "bad"
    seen(f"{fault} at one of two targets: {outcome}")


@row("U6")
def test_unreachable_region(seen):
    """A target whose Region does not answer is replaced."""
    with StubServer(sends(WHOLE)) as server:
        dead = f"http://127.0.0.1:{free_port()}"

        def make_client(region_name="us-east-1"):
            url = dead if region_name == DEAD_REGION else server.url
            return sagemaker_client(endpoint_url=url, **{**AWS, "region_name": region_name})

        gateway = build_gateway(
            source=FixedTable(table(DEAD)), runtime=SageMakerRuntime(make_client)
        )
        outcome = predict(gateway, "churn")

    assert (outcome.response.status, outcome.attempts) == (200, 2)
    assert outcome.response.headers["x-target"] == "good"
    seen(f"one of two Regions is away: {outcome}")


@row("U7")
def test_one_deadline_for_all(seen):
    """Two targets, one after the other, have the time of one."""
    slowly = waits(BUDGET_SECONDS * 0.6, refusal(500, "InternalFailure"))
    with StubServer() as server:
        server.script = by_endpoint(server, bad=slowly, good=waits(60))
        outcome = predict(
            gateway_at(server.url, TWO), "churn", timeout_ms=round(BUDGET_SECONDS * 1000)
        )

    assert_problem(outcome.response, 504, "upstream-timeout")
    assert outcome.seconds < BUDGET_SECONDS + LATE_SECONDS
    assert called(server) == ["bad", "good"]
    seen(f"500 after {BUDGET_SECONDS * 0.6} s, then a hang: {outcome} in {outcome.seconds:.2f} s")


@row("U3")
@pytest.mark.parametrize(
    "failure", [refusal(503, "ServiceUnavailable"), refusal(429, "ModelNotReadyException")]
)
def test_amplification(seen, failure):
    """When all targets fail, fallbacks and retries together add few calls."""
    three = TWO.replace("good: {endpoint: good}}", "good: {endpoint: good}, c: {endpoint: c}}")
    with StubServer(sends(failure)) as server:
        gateway = gateway_at(server.url, three.replace("[good]", "[good, c]"))
        found = attempts_per_request(lambda: gateway.predict("churn"), server, REQUESTS, AT_A_TIME)

    assert found <= MOST_ATTEMPTS
    seen(f"all of three targets fail: {found:.2f} attempts a request")


ARTIFACTS = """\
version: 1
models:
  warm: {{kind: mme, endpoint: e, target_model: old.tar.gz}}
  churn:
    kind: mme
    endpoint: e
    targets: {{new: {{target_model: new.tar.gz, weight: 1}}, old: {{target_model: old.tar.gz}}}}
    fallback: [old]
    cold_seconds: {cold}
    timeout_seconds: {timeout}
"""


@row("U2")
@pytest.mark.parametrize(
    ("cold", "timeout", "timeout_ms"), [(2, 25, 1000), (28, 1, None), (0.9, 25, 1000)]
)
def test_less_time_than_cold_seconds(seen, cold, timeout, timeout_ms):
    """A caller with less time than `cold_seconds` does not notice the load either."""
    with StubServer() as server:

        def script(connection):
            artifact = server.requests[-1].headers["X-Amzn-SageMaker-Target-Model"]
            (waits(60) if artifact == "new.tar.gz" else sends(WHOLE))(connection)

        server.script = script
        gateway = gateway_at(server.url, ARTIFACTS.format(cold=cold, timeout=timeout))
        assert predict(gateway, "warm").response.status == 200
        limit = {} if timeout_ms is None else {"timeout_ms": timeout_ms}
        outcome = predict(gateway, "churn", **limit)

    assert (outcome.response.status, outcome.attempts) == (200, 2)
    assert outcome.response.headers["x-target"] == "old"
    assert gateway.log.requests[-1]["fallback_after"] == "model-not-ready"
    seen(f"{cold} s for a cold artifact, 1 s for the request: 200 in {outcome.seconds:.2f} s")


# As on SageMaker, where a load may take 60 s; or a small part of that.
LOAD_SECONDS, COLD_SECONDS = (40.0, 2.0) if LONG else (3.0, 0.5)
OWN_SECONDS = 1.5
"""The warm fallback's own time, on a busy machine."""
CALLERS = 20
DIGIT = ",".join(str(number % 17) for number in range(64)).encode()
COLD = """\
version: 1
defaults: {{content_types: [text/csv]}}
models:
  warm: {{kind: mme, endpoint: digits, target_model: is-0-v1.tar.gz}}
  digit:
    kind: mme
    targets:
      v8: {{endpoint: {endpoint}, target_model: is-1-v1.tar.gz, weight: 1}}
      v7: {{endpoint: digits, target_model: is-0-v1.tar.gz}}
    fallback: [v7]
    cold_seconds: {seconds}
"""


@pytest.fixture(name="cold")
def _cold(demo):
    """A multi-model endpoint whose artifacts are not loaded, and load slowly."""
    account = Account(demo.session, demo.url)
    place = {"Mode": "MultiModel", "ModelDataUrl": "s3://inference-gateway-demo/digits/"}
    endpoint = account.deploy({"Image": "local/sklearn", **place})
    demo.fault("PUT", endpoint, b'{"fault": "slow-load", "seconds": %.1f}' % LOAD_SECONDS)
    yield endpoint
    demo.fault("DELETE", endpoint)
    account.close()


@row("U2")
def test_cold_start_is_hidden(demo, cold, seen):
    """Nobody waits for a new artifact's load: a warm target answers until it is there."""
    gateway = gateway_at(demo.url, COLD.format(endpoint=cold, seconds=COLD_SECONDS))
    csv = {"Content-Type": "text/csv"}
    assert predict(gateway, "warm", DIGIT, **csv).response.status == 200
    outcomes = []

    def call(_=None):
        outcomes.append(predict(gateway, "digit", DIGIT, **csv))
        return outcomes[-1].response.headers["x-target"]

    with ThreadPoolExecutor(CALLERS) as threads:
        early = list(threads.map(call, range(CALLERS)))
        asked = sum(outcome.attempts for outcome in outcomes) - CALLERS
        wait_until(lambda: call() == "v8")
        late = list(threads.map(call, range(CALLERS)))

    slowest = max(outcome.seconds for outcome in outcomes)
    assert {outcome.response.status for outcome in outcomes} == {200}
    assert (set(early), set(late), asked) == ({"v7"}, {"v8"}, 1)
    assert slowest < COLD_SECONDS + OWN_SECONDS
    seen(f"{LOAD_SECONDS:.0f} s to load behind a warm target: 200 within {slowest:.2f} s, then v8")
