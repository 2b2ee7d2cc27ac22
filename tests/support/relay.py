"""A TCP relay in front of a server on loopback, which a test can let refuse connections."""

from __future__ import annotations

import contextlib
import socket
import threading
from typing import TYPE_CHECKING, Self

from tests.support.ports import free_port

if TYPE_CHECKING:
    from collections.abc import Callable


class Relay:
    """Passes connections on to the port of a URL; keeps what clients send.

    While it refuses, its port is closed and no connection is open, as when a server has gone.
    """

    def __init__(self, url: str) -> None:
        self._far = _port_of(url)
        self._port = free_port()
        self.url = f"http://127.0.0.1:{self._port}"
        self.sent = bytearray()
        self._lock = threading.Lock()
        self._listener: socket.socket | None = None
        self._sockets: set[socket.socket] = set()
        self._threads: list[threading.Thread] = []

    def accept(self, url: str | None = None) -> None:
        """Pass connections on from now on, to the server of this URL if one is given."""
        self._far = _port_of(url) if url else self._far
        self._listener = socket.create_server(("127.0.0.1", self._port), backlog=256)
        self._start(self._serve, self._listener)

    def refuse(self) -> None:
        """Refuse connections from now on, and end those that are open."""
        with self._lock:
            listener, self._listener = self._listener, None
            ended = {*self._sockets, *([listener] if listener else [])}
        for one in ended:
            with contextlib.suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)
        if listener is not None:
            listener.close()

    def __enter__(self) -> Self:
        self.accept()
        return self

    def __exit__(self, *_: object) -> None:
        self.refuse()
        for thread in self._threads:
            thread.join()

    def _start(self, target: Callable[..., None], *arguments: object) -> None:
        thread = threading.Thread(target=target, args=arguments)
        self._threads.append(thread)
        thread.start()

    def _serve(self, listener: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while True:
                near, _ = listener.accept()
                far = socket.create_connection(("127.0.0.1", self._far))
                with self._lock:
                    if self._listener is not listener:
                        near.close()
                        far.close()
                        return
                    self._sockets |= {near, far}
                self._start(self._copy, near, far, True)
                self._start(self._copy, far, near, False)

    def _copy(self, source: socket.socket, target: socket.socket, keep: bool) -> None:
        with contextlib.suppress(OSError):
            while data := source.recv(65_536):
                if keep:
                    with self._lock:
                        self.sent += data
                target.sendall(data)
        for one in (source, target):
            with contextlib.suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)
        with self._lock:
            was_open = source in self._sockets
            self._sockets -= {source}
        if was_open:
            source.close()


def _port_of(url: str) -> int:
    return int(url.rpartition(":")[2])
