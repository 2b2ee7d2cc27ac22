"""What an upstream may say, good or bad, for `tests.support.upstream.Upstream`."""

from __future__ import annotations

import itertools
import select
import threading
import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import socket
    from collections.abc import Mapping

    from tests.support.upstream import Script

OK = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"
PREDICTION = b'{"score":1}'
WHOLE = OK + b"Content-Length: 11\r\n\r\n" + PREDICTION
CHUNKED = OK + b'Transfer-Encoding: chunked\r\n\r\n5\r\n{"sco\r\n6\r\nre":1}\r\n0\r\n\r\n'
# Lengths in hexadecimal may begin with zeros, and one that is cut off looks like the last.
PADDED = OK + b'Transfer-Encoding: chunked\r\n\r\n0005\r\n{"sco\r\n0006\r\nre":1}\r\n0\r\n\r\n'


def response(status: int, body: bytes = b"{}", headers: Mapping[str, str] | None = None) -> bytes:
    """One answer with its length."""
    lines = "".join(f"{name}: {value}\r\n" for name, value in (headers or {}).items())
    return f"HTTP/1.1 {status} X\r\n{lines}Content-Length: {len(body)}\r\n\r\n".encode() + body


def refusal(status: int, code: str = "", body: bytes = b'{"Message": null}') -> bytes:
    """An error as SageMaker words it; without a code, as something in front of it does."""
    return response(status, body, {"x-amzn-ErrorType": code} if code else None)


def in_turn(*scripts: Script) -> Script:
    """One after the other, the last one for ever."""
    numbers = itertools.count()

    def script(connection: socket.socket) -> None:
        scripts[min(next(numbers), len(scripts) - 1)](connection)

    return script


def goes_silent(*pieces: bytes, seconds: float, then: bytes = b"") -> Script:
    """These bytes; after so long the rest, unless the other side has gone."""

    def script(connection: socket.socket) -> None:
        for piece in pieces:
            connection.sendall(piece)
        if not _gone(connection, seconds):
            connection.sendall(then)

    return script


def drips_from(answer: bytes, after: int, seconds: float, every_seconds: float) -> Script:
    """The answer byte by byte from an offset on, for so long; then all that is left of it."""

    def script(connection: socket.socket) -> None:
        ends = time.monotonic() + seconds
        connection.sendall(answer[:after])
        for offset in range(after, len(answer)):
            if time.monotonic() > ends:
                connection.sendall(answer[offset:])
                return
            if _gone(connection, every_seconds):
                return
            connection.sendall(answer[offset : offset + 1])

    return script


class Capacity:
    """An endpoint that runs so many calls at a time, each as long as the other, and throttles
    whatever comes above that."""

    def __init__(self, at_once: int, seconds: float) -> None:
        self.at_once = at_once
        self.seconds = seconds
        self._places = threading.Semaphore(at_once)

    @property
    def per_second(self) -> float:
        return self.at_once / self.seconds

    def script(self, connection: socket.socket) -> None:
        if not self._places.acquire(blocking=False):
            connection.sendall(refusal(400, "ThrottlingException", b'{"message": null}'))
            return
        try:
            gone = _gone(connection, self.seconds)
        finally:
            self._places.release()
        if not gone:
            connection.sendall(WHOLE)


def _gone(connection: socket.socket, seconds: float) -> bool:
    """Whether the other side went away within this time; nobody sends while it waits."""
    readable, _, _ = select.select([connection], [], [], seconds)
    return bool(readable)
