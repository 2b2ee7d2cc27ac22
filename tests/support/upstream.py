"""An upstream that answers with the very bytes that a test tells it to."""

from __future__ import annotations

import contextlib
import re
import socket
import threading
from typing import TYPE_CHECKING

from tests.support.wire import reset

if TYPE_CHECKING:
    from collections.abc import Callable

    Script = Callable[[socket.socket], None]


class Upstream:
    """Listens on loopback while the `with` lasts; every request is answered by the same script.

    A script gets the connection once a whole request has come; when it returns, the next request
    on that connection is read.
    """

    def __init__(self, script: Script) -> None:
        self.connections = 0
        self.requests: list[bytes] = []
        self._script = script
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._open: list[socket.socket] = []
        self._threads = [threading.Thread(target=self._accept)]
        self._threads[0].start()

    @property
    def url(self) -> str:
        host, port = self._listener.getsockname()
        return f"http://{host}:{port}"

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                connection, _ = self._listener.accept()
                self.connections += 1
                self._open.append(connection)
                serving = threading.Thread(target=self._serve, args=(connection,))
                self._threads.append(serving)
                serving.start()

    def _serve(self, connection: socket.socket) -> None:
        with connection, contextlib.suppress(OSError):
            while request := _request(connection):
                self.requests.append(request)
                self._script(connection)

    def __enter__(self) -> Upstream:
        return self

    def __exit__(self, *_: object) -> None:
        # A thread that waits on a socket wakes up when it is shut down, not when it is closed.
        for one in (self._listener, *self._open):
            with contextlib.suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        for thread in self._threads:
            thread.join()


def sends(*pieces: bytes) -> Script:
    """These bytes, and the connection stays open."""

    def script(connection: socket.socket) -> None:
        for piece in pieces:
            connection.sendall(piece)

    return script


def sends_and_closes(*pieces: bytes) -> Script:
    """These bytes, and then the end."""

    def script(connection: socket.socket) -> None:
        sends(*pieces)(connection)
        connection.shutdown(socket.SHUT_RDWR)

    return script


def sends_and_resets(*pieces: bytes) -> Script:
    """These bytes, and then a reset."""

    def script(connection: socket.socket) -> None:
        sends(*pieces)(connection)
        reset(connection)

    return script


def _request(connection: socket.socket) -> bytes:
    """The next whole request; nothing when the other side has closed."""
    received = bytearray()
    while b"\r\n\r\n" not in received:
        piece = connection.recv(65536)
        if not piece:
            return b""
        received += piece
    head, _, body = bytes(received).partition(b"\r\n\r\n")
    length = re.search(rb"(?i)\r\ncontent-length: *([0-9]+)", head)
    while length and len(body) < int(length[1]):
        body += connection.recv(65536)
    return head + b"\r\n\r\n" + body
