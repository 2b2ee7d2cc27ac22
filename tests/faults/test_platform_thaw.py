"""Lambda freezes a process between two events, while the network goes on (L3)."""

import json
import socket
import struct

import pytest

from tests.faults.rows import row
from tests.support.gateway import JSON
from tests.support.http_server import StubServer, in_turn, response, sends, sends_and_closes
from tests.support.lambda_process import LambdaProcess, client_of
from tests.support.profile import LONG

ANSWER = sends(response(200, b"{}", JSON))
FREEZES = 200 if LONG else 5


def end(connection):
    """End the connection as a server that has waited long enough."""
    connection.shutdown(socket.SHUT_RDWR)


def reset(connection):
    """Reset the connection as a network that has forgotten it; its thread closes the socket."""
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    connection.shutdown(socket.SHUT_RD)


@pytest.fixture(scope="module", name="deployed")
def _deployed(package, task_root):
    """The packaged function, a client of it, and the server in SageMaker's place."""
    with (
        StubServer(ANSWER) as server,
        LambdaProcess.of_package(package, task_root, server.url) as process,
    ):
        yield client_of(package, process), process, server


def status_of_prediction(client):
    return client.send("POST", "/predict/digit", JSON, b"{}").status


def attempts(process):
    """Return the attempts of the last request, as the log has them."""
    lines = map(json.loads, process.log.splitlines())
    return [line["attempts"] for line in lines if line.get("message") == "request"][-1]


@row("L3", "U21")
@pytest.mark.parametrize("how", [end, reset])
def test_stale_connections(deployed, seen, how):
    """A connection that ended meanwhile is not used: the first request after it is a 200."""
    client, process, server = deployed
    assert status_of_prediction(client) == 200
    for _ in range(FREEZES):
        with process.frozen():
            server.end_connections(how)
        assert status_of_prediction(client) == 200
        assert attempts(process) == 1

    seen(f"{FREEZES} times 200 at the first attempt")


@row("L3")
def test_connection_that_ends_during_the_request(deployed, seen):
    """A connection that ends while the request is under way costs a second attempt."""
    client, process, server = deployed
    assert status_of_prediction(client) == 200
    server.script = in_turn(sends_and_closes(), ANSWER)

    assert status_of_prediction(client) == 200
    assert attempts(process) == 2
    seen("200 at the second attempt")


@row("L3")
def test_connection_that_lasts(deployed, seen):
    """After a freeze the gateway goes on with the same connection."""
    client, process, server = deployed
    server.script = ANSWER
    assert status_of_prediction(client) == 200
    before = server.connections
    for _ in range(FREEZES):
        with process.frozen():
            pass
        assert status_of_prediction(client) == 200

    assert server.connections == before
    seen("200 on the same connection")
