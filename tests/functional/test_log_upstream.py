"""What a request's line says about SageMaker's answer, and whether the artifact was loaded.

The client and the runtime are the gateway's own; a stub server stands for SageMaker.
"""

import json

import pytest

from tests.support.canary import CANARY
from tests.support.gateway import FixedTable, build_gateway, runtime_at, table
from tests.support.http_server import StubServer, sends, sends_and_resets
from tests.support.ports import free_port

ID = "7a62c49f-347e-4fc4-9331-6e8eEXAMPLE1"
SAID = ("upstream_code", "upstream_request_id", "original_status", "artifact", "reason")
TABLE = """\
version: 1
models:
  churn: {kind: single, endpoint: churn-prod, max_attempts: 1}
  again: {kind: single, endpoint: churn-prod, max_attempts: 2}
  iris: {kind: mme, endpoint: tabular, target_model: iris-v1.tar.gz}
  hasty: {kind: mme, endpoint: tabular, target_model: hasty.tar.gz, timeout_seconds: 0.3}
  waiting: {kind: mme, endpoint: tabular, target_model: w.tar.gz, cold_start: wait}
"""


def http(status, body=b"{}", **headers):
    lines = [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
    head = [f"HTTP/1.1 {status} Text", f"Content-Length: {len(body)}", *lines, "", ""]
    return "\r\n".join(head).encode() + body


def answer(**headers):
    return http(200, b"[7]", Content_Type="application/json", **headers)


def error(status, code, request_id=ID, **members):
    body = json.dumps({"Message": CANARY, "OriginalMessage": CANARY, **members}).encode()
    return http(status, body, x_amzn_ErrorType=code, x_amzn_RequestId=request_id)


def one_by_one(*scripts):
    """Answer the first request by the first script, and so on."""
    left = list(scripts)

    def script(connection):
        left.pop(0)(connection)

    return script


NOT_READY = sends(error(429, "ModelNotReadyException"))


@pytest.fixture(name="sagemaker")
def _sagemaker():
    with StubServer(sends(answer(x_amzn_RequestId=ID))) as server:
        yield server


@pytest.fixture(name="house")
def _house(sagemaker):
    return build_gateway(source=FixedTable(table(TABLE)), runtime=runtime_at(sagemaker.url))


def said(house):
    """Return the members of the last line that have a value."""
    line = house.log.requests[-1]
    return {name: line[name] for name in SAID if name in line}


@pytest.mark.parametrize(
    ("response", "status", "expected"),
    [
        pytest.param(answer(), 200, {}, id="no-id"),
        pytest.param(answer(x_amzn_RequestId=ID), 200, {"upstream_request_id": ID}, id="answer"),
        pytest.param(answer(x_amzn_RequestId="two words"), 200, {}, id="text-for-an-id"),
        pytest.param(answer(x_amzn_RequestId="x" * 129), 200, {}, id="long-id"),
        pytest.param(
            error(400, "ThrottlingException"),
            503,
            {"upstream_code": "ThrottlingException", "upstream_request_id": ID},
            id="throttled",
        ),
        pytest.param(
            error(418, "Brand.New.Error"),
            502,
            {"upstream_code": "Brand.New.Error", "upstream_request_id": ID},
            id="unknown-code",
        ),
        pytest.param(
            error(424, "ModelError", OriginalStatusCode=500),
            502,
            {"upstream_code": "ModelError", "upstream_request_id": ID, "original_status": 500},
            id="container",
        ),
        pytest.param(
            error(424, "ModelError", OriginalStatusCode=0),
            504,
            {"upstream_code": "ModelError", "upstream_request_id": ID, "original_status": 0},
            id="silent-container",
        ),
        *(
            pytest.param(
                error(424, "ModelError", OriginalStatusCode=value),
                502,
                {"upstream_code": "ModelError", "upstream_request_id": ID},
                id=f"status-{value}",
            )
            for value in (99, 600, -1, 10**9)
        ),
        pytest.param(
            error(418, f"{CANARY} with its words", f"{CANARY} of a request"), 502, {}, id="texts"
        ),
        pytest.param(error(418, "x" * 65), 502, {"upstream_request_id": ID}, id="long-code"),
    ],
)
def test_what_sagemaker_said(sagemaker, house, response, status, expected):
    """Code, request id and the container's status are logged if they have the form of one."""
    sagemaker.script = sends(response)

    caller = house.predict("churn")

    assert caller.status == status
    assert said(house) == expected
    assert CANARY not in house.log.text + caller.body.decode()
    assert ID not in caller.body.decode() + str(caller.headers)


def test_of_the_last_attempt(sagemaker, house):
    """What an earlier attempt left is not in the line."""
    sagemaker.script = one_by_one(sends(error(500, "InternalFailure")), sends(answer()))

    assert house.predict("again").status == 200
    assert (said(house), house.log.requests[-1]["attempts"]) == ({}, 2)


@pytest.mark.parametrize(
    ("script", "model", "reason"),
    [
        pytest.param(sends_and_resets(), "churn", "ConnectionClosedError", id="reset"),
        pytest.param(sends(), "hasty", "ReadTimeoutError", id="silence"),
    ],
)
def test_call_without_an_answer(sagemaker, house, script, model, reason):
    """The reason is the name of the exception."""
    sagemaker.script = script

    assert house.predict(model).status == 503
    assert said(house)["reason"] == reason


def test_no_connection():
    """An endpoint that nobody can connect to has its reason, too."""
    runtime = runtime_at(f"http://127.0.0.1:{free_port()}")
    house = build_gateway(source=FixedTable(table(TABLE)), runtime=runtime)

    assert house.predict("churn").status == 503
    assert said(house) == {"reason": "EndpointConnectionError"}


class TestArtifact:
    """`cold`, `loaded`, or nothing."""

    def test_quick(self, house):
        """A quick answer took no load, though it is the first one of the process."""
        assert house.predict("iris").status == 200
        assert said(house) == {"upstream_request_id": ID}

    def test_loading(self, sagemaker, house):
        """A request that finds the artifact loading is cold; the first answer then is loaded."""
        works, sagemaker.script = sagemaker.script, NOT_READY
        for _ in range(2):
            assert house.predict("iris").status == 503
            assert said(house)["artifact"] == "cold"

        sagemaker.script = works
        for artifact in ("loaded", None):
            assert house.predict("iris").status == 200
            assert said(house).get("artifact") == artifact

    def test_silence(self, sagemaker, house):
        """A target that may be cold and does not answer in time counts as cold."""
        sagemaker.script = sends()

        assert house.predict("hasty").status == 503
        assert said(house)["artifact"] == "cold"

    def test_waiting(self, sagemaker, house):
        """A request that waits for the load itself is loaded in the end."""
        sagemaker.script = one_by_one(NOT_READY, sagemaker.script)

        assert house.predict("waiting").status == 200
        assert (said(house)["artifact"], house.log.requests[-1]["attempts"]) == ("loaded", 2)

    def test_another_error(self, sagemaker, house):
        """An error that says nothing of a load leaves no state behind, nor does a broken answer."""
        sagemaker.script = NOT_READY
        house.predict("iris")
        sagemaker.script = sends(error(424, "ModelError", OriginalStatusCode=400))

        assert house.predict("iris").status == 400
        assert "artifact" not in said(house)

    def test_no_artifact(self, sagemaker, house):
        """A target without an artifact is never loaded, however its answers come."""
        sagemaker.script = NOT_READY
        house.predict("churn")
        sagemaker.script = sends(answer())

        assert house.predict("churn").status == 200
        assert said(house) == {}
