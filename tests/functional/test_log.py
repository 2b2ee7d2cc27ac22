"""The headers of every response about its request, and the one line of log."""

import contextlib
import errno
import io
import re
import sys

import pytest

from chalicelib.errors import UpstreamTimedOut
from chalicelib.telemetry.log import NOT_WRITTEN, Telemetry
from tests.faults.rows import row
from tests.support.canary import CANARY
from tests.support.clients import TOKEN
from tests.support.events import LambdaContext
from tests.support.gateway import JSON, FakeRuntime, FakeScheme
from tests.support.problems import assert_problem

OWN_KEYS = {
    "request_id",
    "method",
    "principal",
    "key_id",
    "model",
    "kind",
    "endpoint",
    "target",
    "status",
    "slug",
    "reason",
    "model_ms",
    "gateway_ms",
    "bytes_in",
    "bytes_out",
    "attempts",
    "cold_start",
    "table",
}
POWERTOOLS_KEYS = {"level", "location", "message", "timestamp", "service"}


def test_prediction(gateway):
    """The line has the caller, the model, the status and the times."""
    response = gateway.predict("house-price/houston", b'{"a": 1}')

    (line,) = gateway.log.lines
    assert line["request_id"] == response.headers["x-request-id"]
    assert (line["level"], line["message"]) == ("INFO", "request")
    assert line["method"] == "POST"
    assert (line["principal"], line["key_id"]) == ("tests", "k3yoft3s")
    assert line["model"] == "house-price/{city}"
    assert line["kind"] == "mme"
    assert line["endpoint"] == "housing"
    assert line["target"] == "TargetModel=houston/v3.tar.gz"
    assert line["status"] == 200
    assert (line["bytes_in"], line["bytes_out"], line["attempts"]) == (8, 8, 1)
    assert re.fullmatch("[0-9a-f]{12}", line["table"])
    assert line["gateway_ms"] >= 0
    assert line.keys() <= OWN_KEYS | POWERTOOLS_KEYS
    assert "slug" not in line


def test_refusal(gateway):
    """The line of an unknown model has no model, and does not repeat the name."""
    gateway.predict("no-such-model", b"{}")

    (line,) = gateway.log.lines
    assert (line["status"], line["slug"], line["attempts"]) == (404, "unknown-model", 0)
    assert not line.keys() & {"model", "kind", "endpoint", "target"}
    assert "no-such-model" not in gateway.log.text


def test_bytes_out(gateway):
    """`bytes_out` counts problems, too."""
    response = gateway.predict("churn", b"{")

    assert gateway.log.requests[0]["bytes_out"] == len(response.body) > 0


def test_cold_start(gateway):
    """Only the first request of a process is a cold start."""
    for path in ("/health", "/models", "/health"):
        gateway.get(path)

    assert [line["cold_start"] for line in gateway.log.requests] == [True, False, False]


@pytest.mark.parametrize("context", [LambdaContext("lambdas-own"), None], ids=["context", "none"])
def test_id_is_api_gateways(deployed, context):
    """API Gateway's request id is in the problem, the header and the line."""
    event = deployed.client.event("POST", "/predict/nothing")
    event["requestContext"]["requestId"] = "api-gateways-own"

    response = deployed.client.deliver(event, context)

    problem = assert_problem(response, 404, "unknown-model")
    assert problem["instance"] == "api-gateways-own"
    assert deployed.log.requests[0]["request_id"] == "api-gateways-own"


def test_id_is_lambdas(deployed):
    """Without API Gateway's request id Lambda's is used."""
    event = deployed.client.event("GET", "/health")
    del event["requestContext"]["requestId"]

    response = deployed.client.deliver(event, LambdaContext("lambdas-own"))

    assert response.headers["x-request-id"] == "lambdas-own"


def test_id_is_never_the_callers(gateway):
    """A caller cannot set the request id."""
    headers = {"X-Request-Id": "mine", "X-Amzn-RequestId": "mine", "X-Amzn-Trace-Id": "Root=mine"}

    response = gateway.get("/health", headers)

    assert "mine" not in response.headers["x-request-id"]
    assert "mine" not in gateway.log.text


@pytest.mark.parametrize(
    ("method", "path", "called"),
    [
        ("POST", "/predict/churn", True),
        ("POST", "/predict/nothing", False),
        ("GET", "/models", False),
        ("GET", "/health", False),
        ("PUT", "/health", False),
    ],
)
def test_server_timing(gateway, method, path, called):
    """Every response has the gateway's time, and the model's after a call."""
    response = gateway.client.send(method, path, JSON, b"{}")

    model = r"model;dur=\d+\.\d, " if called else ""
    assert re.fullmatch(rf"{model}gateway;dur=\d+\.\d", response.headers["server-timing"])


def test_server_timing_of_a_failure(build):
    """A call that failed has a time, too."""
    gateway = build(runtime=FakeRuntime(error=UpstreamTimedOut()))

    timing = gateway.predict("churn").headers["server-timing"]

    assert timing.startswith("model;dur=")


class Output(io.StringIO):
    """A stdout that fails as long as it has an error."""

    error = None

    def write(self, text):
        if self.error is not None:
            raise self.error
        return super().write(text)


class Broken:
    """A log whose lines and metrics go to one output."""

    def __init__(self, monkeypatch, output):
        self.output = output
        # Powertools keeps one handler for each service name.
        monkeypatch.setenv("POWERTOOLS_SERVICE_NAME", f"broken-{id(self)}")
        monkeypatch.setattr(sys, "stdout", output)
        self.telemetry = Telemetry()


@row("L6")
@pytest.mark.parametrize(
    "error",
    [
        OSError(errno.ENOSPC, "No space left on device"),
        BrokenPipeError(errno.EPIPE, "Broken pipe"),
        ValueError("I/O operation on closed file"),
        UnicodeEncodeError("ascii", CANARY, 0, 1, "ordinal not in range"),
        AttributeError(f"what is {CANARY}"),
        RecursionError(),
    ],
    ids=lambda error: type(error).__name__,
)
def test_output_that_fails(build_deployed, monkeypatch, capfd, seen, error):
    """What cannot be written costs no answer, stderr says it, and later lines are written."""
    log = Broken(monkeypatch, Output())
    scheme = FakeScheme({TOKEN: FakeScheme().known[TOKEN], "bug": ValueError(CANARY)})
    gateway = build_deployed(log=log, scheme=scheme)
    log.output.error = error

    assert gateway.predict("churn", authorization=f"Bearer {TOKEN}").status == 200
    assert gateway.predict("nothing", authorization="Bearer wrong").status == 401
    assert gateway.app({"Records": None}, None)["statusCode"] == 400
    log.telemetry.key_store_age(7.0)
    log.telemetry.table_refused(["a problem"])
    log.telemetry.bug(ValueError(CANARY))
    said = capfd.readouterr().err

    assert set(said.splitlines()) and all(
        line.startswith(NOT_WRITTEN) for line in said.splitlines()
    )
    assert type(error).__name__ in said
    assert CANARY not in said
    log.output.error = None
    assert gateway.get("/health").status == 200
    assert '"message":"request"' in log.output.getvalue().splitlines()[-1]
    seen("200, 401 and 400 as always")


@row("L6")
@pytest.mark.parametrize("output", [None, "closed"])
def test_no_output(build_deployed, monkeypatch, output):
    """Without a stdout, and without a stderr that could say so, every request has its answer."""
    closed = io.StringIO()
    closed.close()
    log = Broken(monkeypatch, output and closed)
    gateway = build_deployed(log=log)

    with contextlib.redirect_stderr(output and closed):
        assert gateway.predict("churn").status == 200
        assert gateway.predict("nothing").status == 404


@row("L6")
def test_bug_in_the_telemetry(gateway, capfd):
    """A record that cannot be made into a line costs no answer either, and is said."""
    gateway.log.telemetry._requests = None

    assert gateway.predict("churn").status == 200
    assert capfd.readouterr().err.startswith(f"{NOT_WRITTEN}: TypeError in request, ")
