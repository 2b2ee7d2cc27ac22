"""The proxy does to an answer what its fault says, and leaves nothing behind."""

import socket
import threading
from urllib.parse import urlsplit

import psutil
import pytest

from tests.faults.proxy import (
    Proxy,
    black_hole,
    closed_port,
    cut_after,
    delays,
    drips,
    first,
    full_backlog,
    half_close_after,
    honest,
    reset_after,
)
from tests.support.upstream import Upstream, sends_and_closes
from tests.support.wire import connected, received

ANSWER = b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nabcde"
REQUEST = b"POST / HTTP/1.1\r\nContent-Length: 0\r\n\r\n"


@pytest.fixture
def upstream():
    with Upstream(sends_and_closes(ANSWER)) as upstream:
        yield upstream


def ask(proxy):
    with connected(proxy.url, REQUEST) as connection:
        return received(connection)


@pytest.mark.parametrize(
    ("fault", "came"),
    [
        pytest.param(honest, ANSWER, id="none"),
        pytest.param(cut_after(0), b"", id="cut-before"),
        pytest.param(cut_after(20), ANSWER[:20], id="cut"),
        pytest.param(cut_after(1000), ANSWER, id="cut-after-the-end"),
        pytest.param(half_close_after(20), ANSWER[:20], id="half-close"),
        pytest.param(drips(10_000), ANSWER, id="drips"),
        pytest.param(drips(10_000, after=30), ANSWER, id="drips-late"),
        pytest.param(delays(0.01), ANSWER, id="delays"),
    ],
)
def test_answer(upstream, fault, came):
    """As much of the answer comes through as the fault lets."""
    with Proxy(upstream.url, fault) as proxy:
        assert ask(proxy) == came
    assert upstream.requests == [REQUEST]


@pytest.mark.parametrize("count", [0, 20])
def test_reset(upstream, count):
    """A reset is no end: the caller is told that something went wrong."""
    with Proxy(upstream.url, reset_after(count)) as proxy, pytest.raises(ConnectionResetError):
        ask(proxy)


def test_first(upstream):
    """Another attempt may succeed."""
    with Proxy(upstream.url, first(1, cut_after(3))) as proxy:
        assert [ask(proxy), ask(proxy)] == [ANSWER[:3], ANSWER]
        assert proxy.connections == 2


def test_black_hole(upstream):
    """Nothing comes, and the connection stays open."""
    with Proxy(upstream.url, black_hole) as proxy, connected(proxy.url, REQUEST) as connection:
        connection.settimeout(0.1)
        with pytest.raises(TimeoutError):
            connection.recv(1)


def test_nobody_there():
    """Refused at once, or never answered."""
    with pytest.raises(ConnectionRefusedError), connected(closed_port(), REQUEST):
        pass
    with full_backlog() as url, pytest.raises(TimeoutError):
        host, port = urlsplit(url).netloc.split(":")
        socket.create_connection((host, int(port)), timeout=0.1).close()


@pytest.mark.parametrize("fault", [honest, black_hole, drips(1), delays(60), half_close_after(1)])
def test_nothing_is_left(fault):
    """Closing it ends every thread and every socket, also those in the middle of something."""
    before = threading.active_count(), open_sockets()
    with Upstream(sends_and_closes(ANSWER)) as upstream, Proxy(upstream.url, fault) as proxy:
        for _ in range(5):
            with connected(proxy.url, REQUEST):
                pass
        with connected(proxy.url, REQUEST):
            proxy.__exit__()

    assert (threading.active_count(), open_sockets()) == before


def open_sockets():
    return len(psutil.Process().net_connections())
