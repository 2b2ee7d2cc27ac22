"""The headers of every response about its request, and the one line of log."""

import contextlib
import errno
import io
import json
import re
import sys

import pytest

from chalicelib.auth.credentials import Identity
from chalicelib.errors import (
    GatewayMisconfigured,
    ModelFailed,
    ModelNotReady,
    ModelRejectedInput,
    UpstreamTimedOut,
)
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
    "path",
    "principal",
    "key_id",
    "credential_request_id",
    "trace_id",
    "model",
    "kind",
    "endpoint",
    "target",
    "status",
    "slug",
    "reason",
    "upstream_code",
    "upstream_request_id",
    "original_status",
    "model_ms",
    "gateway_ms",
    "bytes_in",
    "bytes_out",
    "attempts",
    "artifact",
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
    """The line of an unknown model has no model, and the name in the path alone."""
    gateway.predict("misspelt", b"{}")

    (line,) = gateway.log.lines
    assert (line["status"], line["slug"], line["attempts"]) == (404, "unknown-model", 0)
    assert (line["path"].endswith("/predict/misspelt"), line["reason"]) == (True, "no-such-model")
    assert not line.keys() & {"model", "kind", "endpoint", "target"}
    assert gateway.log.text.count("misspelt") == 1


@pytest.mark.parametrize(
    ("grants", "path", "reason"),
    [
        pytest.param(("iris",), "churn", "not-granted", id="of-another-model"),
        pytest.param(("house-price/austin",), "house-price/houston", "not-granted", id="value"),
        pytest.param((), "translate/de/en", "not-granted", id="none"),
        pytest.param(("iris",), "misspelt", "no-such-model", id="no-model-and-no-grant"),
        pytest.param(("*",), "misspelt", "no-such-model", id="no-model"),
        pytest.param(("translate/*",), "translate/de", "no-such-model", id="too-few-segments"),
        pytest.param(("*",), "iris%2Fx", "no-such-model", id="slash-in-a-segment"),
    ],
)
@pytest.mark.parametrize("method", ["POST", "GET"])
def test_why_a_model_is_unknown(build, method, grants, path, reason):
    """The log tells a missing model from one that is not granted; the response does not."""
    gateway = build(scheme=FakeScheme({TOKEN: Identity("tests", grants, None)}))
    prefix = "predict" if method == "POST" else "models"

    response = gateway.client.send(
        method, f"/{prefix}/{path}", {**JSON, "Authorization": f"Bearer {TOKEN}"}, b""
    )

    problem = assert_problem(response, 404, "unknown-model")
    assert gateway.log.requests[0]["reason"] == reason
    assert reason not in json.dumps(problem)


@pytest.mark.parametrize(
    ("path", "logged"),
    [
        ("/api/predict/iris", "/api/predict/iris"),
        ("/api/größe", "/api/größe"),
        ("/a\n{\u2028\x00", r"/a\n{\u2028\x00"),
        ("/\ud800", r"/\ud800"),
        ("/" + "a" * 199, "/" + "a" * 199),
        ("/" + "a" * 200, "/" + "a" * 198 + "…"),
        ("\n" * 9_000, r"\n" * 99 + "\\…"),
        ("", None),
    ],
)
def test_path(deployed, path, logged):
    """The path is one printable line of at most 200 characters."""
    event = deployed.client.event("GET", "/health")
    event["requestContext"]["path"] = path

    deployed.client.deliver(event)

    (line,) = deployed.log.requests
    assert line.get("path") == logged


ID, PARENT = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"


@pytest.mark.parametrize(
    ("traceparent", "is_logged"),
    [
        pytest.param(f"00-{ID}-{PARENT}-01", True, id="sampled"),
        pytest.param(f"00-{ID}-{PARENT}-00", True, id="not-sampled"),
        pytest.param(f"00-{ID}-{PARENT}-ff", True, id="all-flags"),
        pytest.param(f"cc-{ID}-{PARENT}-01", True, id="later-version"),
        pytest.param(f"cc-{ID}-{PARENT}-01-what-the-future-is", True, id="later-version-longer"),
        pytest.param(f"cc-{ID}-{PARENT}-01-", True, id="later-version-with-a-hyphen"),
        pytest.param(f"cc-{ID}-{PARENT}-01.what", False, id="later-version-without-hyphen"),
        pytest.param(f"00-{ID}-{PARENT}-01-what", False, id="00-longer"),
        pytest.param(f"00-{ID}-{PARENT}-01-", False, id="00-with-a-hyphen"),
        pytest.param(f"ff-{ID}-{PARENT}-01", False, id="version-ff"),
        pytest.param(f"0-{ID}-{PARENT}-01", False, id="short-version"),
        pytest.param(f".0-{ID}-{PARENT}-01", False, id="bad-version"),
        pytest.param(f"0x-{ID}-{PARENT}-01", False, id="version-no-hex"),
        pytest.param(f"CC-{ID}-{PARENT}-01", False, id="version-upper-case"),
        pytest.param(f"00-{ID.upper()}-{PARENT}-01", False, id="upper-case"),
        pytest.param(f"00-{'0' * 32}-{PARENT}-01", False, id="zero-trace"),
        pytest.param(f"00-{ID}-{'0' * 16}-01", False, id="zero-parent"),
        pytest.param(f"00-{ID[:-1]}-{PARENT}-01", False, id="short-trace"),
        pytest.param(f"00-{ID}0-{PARENT}-01", False, id="long-trace"),
        pytest.param(f"00-{ID[:-1]}.-{PARENT}-01", False, id="trace-no-hex"),
        pytest.param(f"00-{ID}-{PARENT[:-1]}-01", False, id="short-parent"),
        pytest.param(f"00-{ID}-{PARENT[:-1]}.-01", False, id="parent-no-hex"),
        pytest.param(f"00-{ID}-{PARENT}-1", False, id="short-flags"),
        pytest.param(f"00-{ID}-{PARENT}-.0", False, id="flags-no-hex"),
        pytest.param(f"00-{ID}-{PARENT}", False, id="no-flags"),
        pytest.param(f"00_{ID}_{PARENT}_01", False, id="underscores"),
        pytest.param(f"00-{ID}-{PARENT}-01,00-{ID}-{PARENT}-01", False, id="two-in-one"),
        pytest.param(CANARY, False, id="a-text"),
        pytest.param("", False, id="empty"),
    ],
)
def test_trace(gateway, traceparent, is_logged):
    """The trace is logged if `traceparent` has a form of W3C Trace Context, 3.2.2 and 4.3."""
    assert gateway.predict("churn", traceparent=traceparent).status == 200

    (line,) = gateway.log.requests
    assert line.get("trace_id") == (ID if is_logged else None)
    assert PARENT not in gateway.log.text
    assert CANARY not in gateway.log.text


def test_two_traces(deployed):
    """Of two headers it is not known which one is meant, so neither is logged."""
    twice = [(name, f"00-{ID}-{PARENT}-01") for name in ("traceparent", "Traceparent")]
    deployed.post("/predict/churn", b"{}", [*JSON.items(), *twice])

    assert "trace_id" not in deployed.log.requests[0]


@pytest.mark.parametrize(
    ("error", "level"),
    [
        pytest.param(None, "INFO", id="200"),
        pytest.param(ModelRejectedInput(422), "INFO", id="422"),
        pytest.param(GatewayMisconfigured(), "ERROR", id="500"),
        pytest.param(KeyError(CANARY), "ERROR", id="500-bug"),
        pytest.param(ModelFailed(400), "WARNING", id="502"),
        pytest.param(ModelNotReady(), "WARNING", id="503"),
        pytest.param(UpstreamTimedOut(), "WARNING", id="504"),
    ],
)
def test_level(build, error, level):
    """Faults of the gateway are errors, those of an endpoint are warnings."""
    gateway = build(runtime=FakeRuntime(error=error))
    gateway.predict("churn")

    assert gateway.log.requests[-1]["level"] == level


@pytest.mark.parametrize(
    ("sent", "logged"),
    [
        ("5f0e4f9c-1f1c-4e4e-9f5a-0a1b2c3d4e5f", "5f0e4f9c-1f1c-4e4e-9f5a-0a1b2c3d4e5f"),
        ("x" * 128, "x" * 128),
        ("x" * 129, None),
        ("with a space", None),
        ("line\nend", None),
        ("größe", None),
        ("", None),
        (7, None),
        (None, None),
    ],
)
@pytest.mark.parametrize(("outcome", "status"), [("ok", 200), ("unauthorized", 401)])
def test_credential(deployed, outcome, status, sent, logged):
    """The line names the authorizer's call, also of a refusal, if the name has the form of one."""
    event = deployed.client.event("GET", "/models")
    event["requestContext"]["authorizer"] |= {"outcome": outcome, "credential_request_id": sent}

    assert deployed.client.deliver(event).status == status
    assert deployed.log.requests[0].get("credential_request_id") == logged


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
