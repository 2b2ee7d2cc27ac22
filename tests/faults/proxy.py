"""A small TCP proxy that spoils what comes back.

    gateway ─► Proxy ─► stand-in            a fault is in the way from right to left

    with Proxy(demo.url, cut_after(100)) as proxy:
        house(ApiGatewayDoor, runtime=runtime_at(proxy.url))

`black_hole`, `reset_after`, `cut_after`, `half_close_after`, `drips`, `delays` and `honest` are
faults; `first(1, fault)` strikes the first connection alone. `closed_port` and `full_backlog` are
addresses where nobody answers at all. Whatever was opened or started ends with the `with`.
"""

from __future__ import annotations

import contextlib
import socket
import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from tests.support.wire import reset

if TYPE_CHECKING:
    from collections.abc import Iterator

PIECE = 65536
CONNECT_SECONDS = 10


@dataclass(frozen=True)
class Passage:
    """One connection through the proxy, for a fault to spoil."""

    caller: socket.socket
    upstream: socket.socket
    number: int
    """Counted from 1."""

    over: threading.Event
    """Set when either side is gone or the proxy ends; whoever waits, waits for this."""

    resetting: threading.Event
    """Set when the caller's side is to end without a farewell."""

    def come(self) -> Iterator[bytes]:
        """What the upstream says, until it says no more."""
        with contextlib.suppress(OSError):
            while piece := self.upstream.recv(PIECE):
                yield piece


Fault = Callable[[Passage], None]


def honest(passage: Passage) -> None:
    """No fault."""
    for piece in passage.come():
        passage.caller.sendall(piece)


def black_hole(passage: Passage) -> None:
    """Takes everything, says nothing."""
    passage.over.wait()


def cut_after(count: int) -> Fault:
    """So many bytes of the answer, then the end of the connection (FIN)."""

    def fault(passage: Passage) -> None:
        _pass(passage, count)

    return fault


def reset_after(count: int) -> Fault:
    """So many bytes of the answer, then a reset (RST)."""

    def fault(passage: Passage) -> None:
        _pass(passage, count)
        # A socket is closed when nobody reads from it any more: that is the other thread's part.
        passage.resetting.set()
        passage.caller.shutdown(socket.SHUT_RD)
        reset(passage.caller)

    return fault


def half_close_after(count: int) -> Fault:
    """So many bytes of the answer, then the end of one direction; the other stays open."""

    def fault(passage: Passage) -> None:
        _pass(passage, count)
        passage.caller.shutdown(socket.SHUT_WR)
        passage.over.wait()

    return fault


def drips(bytes_per_second: float, after: int = 0) -> Fault:
    """The answer byte by byte; the first `after` bytes come at once, so 0 drips the headers."""

    def fault(passage: Passage) -> None:
        sent = 0
        for piece in passage.come():
            at_once, slowly = piece[: max(0, after - sent)], piece[max(0, after - sent) :]
            sent += len(piece)
            passage.caller.sendall(at_once)
            for byte in slowly:
                if passage.over.wait(1 / bytes_per_second):
                    return
                passage.caller.sendall(bytes([byte]))

    return fault


def delays(seconds: float) -> Fault:
    """Each piece of the answer comes so much later."""

    def fault(passage: Passage) -> None:
        for piece in passage.come():
            if passage.over.wait(seconds):
                return
            passage.caller.sendall(piece)

    return fault


def first(count: int, fault: Fault, then: Fault = honest) -> Fault:
    """The fault on the first connections alone, so that another attempt can succeed."""
    return lambda passage: (fault if passage.number <= count else then)(passage)


def _pass(passage: Passage, count: int) -> None:
    """So many bytes of the answer, which the upstream has begun to give even when it is none."""
    passage.upstream.recv(1, socket.MSG_PEEK)
    left = count
    while left:
        piece = passage.upstream.recv(min(left, PIECE))
        if not piece:
            return
        passage.caller.sendall(piece)
        left -= len(piece)


class Proxy:
    """Listens on loopback while the `with` lasts; every connection has the same fault."""

    def __init__(self, upstream_url: str, fault: Fault = honest) -> None:
        host, _, port = urlsplit(upstream_url).netloc.partition(":")
        self.fault = fault
        self.connections = 0
        self._upstream = (host, int(port))
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=256)
        self._passages: list[Passage] = []
        self._threads = [threading.Thread(target=self._accept)]
        self._threads[0].start()

    @property
    def url(self) -> str:
        host, port = self._listener.getsockname()
        return f"http://{host}:{port}"

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                caller, _ = self._listener.accept()
                upstream = socket.create_connection(self._upstream, CONNECT_SECONDS)
                upstream.settimeout(None)
                self.connections += 1
                events = threading.Event(), threading.Event()
                passage = Passage(caller, upstream, self.connections, *events)
                self._passages.append(passage)
                for pump in (self._there, self._back):
                    thread = threading.Thread(target=pump, args=(passage,))
                    self._threads.append(thread)
                    thread.start()

    def _there(self, passage: Passage) -> None:
        """What the caller says; when it goes away, so does everything."""
        with contextlib.suppress(OSError):
            while piece := passage.caller.recv(PIECE):
                passage.upstream.sendall(piece)
        if not passage.resetting.is_set():
            _end(passage)

    def _back(self, passage: Passage) -> None:
        with contextlib.suppress(OSError):
            self.fault(passage)
        _end(passage)

    def __enter__(self) -> Proxy:
        return self

    def __exit__(self, *_: object) -> None:
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._threads[0].join()  # from here on no passage is added
        self._listener.close()
        for passage in self._passages:
            _end(passage)
        for thread in self._threads:
            thread.join()
        for passage in self._passages:
            passage.caller.close()
            passage.upstream.close()


def _end(passage: Passage) -> None:
    passage.over.set()
    # A thread that waits on a socket wakes up when it is shut down, not when it is closed.
    for one in (passage.caller, passage.upstream):
        with contextlib.suppress(OSError):
            one.shutdown(socket.SHUT_RDWR)


def closed_port() -> str:
    """An address where connections are refused."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return f"http://127.0.0.1:{listener.getsockname()[1]}"


@contextlib.contextmanager
def full_backlog() -> Iterator[str]:
    """An address that never accepts: what comes waits for a place in the queue."""
    with contextlib.ExitStack() as opened:
        listener = opened.enter_context(socket.create_server(("127.0.0.1", 0), backlog=0))
        address = listener.getsockname()
        for _ in range(4):
            waiting = opened.enter_context(socket.socket())
            waiting.setblocking(False)
            waiting.connect_ex(address)
        yield f"http://127.0.0.1:{address[1]}"
