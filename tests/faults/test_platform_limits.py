"""Lambda's and API Gateway's limits: the time there is, and the size of an answer."""

import json
import time

import pytest
from chalice.config import Config
from chalice.test import Client

from chalicelib.sagemaker.runtime import MAX_RESPONSE_BYTES
from tests.faults.lambda_process import packaged
from tests.faults.proxy import Proxy, black_hole, drips
from tests.faults.rows import row
from tests.support import function
from tests.support.doors import ROOT, TOKEN, LambdaContext, LocalDoor
from tests.support.gateway import house
from tests.support.lambda_runtime import MAX_PAYLOAD_BYTES
from tests.support.problems import assert_problem
from tests.support.profile import LONG
from tests.support.recorder import Answer, Recorder

JSON = ("Content-Type", "application/json")
NPY = ("Content-Type", "application/x-npy")
CONFIG = ROOT / ".chalice/config.json"
STAGES = ("dev", "prod", "local")

API_GATEWAY_SECONDS = 29.0
BEFORE_LAMBDA_SECONDS = 0.5
OUT_OF_TIME = 50 if LONG else 3  # for each way to be late


@pytest.fixture(scope="module", name="late")
def _late(package, task_root):
    """The packaged function, and what stands between it and SageMaker."""
    with (
        Recorder() as recorder,
        Proxy(recorder.url, black_hole) as proxy,
        packaged(package, task_root, proxy.url) as running,
    ):
        yield function.door(package, running), proxy


@pytest.fixture(name="answering")
def _answering(package, recorded_function):
    """The packaged function, and the recorder in SageMaker's place."""
    running, _ = recorded_function
    return function.door(package, running), running


def prediction(door, path="digit", age_seconds=0.0, **headers):
    """An event that API Gateway has had for so long."""
    event = door.event("POST", f"/predict/{path}", [JSON, *headers.items()], b"{}")
    event["requestContext"]["requestTimeEpoch"] -= round(age_seconds * 1000)
    return event


def timed(call, *arguments):
    started = time.monotonic()
    return call(*arguments), time.monotonic() - started


@row("L1")
@pytest.mark.parametrize(
    ("age_seconds", "remaining_ms", "headers"),
    [
        pytest.param(0, 700, {}, id="lambda-is-about-to-end"),
        pytest.param(0, 500, {}, id="lambda-ends"),
        pytest.param(28, 29_000, {}, id="api-gateway-is-about-to-end"),
        pytest.param(60, 29_000, {}, id="api-gateway-has-ended"),
        pytest.param(0, 29_000, {"X-Request-Timeout-Ms": "20"}, id="the-caller-is-in-a-hurry"),
        pytest.param(27.99, 800, {"X-Request-Timeout-Ms": "49"}, id="all-of-them"),
    ],
)
def test_too_little_time(late, seen, age_seconds, remaining_ms, headers):
    """What cannot end in time is not begun: no model runs for nobody."""
    door, proxy = late
    before = proxy.connections

    event = prediction(door, age_seconds=age_seconds, **headers)
    answer = door.deliver(event, LambdaContext(remaining_ms=remaining_ms))

    assert_problem(answer, 504, "upstream-timeout")
    assert "model;dur" not in answer.headers["server-timing"]
    assert proxy.connections == before
    seen("504 upstream-timeout, no connection")


@row("L2")
@pytest.mark.parametrize("remaining_ms", [1_000, 1_300])
@pytest.mark.parametrize(
    "fault",
    [
        pytest.param(black_hole, id="hang"),
        pytest.param(drips(20), id="headers-drip"),
        pytest.param(drips(5, after=140), id="body-drips"),
    ],
)
def test_lambda_does_not_end_it(late, seen, fault, remaining_ms):
    """Whatever it waits for: our answer has left half a second before Lambda's end."""
    door, proxy = late
    proxy.fault = fault
    left = []
    for _ in range(OUT_OF_TIME):
        event = prediction(door)
        answer, seconds = timed(door.deliver, event, LambdaContext(remaining_ms=remaining_ms))
        assert_problem(answer, 504, "upstream-timeout")
        left.append(remaining_ms / 1000 - seconds)

    assert min(left) >= BEFORE_LAMBDA_SECONDS
    seen(f"504 with at least {min(left):.2f} s left")


@row("L2")
@pytest.mark.parametrize(
    ("path", "problem"),
    [
        pytest.param("digit", (504, "upstream-timeout"), id="single"),
        pytest.param("wine", (503, "model-not-ready"), id="maybe-a-cold-artifact"),
    ],
)
def test_late_cold_start(package, task_root, seen, path, problem):
    """API Gateway counts from the request: a start that took 26 seconds leaves two."""
    age_seconds = 26.0
    with (
        Recorder() as recorder,
        Proxy(recorder.url, black_hole) as silent,
        packaged(package, task_root, silent.url) as cold,
    ):
        door = function.door(package, cold)
        event = prediction(door, path, age_seconds)
        answer, seconds = timed(door.deliver, event)
        assert silent.connections == 1

    assert_problem(answer, *problem)
    assert age_seconds + seconds < API_GATEWAY_SECONDS
    seen(f"{answer.status} at {age_seconds + seconds:.1f} s of 29 in a cold process")


@row("L4")
def test_configured_time(seen):
    """Every stage has a limit; the local one is the deployed one."""
    written = json.loads(CONFIG.read_bytes())
    limits = {stage: Config(stage, config_from_disk=written).lambda_timeout for stage in STAGES}

    assert set(limits) == set(written["stages"])
    assert set(limits.values()) == {int(API_GATEWAY_SECONDS)}
    seen("lambda_timeout 29 in every stage")


@row("L4")
@pytest.mark.parametrize("seconds", [5, 20])
def test_local_time(tmp_path, seen, seconds):
    """`chalice local` gives a request what the configuration says, and so does the gateway."""
    written = {**json.loads(CONFIG.read_bytes()), "lambda_timeout": seconds}
    (tmp_path / ".chalice").mkdir()
    (tmp_path / ".chalice/config.json").write_text(json.dumps(written))
    gateway = house(LocalDoor)
    client = Client(gateway.app, stage_name="local", project_dir=str(tmp_path))

    headers = {**dict([JSON]), "Authorization": f"Bearer {TOKEN}"}
    assert client.http.post("/predict/churn", headers=headers, body=b"{}").status_code == 200

    left = gateway.call.seconds
    assert 0 < left <= seconds - BEFORE_LAMBDA_SECONDS
    seen(f"{seconds} s configured: {left:.2f} s for the model")


@row("L5")
@pytest.mark.parametrize(
    "size",
    [
        pytest.param(MAX_RESPONSE_BYTES, id="limit"),
        pytest.param(MAX_RESPONSE_BYTES + 1, id="limit+1"),
        pytest.param(MAX_PAYLOAD_BYTES, id="lambdas-limit"),
        pytest.param(25 * 1024 * 1024, id="sagemakers-limit"),
    ],
)
@pytest.mark.parametrize("byte", [b"\x00", b'"', b"\xff"], ids=["nul", "quotes", "no-utf-8"])
def test_size_of_an_answer(answering, recorder, seen, size, byte):
    """To the byte: what Lambda can carry as base64 arrives, and what it cannot is said to be so."""
    door, running = answering
    recorder.answer = lambda _: Answer(byte * size, headers=(NPY,))

    envelope = running.invoke(prediction(door))

    encoded_bytes = len(json.dumps(envelope).encode())
    answer = door.deliver(prediction(door))
    assert encoded_bytes <= MAX_PAYLOAD_BYTES
    if size <= MAX_RESPONSE_BYTES:
        assert (answer.status, answer.body) == (200, byte * size)
        seen(f"{size:,} bytes: 200, {encoded_bytes / 1e6:.2f} MB encoded")
    else:
        problem = assert_problem(answer, 502, "upstream-response-too-large")
        assert f"{MAX_RESPONSE_BYTES:,} bytes" in problem["detail"]
        seen(f"{size:,} bytes: 502")
