"""A start of the gateway needs no network, no region and no credentials."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from chalicelib.api.factory import create_app
from chalicelib.settings import Settings
from tests.faults.rows import row
from tests.support.clients import LambdaClient
from tests.support.gateway import BuiltGateway, FakeScheme, Log
from tests.support.paths import ROOT
from tests.support.problems import assert_problem

# Imports app.py, and prints what became of the garbage collector.
COLLECTOR = """
import gc, sys
if sys.argv[1] == "off":
    gc.disable()
try:
    import app
    started = True
except Exception as error:
    started = False
    print(error, file=sys.stderr)
print(started, gc.isenabled(), gc.get_freeze_count() > 0)
"""


def start(**environ):
    log = Log()
    app = create_app(Settings.from_env(environ), schemes=[FakeScheme()], telemetry=log.telemetry)
    return BuiltGateway(app, None, log, LambdaClient(app))


def test_no_region():
    """The function that predicts starts without a region; the first request gets the error."""
    gateway = start(_HANDLER="app.app")

    assert gateway.get("/health").status == 200
    assert_problem(gateway.predict("iris"), 500, "gateway-misconfigured")


def test_no_credentials_for_the_table():
    """A table in S3 that nobody may read gives a gateway that answers 503 and logs the reason."""
    gateway = start(GATEWAY_ROUTING="s3://bucket/routing.yaml")

    assert_problem(gateway.get("/health"), 503, "routing-unavailable")
    (failure,) = [
        line for line in gateway.log.lines if line["message"] == "routing table not fetched"
    ]
    assert failure["reason"] == "NoCredentialsError"


@row("L9")
@pytest.mark.parametrize("collector", ["on", "off"])
@pytest.mark.parametrize(
    ("max_age", "started"),
    [pytest.param("30", True, id="good"), pytest.param("soon", False, id="bad")],
)
def test_garbage_collector(seen, collector, max_age, started):
    """A start leaves the garbage collector as it was; only a good one freezes its objects."""
    finished = subprocess.run(
        [sys.executable, "-c", COLLECTOR, collector],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT), "GATEWAY_ROUTING_MAX_AGE": max_age},
        capture_output=True,
        text=True,
        check=True,
    )

    assert finished.stdout.splitlines()[-1].split() == [
        str(started),
        str(collector == "on"),
        str(started),
    ]
    assert ("GATEWAY_ROUTING_MAX_AGE is 'soon'" in finished.stderr) is not started
    seen("the reason, and the collector as it was")


@pytest.mark.parametrize("command", ["local --no-autoreload", "package build"])
def test_chalice_command(command):
    """A bad setting ends a command of Chalice's with one sentence for each mistake."""
    finished = subprocess.run(
        [Path(sys.executable).with_name("chalice"), *command.split(), "--stage", "local"],
        cwd=ROOT,
        env={
            **os.environ,
            "AWS_DEFAULT_REGION": "us-east-1",
            "GATEWAY_CORS_ORIGIN": "https://a.example,https://b.example",
            "GATEWAY_CORS_HEADERS": "*",
        },
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )

    assert finished.returncode == 2
    origin, headers = finished.stderr.splitlines()
    assert origin.startswith(
        "error: GATEWAY_CORS_ORIGIN is 'https://a.example,https://b.example'; "
    )
    assert headers.startswith("error: GATEWAY_CORS_HEADERS is '*'; it must be names of headers")
