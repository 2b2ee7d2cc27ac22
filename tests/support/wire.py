"""An HTTP client for requests that boto3 does not send, and responses that it hides."""

from __future__ import annotations

import contextlib
import http.client
import json
import socket
import struct
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

TIMEOUT_SECONDS = 20


@dataclass(frozen=True)
class Reply:
    """One response."""

    status: int
    headers: http.client.HTTPMessage
    body: bytes

    def json(self) -> Any:
        return json.loads(self.body)


def send(
    url: str,
    path: str,
    *,
    method: str = "POST",
    headers: Mapping[str, str] | None = None,
    body: bytes = b"",
) -> Reply:
    """Send a request, its path exactly as given."""
    connection = http.client.HTTPConnection(_address(url), timeout=TIMEOUT_SECONDS)
    with contextlib.closing(connection):
        connection.request(method, path, body, dict(headers or {}))
        response = connection.getresponse()
        return Reply(response.status, response.headers, response.read())


@contextlib.contextmanager
def connected(url: str, request: bytes) -> Iterator[socket.socket]:
    """Open a connection and send these bytes."""
    host, _, port = _address(url).partition(":")
    with socket.create_connection((host, int(port)), timeout=TIMEOUT_SECONDS) as connection:
        connection.sendall(request)
        yield connection


def received(connection: socket.socket) -> bytes:
    """Return all bytes until the server closes.

    Raises:
        ConnectionResetError: The server resets the connection.
    """
    return b"".join(iter(lambda: connection.recv(65536), b""))


def reset(connection: socket.socket) -> None:
    """Reset the connection, as the end of a process does."""
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    connection.close()


def invocation(endpoint: str, body: bytes = b"?", *headers: str) -> bytes:
    """Build the bytes of an InvokeEndpoint on a connection that is not kept."""
    lines = (
        f"POST /endpoints/{endpoint}/invocations HTTP/1.1",
        "Host: localhost",
        "Connection: close",
        f"Content-Length: {len(body)}",
        *headers,
    )
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + body


def _address(url: str) -> str:
    return urlsplit(url).netloc
