"""An HTTP server on loopback that sends exactly the bytes that a test chooses.

    with StubServer() as sagemaker:                               # sends every body back
        sagemaker.reply = lambda request: response(503)           # or: a response per request
        sagemaker.script = sends_and_resets(WHOLE[:20])           # or: any bytes, and any end

A script writes to the connection once a request has arrived completely. When the script returns,
the server reads the next request of that connection.
"""

from __future__ import annotations

import contextlib
import http.client
import io
import itertools
import re
import select
import socket
import threading
import time
from collections.abc import Callable
from functools import cached_property
from typing import TYPE_CHECKING, Self

from tests.support.wire import reset

if TYPE_CHECKING:
    import ssl
    from collections.abc import Mapping

TARGETING = "x-amzn-sagemaker-"
NULL_MESSAGE = b'{"Message": null}'

OK = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"
PREDICTION = b'{"score":1}'
WHOLE = OK + b"Content-Length: 11\r\n\r\n" + PREDICTION
CHUNKED = OK + b'Transfer-Encoding: chunked\r\n\r\n5\r\n{"sco\r\n6\r\nre":1}\r\n0\r\n\r\n'


class Request(bytes):
    """The bytes of one request, with its parts parsed."""

    @property
    def method(self) -> str:
        return self._request_line[0]

    @property
    def path(self) -> str:
        return self._request_line[1]

    @cached_property
    def headers(self) -> http.client.HTTPMessage:
        return http.client.parse_headers(io.BytesIO(self.partition(b"\r\n")[2]))

    @property
    def body(self) -> bytes:
        return self.partition(b"\r\n\r\n")[2]

    @property
    def sagemaker_headers(self) -> dict[str, list[str]]:
        """The headers that SageMaker would act on, by their name in lower case."""
        names = {name.lower() for name in self.headers if name.lower().startswith(TARGETING)}
        return {name: self.headers.get_all(name, []) for name in names}

    @property
    def _request_line(self) -> list[str]:
        return self.partition(b"\r\n")[0].decode("ascii").split(" ")


Script = Callable[[socket.socket], None]
Reply = Callable[[Request], bytes]


def response(
    status: int = 200, body: bytes = b"{}", headers: Mapping[str, str] | None = None
) -> bytes:
    """Build one response with its Content-Length."""
    lines = "".join(f"{name}: {value}\r\n" for name, value in (headers or {}).items())
    head = f"HTTP/1.1 {status} X\r\n{lines}Content-Length: {len(body)}\r\n\r\n"
    return head.encode("latin-1") + body


def refusal(status: int, code: str = "", body: bytes = NULL_MESSAGE) -> bytes:
    """Build an error as SageMaker sends it; without a code, as a proxy in front of it does."""
    return response(status, body, {"x-amzn-ErrorType": code} if code else None)


def echo(request: Request) -> bytes:
    """Send the body back with its own Content-Type."""
    content_type = request.headers["Content-Type"]
    return response(200, request.body, {"Content-Type": content_type} if content_type else None)


class StubServer:
    """Listens until the end of the `with`, and keeps every request."""

    def __init__(
        self, script: Script | None = None, *, context: ssl.SSLContext | None = None
    ) -> None:
        self._context = context
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=256)
        self._connections: list[socket.socket] = []
        self._threads = [threading.Thread(target=self._accept)]
        self.connections = 0
        self.reset()
        self.script = script
        self._threads[0].start()

    def reset(self) -> None:
        """Forget all requests, and send every body back from now on."""
        self.requests: list[Request] = []
        self.answered = 0
        """How many of them are answered to the end, or given up."""
        self.script: Script | None = None
        self.reply: Reply = echo

    @property
    def port(self) -> int:
        return int(self._listener.getsockname()[1])

    @property
    def url(self) -> str:
        scheme = "http" if self._context is None else "https"
        return f"{scheme}://127.0.0.1:{self.port}"

    def end_connections(self, end: Callable[[socket.socket], None]) -> None:
        """End every open connection in this way, and wait until none is left."""
        for connection in self._connections:
            if connection.fileno() >= 0:
                end(connection)
        for thread in self._threads[1:]:
            thread.join()

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                connection, _ = self._listener.accept()
                self.connections += 1
                serving = threading.Thread(target=self._serve, args=(connection,))
                self._threads.append(serving)
                serving.start()

    def _serve(self, connection: socket.socket) -> None:
        with contextlib.suppress(OSError, ValueError):
            if self._context is not None:
                connection = self._context.wrap_socket(connection, server_side=True)
            self._connections.append(connection)
            with connection:
                while data := _read_request(connection):
                    request = Request(data)
                    self.requests.append(request)
                    try:
                        if self.script is None:
                            connection.sendall(self.reply(request))
                        else:
                            self.script(connection)
                    finally:
                        self.answered += 1

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        # A thread that waits for a socket wakes up when the socket is shut down, not when it is
        # closed.
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._threads[0].join()
        self._listener.close()
        for connection in self._connections:
            with contextlib.suppress(OSError, ValueError):
                connection.shutdown(socket.SHUT_RDWR)
        for thread in self._threads:
            thread.join()


def sends(*pieces: bytes) -> Script:
    """Send these bytes, and keep the connection open."""

    def script(connection: socket.socket) -> None:
        for piece in pieces:
            connection.sendall(piece)

    return script


def sends_and_closes(*pieces: bytes) -> Script:
    """Send these bytes, then end the connection (FIN)."""

    def script(connection: socket.socket) -> None:
        sends(*pieces)(connection)
        connection.shutdown(socket.SHUT_RDWR)

    return script


def sends_and_resets(*pieces: bytes) -> Script:
    """Send these bytes, then reset the connection (RST)."""

    def script(connection: socket.socket) -> None:
        sends(*pieces)(connection)
        reset(connection)

    return script


def sends_and_half_closes(*pieces: bytes) -> Script:
    """Send these bytes, then end this direction alone; wait until the client ends the other."""

    def script(connection: socket.socket) -> None:
        sends(*pieces)(connection)
        connection.shutdown(socket.SHUT_WR)
        connection.recv(1)

    return script


def in_turn(*scripts: Script) -> Script:
    """Use one script after the other, and the last one for all further requests."""
    numbers = itertools.count()

    def script(connection: socket.socket) -> None:
        scripts[min(next(numbers), len(scripts) - 1)](connection)

    return script


def waits(seconds: float, then: bytes = b"") -> Script:
    """Send nothing for so long, then these bytes, unless the client has gone."""

    def script(connection: socket.socket) -> None:
        if not _has_gone(connection, seconds):
            connection.sendall(then)

    return script


def drips(
    answer: bytes, after: int = 0, *, every_seconds: float, seconds: float = 3600.0
) -> Script:
    """Send the bytes from offset `after` on one by one, for so long; then all that are left."""

    def script(connection: socket.socket) -> None:
        ends = time.monotonic() + seconds
        connection.sendall(answer[:after])
        for offset in range(after, len(answer)):
            if time.monotonic() > ends:
                connection.sendall(answer[offset:])
                return
            if _has_gone(connection, every_seconds):
                return
            connection.sendall(answer[offset : offset + 1])

    return script


class Capacity:
    """An endpoint that runs so many calls at a time, and throttles what comes above that.

    Every call takes the same number of seconds.
    """

    def __init__(self, at_once: int, seconds: float) -> None:
        self.per_second = at_once / seconds
        self._seconds = seconds
        self._places = threading.Semaphore(at_once)

    def script(self, connection: socket.socket) -> None:
        if not self._places.acquire(blocking=False):
            connection.sendall(refusal(400, "ThrottlingException", b'{"message": null}'))
            return
        try:
            gone = _has_gone(connection, self._seconds)
        finally:
            self._places.release()
        if not gone:
            connection.sendall(WHOLE)


def _has_gone(connection: socket.socket, seconds: float) -> bool:
    """Whether the client ends the connection within this time; it sends nothing meanwhile."""
    readable, _, _ = select.select([connection], [], [], seconds)
    return bool(readable)


def _read_request(connection: socket.socket) -> bytes:
    """Read the next request completely; nothing when the client has ended the connection."""
    received = bytearray()
    while (end := received.find(b"\r\n\r\n")) < 0:
        piece = connection.recv(65536)
        if not piece:
            return b""
        received += piece
    head = bytes(received[:end])
    if re.search(rb"(?i)\r\nexpect: *100-continue", head):
        connection.sendall(b"HTTP/1.1 100 Continue\r\n\r\n")
    length = re.search(rb"(?i)\r\ncontent-length: *([0-9]+)", head)
    while length and len(received) < end + 4 + int(length[1]):
        piece = connection.recv(65536)
        if not piece:
            return b""
        received += piece
    return bytes(received)
