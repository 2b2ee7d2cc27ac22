"""The start of the gateway: with a good table, a bad one or none, and with bad settings."""

import hashlib
import json
import subprocess
import sys

import pytest

from chalicelib.routing.reading import file
from chalicelib.routing.sources import source_for
from chalicelib.settings import Settings
from tests.faults.rows import row
from tests.support.clients import LambdaClient
from tests.support.gateway import TABLE, Log, StaleTable, build_gateway, table
from tests.support.paths import ROOT
from tests.support.problems import assert_problem


@pytest.fixture(name="gateway_with")
def _gateway_with(tmp_path):
    """Build a gateway whose table is a file with this text."""

    def build(text):
        path = tmp_path / "routing.yaml"
        if text is not None:
            path.write_text(text)
        settings = Settings.from_env({"GATEWAY_ROUTING": f"file:{path}"})
        log = Log()
        built = build_gateway(LambdaClient, source=source_for(settings, log.telemetry))
        return built, log

    return build


def test_health(gateway_with):
    """`/health` has the number of models and the first part of the digest."""
    gateway, _ = gateway_with(TABLE)

    response = gateway.get("/health")

    digest = hashlib.sha256(TABLE.encode()).hexdigest()[:12]
    assert (response.status, response.headers["content-type"]) == (200, "application/json")
    assert response.json() == {"status": "ok", "models": 12, "table": digest}
    assert gateway.log.requests[0]["table"] == digest


def test_degraded():
    """A gateway whose table is stale says so with 200, and since when in whole seconds."""
    gateway = build_gateway(LambdaClient, source=StaleTable(table(), 301.9))

    response = gateway.get("/health")
    assert response.status == 200
    assert response.json() == {
        "status": "degraded",
        "models": 12,
        "table": table().digest[:12],
        "table_age_seconds": 301,
    }


@row("R13")
def test_thousands_of_problems(gateway_with):
    """The log has the first problems, each cut if it is long, and the number of the others."""
    key = "é" * 80
    entry = f"{{kind: {key}, {', '.join(f'{key[:-2]}{n}: 1' for n in range(10, 15))}}}"
    text = "version: 1\nmodels:\n" + "".join(f"  {key[:70]}{n}: {entry}\n" for n in range(2_000))
    gateway, log = gateway_with(text)

    (line,) = log.lines
    assert line["problems_left_out"] == 2_000 * 7 - len(line["problems"])
    assert line["problems"][0].startswith(f"{line['problems'][0].partition('.yaml:')[0]}.yaml:3: ")
    assert all(len(problem) <= 300 for problem in line["problems"])
    assert len(log.text.encode()) < 64 * 1024
    assert_problem(gateway.predict("a"), 503, "routing-unavailable")


@pytest.fixture(name="compiled", scope="module")
def _compiled(tmp_path_factory):
    """Write a table and its compiled form, and return the variable that names the table."""
    path = tmp_path_factory.mktemp("compiled") / "routing.yaml"
    path.write_text(TABLE)
    file.compiled_path(path).write_bytes(file.compiled(file.load(path)))
    return {"GATEWAY_ROUTING": f"file:{path}"}


def start(**environment):
    """Import app.py as Lambda does, without network, region or credentials."""
    command = [sys.executable, "-W", "error", "-c", "import app; print(app.app.debug)"]
    return subprocess.run(
        command,
        cwd=ROOT,
        env={"AWS_CONFIG_FILE": "/dev/null", "AWS_EC2_METADATA_DISABLED": "true", **environment},
        capture_output=True,
        text=True,
        check=False,
    )


def test_start(compiled):
    """Importing app.py needs nothing else."""
    started = start(**compiled)

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
def test_start_of_the_function_that_predicts(compiled, environment):
    """The function makes its client at the start; what prevents that, the first request reports."""
    started = start(**LAMBDA | compiled | environment)

    assert (started.returncode, started.stdout, started.stderr) == (0, "False\n", "")


def test_bad_setting():
    """A bad setting stops the start; the message has the variable, the value and the remedy."""
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
    """A bad table does not stop the start; the log says it under the service's name."""
    started = start(GATEWAY_ROUTING="file:nothing.yaml", **environment)

    assert started.returncode == 0
    line = json.loads(started.stdout.splitlines()[0])
    assert (line["message"], line["service"]) == ("routing table refused", service)


def test_table_in_s3():
    """Nothing is read from S3 before the first request."""
    started = start(GATEWAY_ROUTING="s3://tables/routing.yaml")

    assert (started.returncode, started.stderr) == (0, "")
