"""How the deadline of a request ends every wait of a connection, tested with real sockets.

Servers that hang or send one byte after another are tested through HTTP:
tests/faults/test_upstream_connections.py.
"""

import contextlib
import http.client
import socket
import threading
import time

import pytest

from chalicelib import errors
from chalicelib.aws.connections import CONNECT_TIMEOUT_SECONDS, MAX_IDLE_SECONDS, http_session
from chalicelib.aws.deadline import Deadline
from chalicelib.payload.admission import InferenceRequest
from chalicelib.telemetry.request_record import RequestRecord
from tests.faults.rows import row
from tests.support.gateway import runtime_at, table
from tests.support.http_server import StubServer, sends, sends_and_closes
from tests.support.wire import reset

MODELS = table("""\
version: 1
models:
  once: {kind: single, endpoint: e, max_attempts: 1}
  twice: {kind: single, endpoint: e}
""")
SMALL = InferenceRequest(b"{}", "application/json")
LARGE = InferenceRequest(b"x" * 20_000_000, "text/csv")  # more than the sockets' buffers hold
SHORT_SECONDS = 0.4
IN_TIME_SECONDS = SHORT_SECONDS + 2.0  # the machine may be busy; a wait without end takes longer
ANSWER = b"HTTP/1.1 200 OK\r\nContent-Type: text/csv\r\nContent-Length: 1\r\n\r\n7"


def invoke(runtime, request=SMALL, *, path="once", seconds=20.0):
    deadline = Deadline.after(seconds)
    return runtime.invoke(MODELS.resolve(path), request, deadline, RequestRecord("id"))


def url_of(listener):
    return f"http://127.0.0.1:{listener.getsockname()[1]}"


def test_deadline():
    """The remaining time falls, and the earlier of two deadlines counts."""
    deadline = Deadline.after(25.0).within(0.5, since=time.monotonic())
    before = deadline.remaining_seconds
    assert before == pytest.approx(0.5, abs=0.1)

    while time.monotonic() <= deadline.at - before:
        pass

    assert deadline.remaining_seconds < before


def test_server_reads_nothing():
    """Sending ends with the deadline."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        runtime, started = runtime_at(url_of(listener)), time.monotonic()

        with pytest.raises(errors.UpstreamTimedOut):
            invoke(runtime, LARGE, seconds=SHORT_SECONDS)

    assert time.monotonic() - started < IN_TIME_SECONDS


def test_server_reads_slowly():
    """Sending may take longer than the timeout for connecting."""
    pause = threading.Event()

    def serve():
        connection, _ = listener.accept()
        with connection, connection.makefile("rb") as stream:
            pause.wait(CONNECT_TIMEOUT_SECONDS + 0.2)
            while stream.readline() != b"\r\n":
                pass
            stream.read(len(LARGE.body))
            connection.sendall(ANSWER)

    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=serve)
        thread.start()
        assert invoke(runtime_at(url_of(listener)), LARGE, seconds=30.0).body == b"7"
        thread.join()


def test_no_connection_before_the_deadline():
    """A connection that is not made is unreachable, even if the deadline came first."""
    with (
        socket.create_server(("127.0.0.1", 0), backlog=1) as listener,
        contextlib.ExitStack() as stack,
    ):
        for _ in range(4):  # a full queue accepts no further connection
            waiting = stack.enter_context(socket.socket())
            waiting.setblocking(False)
            waiting.connect_ex(listener.getsockname())
        runtime, started = runtime_at(url_of(listener)), time.monotonic()

        with pytest.raises(errors.UpstreamUnreachable):
            invoke(runtime, seconds=SHORT_SECONDS)

        assert time.monotonic() - started < IN_TIME_SECONDS


def test_next_request():
    """A connection that is used again waits until the deadline of the request that uses it."""
    with StubServer(sends(ANSWER)) as server:
        runtime = runtime_at(server.url)
        bodies = [
            invoke(runtime, seconds=seconds).body for seconds in (SHORT_SECONDS, 20, SHORT_SECONDS)
        ]

    assert (bodies, server.connections) == ([b"7"] * 3, 1)


@pytest.mark.parametrize(
    "begun", [b"HTTP/1.1 2", b"HTTP/1.1 200 OK\r\n", b"HTTP/1.1 200 OK\r\nConten"]
)
def test_response_has_begun(begun):
    """A response that breaks off is not requested again, because the model may have run."""
    with StubServer(sends_and_closes(begun)) as server, pytest.raises(errors.UpstreamTruncated):
        invoke(runtime_at(server.url), path="twice")

    assert len(server.requests) == 1


def test_error_without_end():
    """The gateway reads no more of an error's body than an error can need."""
    pieces = []

    def send_error(connection):
        connection.sendall(b"HTTP/1.1 500 No\r\nTransfer-Encoding: chunked\r\n\r\n")
        while True:
            connection.sendall(b"10000\r\n" + b"x" * 0x10000 + b"\r\n")
            pieces.append(0x10000)

    with StubServer(send_error) as server, pytest.raises(errors.UpstreamFailed):
        invoke(runtime_at(server.url))

    assert sum(pieces) < 20_000_000  # includes what lies in the sockets' buffers


def test_idle_connection():
    """A connection that was idle for a minute is not used again, and the caller notices nothing."""
    with StubServer(sends(ANSWER)) as server:
        runtime = runtime_at(server.url)
        invoke(runtime)
        (pool,) = http_session(runtime._client._client)._manager.pools._container.values()
        connection = pool.pool.get_nowait()
        connection._used_at -= MAX_IDLE_SECONDS
        pool.pool.put_nowait(connection)

        assert invoke(runtime).body == b"7"

    assert server.connections == 2


def read_request(connection):
    with connection.makefile("rb") as stream:
        head = http.client.parse_headers(stream) if stream.readline() else {}
        stream.read(int(head.get("Content-Length", 0)))


@row("U21")
def test_kept_connection_breaks_while_sending(seen):
    """Until all of a request was sent, the server cannot run it: a new connection is no attempt.

    Only a kept connection is replaced, and once.
    """

    def serve():
        for answers in (1, 1, 0):
            connection, _ = listener.accept()
            for _ in range(answers):
                read_request(connection)
                connection.sendall(ANSWER)
            connection.recv(1000)
            reset(connection)

    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        thread = threading.Thread(target=serve)
        thread.start()
        runtime = runtime_at(url_of(listener))
        bodies = [invoke(runtime, request).body for request in (SMALL, LARGE)]
        with pytest.raises(errors.UpstreamUnreachable):
            invoke(runtime, LARGE)
        thread.join()

    assert bodies == [b"7", b"7"]
    seen("200, 1 attempt, until a new connection breaks, too")
