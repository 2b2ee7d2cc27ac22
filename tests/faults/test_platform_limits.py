"""Limits of Lambda and API Gateway: the time, and the size of a response (L1, L2, L4, L5)."""

import json
import time

import pytest
from chalice.config import Config
from chalice.test import Client

from chalicelib.sagemaker.answers import MAX_RESPONSE_BYTES
from tests.faults.rows import row
from tests.support.clients import TOKEN, LocalClient
from tests.support.events import LambdaContext
from tests.support.gateway import build_gateway
from tests.support.http_server import StubServer, drips, response, waits
from tests.support.lambda_process import MAX_PAYLOAD_BYTES, LambdaProcess, client_of
from tests.support.paths import ROOT
from tests.support.problems import assert_problem
from tests.support.profile import LONG

JSON = ("Content-Type", "application/json")
NPY = {"Content-Type": "application/x-npy"}
CONFIG = ROOT / ".chalice/config.json"
STAGES = ("dev", "prod", "local")
ANSWER = response(200, b"{}" * 100, dict([JSON]))

API_GATEWAY_SECONDS = 29.0
BEFORE_LAMBDA_SECONDS = 0.5
REQUESTS = 50 if LONG else 2  # for each way to be late


@pytest.fixture(name="deployed")
def _deployed(package, recorded_function, sagemaker):
    """A client of the packaged function, and the function."""
    running, _ = recorded_function
    return client_of(package, running), running


def prediction(client, path="digit", age_seconds=0.0, **headers):
    """Build the event of a request that API Gateway got so many seconds ago."""
    event = client.event("POST", f"/predict/{path}", [JSON, *headers.items()], b"{}")
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
def test_too_little_time(deployed, sagemaker, seen, *, age_seconds, remaining_ms, headers):
    """A call that cannot end in time is not started."""
    client, _ = deployed

    event = prediction(client, age_seconds=age_seconds, **headers)
    received = client.deliver(event, LambdaContext(remaining_ms=remaining_ms))

    assert_problem(received, 504, "upstream-timeout")
    assert "model;dur" not in received.headers["server-timing"]
    assert sagemaker.requests == []
    seen("504 upstream-timeout, no connection")


@row("L2")
@pytest.mark.parametrize("remaining_ms", [900, 1_100])
@pytest.mark.parametrize(
    "script",
    [
        pytest.param(waits(60), id="hang"),
        pytest.param(drips(ANSWER, every_seconds=0.05), id="headers-drip"),
        pytest.param(drips(ANSWER, after=140, every_seconds=0.2), id="body-drips"),
    ],
)
def test_lambda_does_not_end_it(deployed, sagemaker, seen, script, remaining_ms):
    """Whatever the gateway waits for, it responds half a second before Lambda would end it."""
    client, _ = deployed
    sagemaker.script = script
    left = []
    for _ in range(REQUESTS):
        event = prediction(client)
        received, seconds = timed(client.deliver, event, LambdaContext(remaining_ms=remaining_ms))
        assert_problem(received, 504, "upstream-timeout")
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
    """API Gateway counts from the request: after a start of 27 seconds, one second is left."""
    age_seconds = 27.0
    with (
        StubServer(waits(60)) as server,
        LambdaProcess.of_package(package, task_root, server.url) as cold,
    ):
        client = client_of(package, cold)
        received, seconds = timed(client.deliver, prediction(client, path, age_seconds))
        assert server.connections == 1

    assert_problem(received, *problem)
    assert age_seconds + seconds < API_GATEWAY_SECONDS
    seen(f"{received.status} at {age_seconds + seconds:.1f} s of 29 in a cold process")


@row("L4")
def test_configured_time(seen):
    """Every stage has the same limit, the local one included."""
    written = json.loads(CONFIG.read_bytes())
    limits = {stage: Config(stage, config_from_disk=written).lambda_timeout for stage in STAGES}

    assert set(limits) == set(written["stages"])
    assert set(limits.values()) == {int(API_GATEWAY_SECONDS)}
    seen("lambda_timeout 29 in every stage")


@row("L4")
@pytest.mark.parametrize("seconds", [5, 20])
def test_local_time(tmp_path, seen, seconds):
    """With `chalice local` the gateway keeps to the limit that the configuration has."""
    written = {**json.loads(CONFIG.read_bytes()), "lambda_timeout": seconds}
    (tmp_path / ".chalice").mkdir()
    (tmp_path / ".chalice/config.json").write_text(json.dumps(written))
    gateway = build_gateway(LocalClient)
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
@pytest.mark.parametrize("byte", [b'"', b"\xff"], ids=["quotes", "no-utf-8"])
def test_size_of_a_response(deployed, sagemaker, seen, size, byte):
    """A response that Lambda can carry as base64 arrives; a larger one becomes a problem."""
    client, running = deployed
    sagemaker.reply = lambda _: response(200, byte * size, NPY)

    encoded_bytes = len(json.dumps(running.invoke(prediction(client))).encode())
    received = client.deliver(prediction(client))

    assert encoded_bytes <= MAX_PAYLOAD_BYTES
    if size <= MAX_RESPONSE_BYTES:
        assert (received.status, received.body) == (200, byte * size)
        seen(f"{size:,} bytes: 200, {encoded_bytes / 1e6:.2f} MB encoded")
    else:
        problem = assert_problem(received, 502, "upstream-response-too-large")
        assert f"{MAX_RESPONSE_BYTES:,} bytes" in problem["detail"]
        seen(f"{size:,} bytes: 502")
