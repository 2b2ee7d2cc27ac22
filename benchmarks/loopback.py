"""A server on loopback that costs next to nothing, so that what is measured is the function.

HTTP at its barest: keep-alive, bodies with a length, answers made by a function. No Nagle.
"""

from __future__ import annotations

import socket
import threading
from contextlib import suppress
from typing import TYPE_CHECKING, Self

if TYPE_CHECKING:
    import ssl
    from collections.abc import Callable

    Answer = Callable[[bytes, bytes], bytes | None]

END_OF_HEAD = b"\r\n\r\n"


class Loopback:
    """On a free port until the end of the `with`; a thread for each connection.

    `answer` gets head and body of a request and gives a whole answer, or None to hang up.
    """

    def __init__(self, answer: Answer, tls: ssl.SSLContext | None = None) -> None:
        self._answer = answer
        self._tls = tls
        self._listening = socket.create_server(("127.0.0.1", 0))
        self._open: set[socket.socket] = set()
        self._threads = [threading.Thread(target=self._accept, daemon=True)]
        self._threads[0].start()

    @property
    def port(self) -> int:
        port: int = self._listening.getsockname()[1]
        return port

    @property
    def url(self) -> str:
        """A name and no number when it has a certificate, which is made out to the name."""
        return f"https://localhost:{self.port}" if self._tls else f"http://127.0.0.1:{self.port}"

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        for one in (self._listening, *self._open):
            with suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)
            one.close()
        for thread in self._threads:
            thread.join()

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                connection, _ = self._listening.accept()
                thread = threading.Thread(target=self._serve, args=(connection,), daemon=True)
                self._threads.append(thread)
                thread.start()

    def _serve(self, connection: socket.socket) -> None:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        with suppress(OSError):
            if self._tls:
                connection = self._tls.wrap_socket(connection, server_side=True)
            self._open.add(connection)
            while request := _request(connection):
                answer = self._answer(*request)
                if answer is None:
                    break
                connection.sendall(answer)
        self._open.discard(connection)
        connection.close()


def _request(connection: socket.socket) -> tuple[bytes, bytes] | None:
    """Head and body of the next request; None when the other side has hung up."""
    received = b""
    while END_OF_HEAD not in received:
        piece = connection.recv(65536)
        if not piece:
            return None
        received += piece
    head, _, body = received.partition(END_OF_HEAD)
    missing = _length(head) - len(body)
    pieces = [body]
    while missing > 0:
        pieces.append(connection.recv(min(missing, 1 << 20)))
        if not pieces[-1]:
            return None
        missing -= len(pieces[-1])
    return head, b"".join(pieces)


def _length(head: bytes) -> int:
    _, named, rest = head.lower().partition(b"\r\ncontent-length:")
    return int(rest.split(b"\r\n", 1)[0]) if named else 0


def message(status: str, body: bytes = b"", **headers: str) -> bytes:
    """A whole answer; `content_type` is Content-Type."""
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    lines = [
        f"{name}: {value}\r\n"
        for name, value in (named | {"content-length": str(len(body))}).items()
    ]
    return f"HTTP/1.1 {status}\r\n{''.join(lines)}\r\n".encode() + body
