"""A request's deadline ends a connection in whatever it is doing: with real sockets."""

import socket
import threading
import time

import pytest

from chalicelib import errors
from chalicelib.aws.connections import MAX_IDLE_SECONDS
from chalicelib.aws.deadline import Deadline
from chalicelib.payload.admission import InferenceRequest
from chalicelib.telemetry.log import RequestRecord
from tests.support.gateway import runtime_at, table
from tests.support.http_server import StubServer, sends, sends_and_closes

MODELS = table("version: 1\nmodels:\n  m: {kind: single, endpoint: e, max_attempts: 1}\n")
SMALL = InferenceRequest(b"{}", "application/json")
SECONDS = 0.4
IN_TIME_SECONDS = SECONDS + 2.0  # the machine may be busy; what never ends takes far longer

OK = b"HTTP/1.1 200 OK\r\nContent-Type: text/csv\r\nContent-Length: 4000\r\n\r\n"
FAILED = b"HTTP/1.1 500 No\r\nContent-Length: 4000\r\n\r\n"
ANSWER = b"HTTP/1.1 200 OK\r\nContent-Type: text/csv\r\nContent-Length: 1\r\n\r\n7"


def invoke(runtime, request=SMALL, seconds=SECONDS):
    return runtime.invoke(
        MODELS.resolve("m"), request, Deadline.soonest([seconds]), RequestRecord("id")
    )


def drips(start, rest=b""):
    """This at once, and then for ever something: one byte after the other."""

    def script(connection):
        connection.sendall(start)
        while True:
            connection.sendall(rest or b"x")
            threading.Event().wait(0.01)

    return script


@pytest.mark.parametrize(
    "script",
    [
        pytest.param(sends(), id="silence"),
        pytest.param(drips(b"HTTP/1.1 200 "), id="status-line"),
        pytest.param(drips(b"HTTP/1.1 200 OK\r\nX-Slow: "), id="header"),
        pytest.param(drips(b"HTTP/1.1 200 OK\r\n", b"X-A: b\r\n"), id="one-header-after-another"),
        pytest.param(drips(b"", b"HTTP/1.1 100 Continue\r\n\r\n"), id="interim-answers"),
        pytest.param(drips(OK), id="body"),
        pytest.param(drips(FAILED), id="body-of-an-error"),
        pytest.param(sends(OK, b"1,2"), id="body-stops"),
    ],
)
def test_answer(script):
    """A byte now and then does not make an upstream any less late."""
    with StubServer(script) as upstream:
        runtime, started = runtime_at(upstream.url), time.monotonic()

        with pytest.raises(errors.UpstreamTimedOut):
            invoke(runtime)

    assert time.monotonic() - started < IN_TIME_SECONDS


def test_request_that_is_not_taken():
    """Sending has the time of the request, neither more nor only what connecting has."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        runtime = runtime_at(f"http://127.0.0.1:{listener.getsockname()[1]}")
        started = time.monotonic()

        with pytest.raises(errors.UpstreamTimedOut):
            invoke(runtime, InferenceRequest(b"x" * 40_000_000, "text/csv"))

    assert time.monotonic() - started < IN_TIME_SECONDS


def test_request_that_is_taken_slowly():
    """A large body may take longer than a connection may take to be made."""
    taken = threading.Event()
    with StubServer(sends(ANSWER)) as upstream, SlowWay(upstream, taken) as url:
        body = InferenceRequest(b"x" * 30_000_000, "text/csv")

        assert invoke(runtime_at(url), body, seconds=30.0).body == b"7"

    assert taken.is_set()


class SlowWay:
    """A port that takes nothing for more than a second, and then passes everything on."""

    def __init__(self, upstream, taken):
        self._upstream, self._taken = upstream, taken
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._thread = threading.Thread(target=self._pass_on)

    def __enter__(self):
        self._thread.start()
        return f"http://127.0.0.1:{self._listener.getsockname()[1]}"

    def __exit__(self, *_):
        self._listener.close()
        self._thread.join()

    def _pass_on(self):
        host, port = self._upstream.url.removeprefix("http://").split(":")
        client, _ = self._listener.accept()
        with client, socket.create_connection((host, int(port))) as server:
            self._taken.wait(1.2)
            received = 0
            while received < 30_000_000:
                piece = client.recv(1 << 20)
                received += len(piece)
                server.sendall(piece)
            self._taken.set()
            client.sendall(server.recv(1 << 16))


def test_no_connection_within_the_deadline():
    """Who cannot be connected to is unreachable, however little time there was."""
    with socket.create_server(("127.0.0.1", 0), backlog=1) as full:
        waiting = [socket.socket() for _ in range(4)]
        for one in waiting:  # a full queue takes nobody more
            one.setblocking(False)
            one.connect_ex(full.getsockname())
        started = time.monotonic()

        with pytest.raises(errors.UpstreamUnreachable):
            invoke(runtime_at(f"http://127.0.0.1:{full.getsockname()[1]}"))

        assert time.monotonic() - started < IN_TIME_SECONDS
        for one in waiting:
            one.close()


def test_tls_that_says_nothing():
    """A handshake is a part of connecting: nothing was asked for, so nothing is late."""
    with (
        socket.create_server(("127.0.0.1", 0)) as mute,
        pytest.raises(errors.UpstreamUnreachable),
    ):
        invoke(runtime_at(f"https://127.0.0.1:{mute.getsockname()[1]}"))


def test_next_request():
    """A connection that is used again has the time of the request that uses it."""
    with StubServer(sends(ANSWER)) as upstream:
        runtime = runtime_at(upstream.url)
        answers = [invoke(runtime, seconds=seconds).body for seconds in (SECONDS, 20.0, SECONDS)]

    assert (answers, upstream.connections) == ([b"7"] * 3, 1)


@pytest.mark.parametrize(
    "cut", [b"HTTP/1.1 2", b"HTTP/1.1 200 OK\r\n", b"HTTP/1.1 200 OK\r\nConten"]
)
def test_answer_that_had_begun(cut):
    """Who has begun to answer may have run the model: it is not called again."""
    table_of_two = table("version: 1\nmodels:\n  m: {kind: single, endpoint: e}\n")
    with StubServer(sends_and_closes(cut)) as upstream, pytest.raises(errors.UpstreamTruncated):
        runtime_at(upstream.url).invoke(
            table_of_two.resolve("m"), SMALL, Deadline.soonest([5]), RequestRecord("id")
        )

    assert len(upstream.requests) == 1


def test_error_without_end():
    """Of an error's body no more is read than an error can need."""
    head = b"HTTP/1.1 500 No\r\nTransfer-Encoding: chunked\r\n\r\n"
    read = []

    def endless(connection):
        connection.sendall(head)
        while True:
            connection.sendall(b"10000\r\n" + b"x" * 0x10000 + b"\r\n")
            read.append(0x10000)

    with StubServer(endless) as upstream, pytest.raises(errors.UpstreamFailed):
        invoke(runtime_at(upstream.url), seconds=20.0)

    assert sum(read) < 20_000_000  # and what lies in the sockets' buffers


def test_connection_that_was_long_idle():
    """Whoever is in between may have forgotten it: it is not used again, and nobody notices."""
    with StubServer(sends(ANSWER)) as upstream:
        runtime = runtime_at(upstream.url)
        invoke(runtime, seconds=20.0)
        pool = pool_of(runtime)
        idle = pool.pool.get_nowait()
        idle._used_at -= MAX_IDLE_SECONDS
        pool.pool.put_nowait(idle)

        assert invoke(runtime, seconds=20.0).body == b"7"

    assert upstream.connections == 2


def pool_of(runtime):
    """The only one that its client has."""
    pools = runtime._client._send.__self__._manager.pools
    (key,) = pools.keys()
    return pools[key]
