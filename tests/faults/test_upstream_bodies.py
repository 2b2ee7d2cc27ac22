"""Bodies that break off, never end, or are not what they should be (U10 to U12)."""

import itertools

import pytest

from tests.faults.outcome import PICTURE, gateway_at, predict
from tests.faults.rows import row
from tests.support.gateway import JSON
from tests.support.http_server import (
    CHUNKED,
    OK,
    PREDICTION,
    WHOLE,
    StubServer,
    in_turn,
    response,
    sends,
    sends_and_closes,
    sends_and_half_closes,
    sends_and_resets,
)
from tests.support.lambda_process import LambdaProcess, client_of
from tests.support.problems import assert_problem
from tests.support.profile import LONG
from tests.support.vectors import json_test_suite

# Lengths in hexadecimal may begin with zeros, and one that is cut off looks like the last.
PADDED = OK + b'Transfer-Encoding: chunked\r\n\r\n0005\r\n{"sco\r\n0006\r\nre":1}\r\n0\r\n\r\n'
EMPTY = b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\nContent-Type: text/csv\r\n\r\n"
ANSWERS = [
    pytest.param(WHOLE, id="length"),
    pytest.param(CHUNKED, id="chunks"),
    pytest.param(PADDED, id="chunks-with-zeros"),
    pytest.param(EMPTY, id="no-body"),
]
ENDS = [
    pytest.param(sends_and_closes, id="fin"),
    pytest.param(sends_and_resets, id="rst"),
    pytest.param(sends_and_half_closes, id="half-close"),
]
LARGEST = 4_650_000
CHUNK = b"10000\r\n" + b"x" * 0x10000 + b"\r\n"


def is_false(received, answer):
    """Whether a response claims to be a prediction and is none.

    After the last of the data only a chunk of length zero can be missing.
    """
    return received.status < 300 and (received.body != PREDICTION or answer is EMPTY)


@row("U10")
@pytest.mark.parametrize("answer", ANSWERS)
@pytest.mark.parametrize("end", ENDS)
def test_every_offset(seen, request, caplog, answer, end):
    """A response that breaks off after any of its bytes is no prediction, and is not logged."""
    with StubServer() as server:
        gateway = gateway_at(server.url)
        received = []
        for offset in range(len(answer)):
            server.script = end(answer[:offset])
            received.append(predict(gateway, "churn").response)

    assert [n for n, one in enumerate(received) if is_false(one, answer)] == []
    assert {one.status for one in received} <= {200, 502, 503}
    assert {record.message for record in caplog.records} == {"request"}
    seen(f"{request.node.callspec.id}: {len(received)} offsets, false 200s 0")


@row("U10")
@pytest.mark.parametrize("end", ENDS[:2] if LONG else ENDS[1:2])
def test_every_offset_of_the_package(package, task_root, seen, end):
    """The same holds for the packaged gateway."""
    with (
        StubServer() as server,
        LambdaProcess.of_package(package, task_root, server.url) as running,
    ):
        client = client_of(package, running)
        statuses = set()
        for offset in range(0, len(WHOLE), 1 if LONG else 5):
            server.script = end(WHOLE[:offset])
            statuses.add(client.send("POST", "/predict/digit", JSON, PICTURE).status)

    assert statuses <= {502, 503}
    seen("as packaged: false 200s 0")


def endless(connection):
    connection.sendall(OK + b"Transfer-Encoding: chunked\r\n\r\n")
    for _ in itertools.count():
        connection.sendall(CHUNK)


@row("U11")
@pytest.mark.parametrize(
    "script",
    [
        pytest.param(endless, id="endless"),
        pytest.param(sends(OK + b"Content-Length: 4650001\r\n\r\n"), id="length"),
        pytest.param(sends(OK + b"Content-Length: 999999999999999999\r\n\r\n"), id="huge-length"),
        pytest.param(sends(response(200, bytes(LARGEST + 1), JSON)), id="body"),
    ],
)
def test_too_large(seen, script):
    """The limit ends the response; the connection with the rest of it is not used again."""
    with StubServer(script) as server:
        gateway = gateway_at(server.url)
        outcomes = [predict(gateway, "churn") for _ in range(2)]

    for outcome in outcomes:
        assert_problem(outcome.response, 502, "upstream-response-too-large")
        assert outcome.attempts == 1
    assert server.connections == 2
    seen(str(outcomes[0]))


@row("U11")
def test_largest(seen):
    """A response of exactly the limit reaches the caller."""
    body = bytes(LARGEST)
    with StubServer(sends(response(200, body, {"Content-Type": "a/b"}))) as server:
        outcome = predict(gateway_at(server.url), "churn")

    assert (outcome.response.status, outcome.response.body) == (200, body)
    seen(f"{LARGEST:,} bytes: 200")


@row("U12")
def test_not_json(seen):
    """Whatever bytes a model calls JSON reach the caller as they are."""
    bodies = list(json_test_suite().values())
    script = in_turn(*(sends(response(200, body, JSON)) for body in bodies))

    with StubServer(script) as server:
        gateway = gateway_at(server.url)
        received = [predict(gateway, "churn").response for _ in bodies]

    assert [one.body for one in received] == bodies
    assert {one.status for one in received} == {200}
    seen("JSONTestSuite as responses: 200, byte for byte")


@row("U12")
@pytest.mark.parametrize(
    ("headers", "status"),
    [
        pytest.param({"Content-Type": "text/html"}, 200, id="another-type"),
        pytest.param({"Content-Type": "nonsense"}, 200, id="no-media-type"),
        pytest.param({}, 502, id="none"),
        pytest.param({"Content-Type": ""}, 502, id="empty"),
        pytest.param({"Content-Type": "a/b" * 400}, 502, id="too-long"),
        pytest.param({"Content-Type": "text/café"}, 502, id="no-ascii"),
    ],
)
def test_type(seen, request, headers, status):
    """Bytes without a usable Content-Type are not a response."""
    with StubServer(sends(response(200, b"\xff\x00", headers))) as server:
        outcome = predict(gateway_at(server.url), "churn")

    if status == 200:
        assert (outcome.response.status, outcome.response.body) == (200, b"\xff\x00")
        assert outcome.response.headers["content-type"] == headers["Content-Type"]
    else:
        assert_problem(outcome.response, 502, "upstream-invalid-response")
    assert outcome.attempts == 1
    seen(f"{request.node.callspec.id}: {outcome}")
