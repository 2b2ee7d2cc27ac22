"""HTTP connections in which every wait ends at the request's deadline.

A read timeout limits a single wait: a server that sends one byte now and then never exceeds it.
Here every wait is limited by the time until the deadline: connecting, the TLS handshake, sending,
and each read of status line, headers and body, also of an error's body.

A connection is used again only after a response with status 200 that was read to its end, and only
if nothing followed it. Otherwise a second response of the server could become the response to the
next request.
"""

from __future__ import annotations

import encodings.idna  # noqa: F401  (every host name needs it; the first call would import it)
import io
import re
import socket
import time
from http.client import (
    BadStatusLine,
    HTTPException,
    HTTPResponse,
    IncompleteRead,
    RemoteDisconnected,
)
from typing import Any

from botocore.awsrequest import (
    AWSHTTPConnection,
    AWSHTTPConnectionPool,
    AWSHTTPSConnection,
    AWSHTTPSConnectionPool,
)
from urllib3.exceptions import ConnectTimeoutError, NewConnectionError
from urllib3.util.connection import allowed_gai_family

from chalicelib.aws.addresses import connect_to_any
from chalicelib.aws.deadline import no_longer_than, seconds_left
from chalicelib.aws.trust import connect_with_trust

CONNECT_TIMEOUT_SECONDS = 1.0
"""For all addresses of a host together, for a proxy, and for the TLS handshake."""

MAX_IDLE_SECONDS = 60.0
_LENGTH = re.compile(r"[0-9]{1,18}")
MAX_JOINED_BYTES = 64 * 1024
"""Up to this size, copying a request costs less than sending its head and body separately."""


def use_deadline_connections(client: Any) -> None:
    """Make a botocore client open the connections of this module; the rest of it stays as it is."""
    http_session(client)._pool_classes_by_scheme.update(
        {"http": _ConnectionPool, "https": _TlsConnectionPool}
    )


def use_deadlines_anywhere(session: Any) -> None:
    """Make an HTTP session for servers that are not AWS's open the connections of this module.

    Its TLS connections trust the whole bundle at once, because Amazon's roots would seldom do.
    """
    session._pool_classes_by_scheme.update(
        {"http": _ConnectionPool, "https": _FullTrustConnectionPool}
    )


def http_session(client: Any) -> Any:
    """Return botocore's HTTP session, which knows proxies, certificates and connection pools."""
    return client._endpoint.http_session


class _DeadlineConnection:
    """What plain and TLS connections do differently from botocore's."""

    sock: socket.socket | None
    port: int
    socket_options: Any
    _dns_host: str

    is_reused = False
    """Whether the connection has carried a response before the present request."""

    is_sent = False
    """Whether the operating system has taken all of the present request."""

    _held: list[bytes] | None = None
    _response: _Response | None = None
    _used_at = 0.0

    @property
    def is_connected(self) -> bool:
        """Whether the connection may be used again; False after 60 idle seconds.

        False too if the server has closed it, or has sent something that nobody asked for.

        Idle time is measured with `time.time`, because the monotonic clock can stop while Lambda
        freezes the process. NAT gateways and VPC endpoints drop connections that were idle for
        350 s without telling either side.

        Source: VPC user guide, "NAT gateway troubleshooting".
        """
        fresh = 0 <= time.time() - self._used_at < MAX_IDLE_SECONDS
        return fresh and super().is_connected  # type: ignore[misc]

    @property
    def may_be_kept(self) -> bool:
        """Whether the last request and its response leave nothing behind on the connection."""
        return self.is_sent and self._response is not None and self._response.is_complete

    def getresponse(self) -> Any:
        try:
            response = super().getresponse()  # type: ignore[misc]
        finally:
            self._used_at = time.time()
        self._response = response._original_response
        return response

    def request(self, *arguments: Any, **options: Any) -> None:
        """Send head and body at once; urllib3 would send one after the other."""
        self.is_reused, self._response = self._response is not None, None
        self.is_sent = False
        self._held = []
        super().request(*arguments, **options)  # type: ignore[misc]
        pieces, self._held = self._held, None
        if sum(map(len, pieces)) <= MAX_JOINED_BYTES:
            pieces = [b"".join(pieces)]
        for piece in pieces:
            self.send(piece)
        self.is_sent = True

    def connect(self) -> None:
        self._response = None
        try:
            with no_longer_than(CONNECT_TIMEOUT_SECONDS):
                super().connect()  # type: ignore[misc]
        except TimeoutError as error:
            # urllib3 would report the timeout of a TLS handshake as one of reading the response.
            raise ConnectTimeoutError(self, "there was no connection in time") from error
        self._limit_next_wait()

    def _new_conn(self) -> socket.socket:
        host, port = self._dns_host.strip("[]"), self.port
        try:
            found = socket.getaddrinfo(host, port, allowed_gai_family(), socket.SOCK_STREAM)
            return connect_to_any(found, self.socket_options)
        except TimeoutError:
            raise
        except (OSError, UnicodeError) as error:
            reason = type(error).__name__
            raise NewConnectionError(self, reason) from error  # type: ignore[arg-type]

    def _tunnel(self) -> None:
        """Open a tunnel through a proxy."""
        super()._tunnel()  # type: ignore[misc]
        self._limit_next_wait()  # for the TLS handshake

    def send(self, data: Any) -> None:
        if self._held is not None:
            self._held.append(data)
            return
        self._limit_next_wait()
        super().send(data)  # type: ignore[misc]

    def _limit_next_wait(self) -> None:
        """Set the socket's timeout; urllib3 would give sending the timeout for connecting."""
        if self.sock is not None:
            self.sock.settimeout(seconds_left())


class _DeadlineReader(io.RawIOBase):
    """The bytes that a socket receives before the deadline."""

    def __init__(self, source: io.RawIOBase, sock: socket.socket) -> None:
        self._source = source
        self._sock = sock
        self.waits = True

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int | None:
        if self.waits:
            self._sock.settimeout(seconds_left())
            return self._source.readinto(buffer)
        self._sock.settimeout(0)
        try:
            return self._source.readinto(buffer)
        except OSError:  # nothing is there, or the connection has failed
            return None

    def close(self) -> None:
        self._source.close()
        super().close()


class _CompleteLines(io.BufferedReader):
    """A reader that refuses a line that the end of the connection has cut.

    http.client would take such a line for a complete one: the last header, or the length of the
    last chunk.
    """

    raw: _DeadlineReader
    _has_begun = False

    def has_more(self) -> bool:
        """Whether any byte has arrived that was not read; it waits for none.

        Such a byte can be in this buffer, in that of TLS, or in the socket.
        """
        self.raw.waits = False
        return bool(self.peek(1))

    def readline(self, size: int | None = -1) -> bytes:
        line = super().readline(size)
        if line.endswith(b"\n") or len(line) == size:
            self._has_begun = True
            return line
        if not line and not self._has_begun:
            raise RemoteDisconnected("no response")
        if self._has_begun or b"HTTP/".startswith(line[:5]):
            raise IncompleteRead(line)
        raise BadStatusLine(repr(line))


class _Response(HTTPResponse):
    fp: _CompleteLines
    is_complete = False
    """Whether the status is 200, the body was read to its end, and nothing followed it."""

    def __init__(self, sock: socket.socket, *arguments: Any, **options: Any) -> None:
        super().__init__(sock, *arguments, **options)
        self.fp = _CompleteLines(_DeadlineReader(self.fp.detach(), sock))

    def begin(self) -> None:
        """Read the status line and the headers.

        Raises:
            HTTPException: It is not clear where the body ends. http.client would guess: it ignores
                a length that is no number, and every coding but a single `chunked`.
        """
        super().begin()
        lengths = self.headers.get_all("content-length", [])
        if len(lengths) > 1 or not all(map(_LENGTH.fullmatch, lengths)):
            raise HTTPException("Content-Length is not one number")
        codings = self.headers.get_all("transfer-encoding", [])
        if codings and (lengths or len(codings) > 1 or not self.chunked):
            raise HTTPException("Transfer-Encoding is not chunked alone")

    def _close_conn(self) -> None:
        """http.client calls this at the end of the body, and when a response is given up.

        Then urllib3 closes the connection of a response that is given up.
        """
        has_ended = self.chunked or self.length == 0
        self.is_complete = self.status == 200 and has_ended and not self.fp.has_more()
        super()._close_conn()  # type: ignore[misc]


class _Connection(_DeadlineConnection, AWSHTTPConnection):  # type: ignore[misc]
    response_class = _Response


class _TlsConnection(_DeadlineConnection, AWSHTTPSConnection):  # type: ignore[misc]
    response_class = _Response

    def connect(self) -> None:
        connect_with_trust(self, super().connect)


class _DeadlinePool:
    """What the pools of plain and TLS connections do differently from botocore's."""

    proxy: object

    def _put_conn(self, connection: Any) -> None:
        """Keep a connection for the next request, or close it."""
        if connection is not None and not connection.may_be_kept:
            connection.close()
        super()._put_conn(connection)  # type: ignore[misc]

    def _make_request(self, connection: Any, *arguments: Any, **options: Any) -> Any:
        """Send a request, and once more if a kept connection broke before all of it was sent.

        A server that has a part of a request cannot have processed it. Once all of it is sent, a
        connection that breaks tells nothing, and the request has failed. A proxy's connection needs
        its tunnel first.
        """
        try:
            return super()._make_request(connection, *arguments, **options)  # type: ignore[misc]
        except TimeoutError:
            raise
        except OSError:
            if connection.is_sent or not connection.is_reused or self.proxy is not None:
                raise
        connection.close()
        return super()._make_request(connection, *arguments, **options)  # type: ignore[misc]


class _FullTrustConnection(_DeadlineConnection, AWSHTTPSConnection):  # type: ignore[misc]
    response_class = _Response


class _ConnectionPool(_DeadlinePool, AWSHTTPConnectionPool):  # type: ignore[misc]
    ConnectionCls = _Connection


class _TlsConnectionPool(_DeadlinePool, AWSHTTPSConnectionPool):  # type: ignore[misc]
    ConnectionCls = _TlsConnection


class _FullTrustConnectionPool(_DeadlinePool, AWSHTTPSConnectionPool):  # type: ignore[misc]
    ConnectionCls = _FullTrustConnection
