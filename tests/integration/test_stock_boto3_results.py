"""Stock boto3 and the gateway's client read the same responses alike."""

import json
import re

import pytest
from botocore.exceptions import BotoCoreError, ReadTimeoutError

from chalicelib.aws.deadline import Deadline
from tests.support.gateway import AWS, table
from tests.support.http_server import StubServer, sends, sends_and_closes, sends_and_resets
from tests.support.paths import ROOT
from tests.support.ports import closed_port
from tests.support.stock import BOTH, SECONDS, ours, outcome, stock

EXAMPLE = json.dumps({"instances": [[5.1, 3.5, 1.4, 0.2]]}).encode()
ALL_BYTES = bytes(range(256))
DEMO = {model.name: model for model in table((ROOT / "routing.yaml").read_text()).models()}
OF_ONE_REQUEST = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}|[SMTWF][a-z]{2}, .* GMT")

# What boto3 says of its own retries, of which there are none; and what is a header as well.
BOTO3S_OWN = {"MaxAttemptsReached", "RetryAttempts", "RequestId"}


def results(server, **members):
    """Return the results of both clients, without what identifies one request."""
    at = {**AWS, "endpoint_url": server if isinstance(server, str) else server.url}
    outcomes = [outcome(make("sagemaker-runtime", **at), **members) for make in BOTH]
    return [without_identity(one) for one in outcomes]


def without_identity(value):
    if isinstance(value, dict):
        kept = value.keys() - BOTO3S_OWN
        return {name: without_identity(value[name]) for name in kept}
    return OF_ONE_REQUEST.sub("…", value) if isinstance(value, str) else value


def reply(status, *headers, body=b"", length=None):
    lines = (
        f"HTTP/1.1 {status} -",
        "x-amzn-RequestId: 6f8f0c2e",
        f"Content-Length: {len(body) if length is None else length}",
        *headers,
    )
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + body


def failed(status, code, **members):
    headers = (f"x-amzn-ErrorType: {code}", "Content-Type: application/json")
    return reply(status, *headers, body=json.dumps({"ErrorCode": code, **members}).encode())


BROKEN_OFF = ("ProtocolError", "ResponseStreamingError")
ANSWERS = [
    pytest.param(
        sends(
            reply(
                200,
                "Content-Type: text/csv; charset=utf-8",
                "x-Amzn-Invoked-Production-Variant: green",
                "X-Amzn-SageMaker-Custom-Attributes: a=1, b",
                "X-Amzn-SageMaker-New-Session-Id: s-1; Expires=2030-01-01T00:00:00Z",
                "X-Amzn-SageMaker-Closed-Session-Id: s-0",
                "X-Of-Tomorrow: 1",
                body=ALL_BYTES,
            )
        ),
        ALL_BYTES,
        id="all-headers",
    ),
    pytest.param(sends(reply(200, body=b"7")), b"7", id="no-type"),
    pytest.param(
        sends(reply(200, "Content-Type: a/b", "Content-Type: c/d", body=b"7")),
        b"7",
        id="a-header-twice",
    ),
    pytest.param(
        sends(
            b"HTTP/1.1 200 OK\r\nX-Amzn-SageMaker-Custom-Attributes: caf\xe9\r\n"
            b"Content-Length: 1\r\n\r\n7"
        ),
        b"7",
        id="latin-1-header",
    ),
    pytest.param(
        sends_and_closes(b"HTTP/1.1 200 OK\r\nContent-Type: text/csv\r\n\r\n1,2"),
        b"1,2",
        id="no-length",
    ),
    pytest.param(
        sends(
            b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n1,\r\n1\r\n2\r\n0\r\n\r\n"
        ),
        b"1,2",
        id="chunked",
    ),
    pytest.param(
        sends(b"HTTP/1.1 100 Continue\r\n\r\n" + reply(200, body=b"7")), b"7", id="interim"
    ),
    pytest.param(
        sends_and_closes(reply(200, body=b"7", length=100)),
        BROKEN_OFF,
        id="truncated",
    ),
    pytest.param(
        sends_and_resets(reply(200, body=b"7", length=100)),
        BROKEN_OFF,
        id="reset-in-the-body",
    ),
    pytest.param(sends_and_closes(), "ConnectionClosedError", id="closed"),
    pytest.param(sends_and_resets(), "ConnectionClosedError", id="reset"),
    pytest.param(
        sends_and_closes(b"220 mail.example.com ESMTP\r\n"), "ConnectionClosedError", id="no-http"
    ),
    pytest.param(
        sends(
            failed(
                424,
                "ModelError",
                Message="Received server error (500)",
                OriginalStatusCode=500,
                OriginalMessage="é",
                LogStreamArn="arn:aws:logs:",
            )
        ),
        "ModelError",
        id="model-error",
    ),
    pytest.param(
        sends(failed(429, "ModelNotReadyException", Message="Loading")),
        "ModelNotReadyException",
        id="model-not-ready",
    ),
    pytest.param(
        sends(failed(400, "ValidationError", Message="Endpoint e not found.")),
        "ValidationError",
        id="validation",
    ),
    pytest.param(
        sends(failed(400, "ThrottlingException", message=None)), "ClientError", id="throttled"
    ),
    pytest.param(sends(failed(500, "InternalFailure")), "InternalFailure", id="internal"),
    pytest.param(
        sends(failed(418, "TeapotException", Message="short", More=[1])),
        "ClientError",
        id="of-tomorrow",
    ),
    pytest.param(
        sends(reply(502, "Content-Type: text/html", body=b"<html>Bad Gateway</html>")),
        "ClientError",
        id="html",
    ),
    pytest.param(sends(reply(503)), "ClientError", id="empty"),
    pytest.param(
        sends(reply(307, "Location: http://127.0.0.1:1/", body=b"elsewhere")),
        "ClientError",
        id="redirected",
    ),
]


@pytest.mark.parametrize(("script", "expected"), ANSWERS)
def test_answers(script, expected):
    """Every response gives the same result or the same error, with all its members."""
    with StubServer(script) as server:
        theirs, ours = results(server)

    if expected is BROKEN_OFF:  # which is urllib3's error where the body is urllib3's
        ours, theirs = (result["error"][0] for result in (ours, theirs))
        assert (ours, theirs) == BROKEN_OFF
    else:
        assert theirs.get("Body", theirs.get("error", [None])[0]) == expected
        assert ours == theirs
    assert server.connections == 2


@pytest.mark.parametrize("name", [name for name in DEMO if not DEMO[name].target.is_async])
def test_results(demo, name):
    """Every model of the demo that answers at once gives the same result."""
    model = DEMO[name]
    target = model.target.filled({"digit": "7"}).invoke_args()

    theirs, ours = results(
        demo, **target, ContentType="application/json", Body=model.example.encode()
    )

    assert json.loads(theirs["Body"])
    assert ours == theirs


@pytest.mark.parametrize(
    ("members", "code"),
    [
        ({"EndpointName": "absent"}, "ValidationError"),
        ({"EndpointName": "a_b"}, "ValidationError"),
        ({"EndpointName": "tabular"}, "ValidationError"),
        ({"EndpointName": "tabular", "TargetModel": "absent.tar.gz"}, "ValidationError"),
        ({"EndpointName": "digit-reader", "TargetModel": "x"}, "ValidationError"),
        ({"EndpointName": "digit-reader", "ContentType": "image/gif"}, "ModelError"),
        ({"EndpointName": "digit-reader", "Body": b"{"}, "ModelError"),
    ],
)
def test_refusals(demo, members, code):
    """A refusal has the same code, members and class."""
    theirs, ours = results(demo, **{"ContentType": "application/json", "Body": EXAMPLE, **members})

    assert (theirs["Error"]["Code"], theirs["error"][0]) == (code, code)
    assert ours == theirs


@pytest.mark.parametrize(
    "fault",
    ["throttle", "not-ready", "e500", "e503", "e530", "model-error", "reset", "truncate"],
)
def test_faults(demo, fault):
    """Every fault of the local SageMaker gives the same error."""
    demo.fault("PUT", "digit-reader", json.dumps({"fault": fault}).encode())
    try:
        theirs, ours = results(demo, EndpointName="digit-reader", Body=EXAMPLE)
    finally:
        demo.fault("DELETE", "digit-reader")

    assert theirs["error"]
    assert ours == theirs


def test_nobody_there():
    """A refused connection gives the same error."""
    theirs, ours = results(closed_port())

    assert theirs["error"][0] == "EndpointConnectionError"
    assert ours == theirs


def test_no_answer():
    """A deadline that passes is boto3's read timeout."""
    errors = []
    with StubServer(sends()) as server:
        at = {**AWS, "endpoint_url": server.url}
        for client, seconds in (
            (stock("sagemaker-runtime", read_timeout=0.2, **at), SECONDS),
            (ours("sagemaker-runtime", **at), 0.2),
        ):
            with Deadline.after(seconds).in_force(), pytest.raises(BotoCoreError) as raised:
                client.invoke_endpoint(EndpointName="e", Body=b"{}")
            errors.append(type(raised.value))

    assert errors == [ReadTimeoutError, ReadTimeoutError]
