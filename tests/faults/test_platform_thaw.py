"""Lambda freezes a process between two events; the world goes on meanwhile."""

import json
import socket
import struct

import pytest

from tests.faults.lambda_process import packaged
from tests.faults.rows import row
from tests.support import function
from tests.support.profile import LONG
from tests.support.upstream import Upstream, sends

OK = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n{}"
JSON = ("Content-Type", "application/json")
SLEEPS = 200 if LONG else 5


def end(connection):
    """As a server that has waited long enough."""
    connection.shutdown(socket.SHUT_RDWR)


def reset(connection):
    """As a network that has forgotten the connection: the thread that waits on it will close it."""
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    connection.shutdown(socket.SHUT_RD)


class Impatient(Upstream):
    """Answers, and gives up connections while nobody looks."""

    def __init__(self):
        self.tired = False
        super().__init__(self._answer)

    def _answer(self, connection):
        if self.tired:
            self.tired = False
            end(connection)
        else:
            sends(OK)(connection)

    def give_up(self, how):
        for connection in self._open:
            if connection.fileno() >= 0:
                how(connection)
        for thread in self._threads[1:]:
            thread.join()


@pytest.fixture(scope="module", name="sleeper")
def _sleeper(package, task_root):
    with Impatient() as upstream, packaged(package, task_root, upstream.url) as process:
        yield function.door(package, process), process, upstream


def predict(door):
    return door.send("POST", "/predict/digit", [JSON], b"{}")


def attempts(process):
    """Of the last request, as its line in the log says."""
    lines = map(json.loads, process.log.splitlines())
    return [line["attempts"] for line in lines if line.get("message") == "request"][-1]


@row("L3")
@pytest.mark.parametrize("how", [end, reset])
def test_stale_connections(sleeper, seen, how):
    """A connection that ended in the meantime is not used: the first request after it is a 200."""
    door, process, upstream = sleeper
    assert predict(door).status == 200
    statuses = []
    for _ in range(SLEEPS):
        with process.frozen():
            upstream.give_up(how)
        statuses.append(predict(door).status)
        assert attempts(process) == 1

    assert statuses == [200] * SLEEPS
    seen(f"{SLEEPS} times 200 at the first attempt")


@row("L3")
def test_connection_that_ends_just_now(sleeper, seen):
    """An end that crosses the request on its way costs another attempt, and not the request."""
    door, process, upstream = sleeper
    assert predict(door).status == 200
    with process.frozen():
        upstream.tired = True

    assert predict(door).status == 200
    assert attempts(process) == 2
    seen("200 at the second attempt")


@row("L3")
def test_connection_that_lasts(sleeper, seen):
    """Being frozen alone costs nothing: the same connection goes on."""
    door, process, upstream = sleeper
    assert predict(door).status == 200
    before = upstream.connections
    for _ in range(SLEEPS):
        with process.frozen():
            pass
        assert predict(door).status == 200

    assert upstream.connections == before
    seen("200 on the same connection")
