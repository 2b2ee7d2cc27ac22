"""The gateway with the table that it has: good, bad, or none; and with bad settings."""

import hashlib
import json
import subprocess
import sys

import pytest

from chalicelib.routing.sources import source_for
from chalicelib.settings import Settings
from tests.support.clients import LambdaClient
from tests.support.gateway import JSON, TABLE, Log, build_gateway
from tests.support.paths import ROOT
from tests.support.problems import assert_problem

BAD = TABLE.replace("target_model: iris", "target_modle: iris").replace("mce", "mces")


@pytest.fixture(name="gateway_with")
def _gateway_with(tmp_path):
    """A gateway whose table is a file with this text; None: no file."""

    def build(text):
        file = tmp_path / "routing.yaml"
        if text is not None:
            file.write_text(text)
        settings = Settings.from_env({"GATEWAY_ROUTING": f"file:{file}"})
        log = Log()
        built = build_gateway(LambdaClient, source=source_for(settings, log.telemetry))
        return built, log

    return build


def test_health(gateway_with):
    """How many models there are, and of which table: its SHA-256 begins so."""
    gateway, _ = gateway_with(TABLE)

    response = gateway.get("/health")

    digest = hashlib.sha256(TABLE.encode()).hexdigest()[:12]
    assert (response.status, response.headers["content-type"]) == (200, "application/json")
    assert response.json() == {"status": "ok", "models": 12, "table": digest}
    assert gateway.log.requests[0]["table"] == digest


@pytest.mark.parametrize("text", [pytest.param(BAD, id="bad"), pytest.param(None, id="missing")])
@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("POST", "/predict/churn"),
        ("POST", "/predict/nothing"),
        ("GET", "/models"),
        ("GET", "/models/churn"),
        ("GET", "/health"),
    ],
)
def test_no_table(gateway_with, text, method, path):
    """A table is taken whole or not at all: without one every answer is the same 503."""
    gateway, _ = gateway_with(text)

    response = gateway.client.send(method, path, JSON, b"{}")

    assert_problem(response, 503, "routing-unavailable")
    assert gateway.runtime.calls == []


def test_problems_are_logged(gateway_with):
    """Once, at the start, all of them, each with its line and the way out."""
    _, log = gateway_with(BAD)

    (line,) = log.lines
    assert (line["level"], line["message"]) == ("ERROR", "routing table refused")
    text = "\n".join(line["problems"])
    assert "routing.yaml:13: models.iris.target_modle: unknown key" in text
    assert "did you mean target_model?" in text
    assert "models.sentiment.kind" in text


def start(**environment):
    """Import app.py as Lambda does: no network, region or credential."""
    command = [sys.executable, "-W", "error", "-c", "import app; print(app.app.debug)"]
    return subprocess.run(
        command,
        cwd=ROOT,
        env={"AWS_CONFIG_FILE": "/dev/null", "AWS_EC2_METADATA_DISABLED": "true", **environment},
        capture_output=True,
        text=True,
        check=False,
    )


def test_start():
    """Importing app.py needs nothing that is not there."""
    started = start()

    assert (started.returncode, started.stdout, started.stderr) == (0, "False\n", "")


LAMBDA = {
    "_HANDLER": "app.app",
    "AWS_DEFAULT_REGION": "us-east-1",
    "AWS_ACCESS_KEY_ID": "a",
    "AWS_SECRET_ACCESS_KEY": "b",
}


@pytest.mark.parametrize(
    "environment",
    [
        pytest.param({}, id="well-set"),
        pytest.param({"AWS_DEFAULT_REGION": ""}, id="no-region"),
        pytest.param({"AWS_ACCESS_KEY_ID": ""}, id="no-credentials"),
        pytest.param({"AWS_CA_BUNDLE": "/nothing/there.pem"}, id="no-bundle"),
        pytest.param({"AWS_DEFAULTS_MODE": "bogus"}, id="bad-mode"),
        pytest.param({"AWS_REQUEST_CHECKSUM_CALCULATION": "bogus"}, id="bad-choice"),
        pytest.param({"AWS_ENDPOINT_URL_SAGEMAKER_RUNTIME": "bogus"}, id="bad-url"),
    ],
)
def test_start_of_the_function_that_predicts(environment):
    """It makes its client at once; what keeps it from that, the first request says."""
    started = start(**{**LAMBDA, **environment})

    assert (started.returncode, started.stdout, started.stderr) == (0, "False\n", "")


def test_bad_setting():
    """A bad setting stops the start: the variable, its value and the remedy."""
    started = start(GATEWAY_CORS_ORIGIN="shop.example.com")

    assert started.returncode != 0
    assert "ConfigurationError: GATEWAY_CORS_ORIGIN is 'shop.example.com'" in started.stderr


@pytest.mark.parametrize(
    ("environment", "service"),
    [
        pytest.param({}, "inference-gateway-local", id="local"),
        pytest.param(
            {"POWERTOOLS_SERVICE_NAME": "inference-gateway-dev"},
            "inference-gateway-dev",
            id="deployed",
        ),
    ],
)
def test_bad_table(environment, service):
    """A bad table does not: the gateway starts, to say so under its name."""
    started = start(GATEWAY_ROUTING="file:nothing.yaml", **environment)

    assert started.returncode == 0
    line = json.loads(started.stdout.splitlines()[0])
    assert (line["message"], line["service"]) == ("routing table refused", service)


def test_table_in_s3():
    """Nobody asks S3 before there is a request."""
    started = start(GATEWAY_ROUTING="s3://tables/routing.yaml")

    assert (started.returncode, started.stderr) == (0, "")
