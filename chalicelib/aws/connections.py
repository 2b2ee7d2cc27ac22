"""HTTP connections in which every wait ends at the request's deadline.

A read timeout limits a single wait: a server that sends one byte now and then never exceeds it.
Here every wait is limited by the time until the deadline: connecting, the TLS handshake, sending,
and each read of status line, headers and body, also of an error's body.
"""

from __future__ import annotations

import encodings.idna  # noqa: F401  (every host name needs it; the first call would import it)
import io
import time
from http.client import BadStatusLine, HTTPResponse, IncompleteRead, RemoteDisconnected
from ssl import SSLCertVerificationError
from typing import TYPE_CHECKING, Any

from botocore.awsrequest import (
    AWSHTTPConnection,
    AWSHTTPConnectionPool,
    AWSHTTPSConnection,
    AWSHTTPSConnectionPool,
)
from urllib3.exceptions import ConnectTimeoutError

from chalicelib.aws.deadline import seconds_left
from chalicelib.aws.trust import first_bundle, load_bundle

if TYPE_CHECKING:
    import socket
    from ssl import SSLContext

CONNECT_TIMEOUT_SECONDS = 1.0
MAX_IDLE_SECONDS = 60.0


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
    _held: list[bytes] | None = None
    _used_at = 0.0

    @property
    def is_connected(self) -> bool:
        """Whether the connection may be used again; False after 60 idle seconds.

        Idle time is measured with `time.time`, because the monotonic clock can stop while Lambda
        freezes the process. NAT gateways and VPC endpoints drop connections that were idle for
        350 s without telling either side.

        Source: VPC user guide, "NAT gateway troubleshooting".
        """
        fresh = 0 <= time.time() - self._used_at < MAX_IDLE_SECONDS
        return fresh and super().is_connected  # type: ignore[misc]

    def getresponse(self) -> Any:
        try:
            return super().getresponse()  # type: ignore[misc]
        finally:
            self._used_at = time.time()

    def request(self, *arguments: Any, **options: Any) -> None:
        """Send head and body at once; urllib3 would send one after the other."""
        self._held = []
        super().request(*arguments, **options)  # type: ignore[misc]
        request, self._held = b"".join(self._held), None
        self.send(request)

    def connect(self) -> None:
        self.timeout = min(CONNECT_TIMEOUT_SECONDS, seconds_left())
        try:
            super().connect()  # type: ignore[misc]
        except TimeoutError as error:
            # urllib3 would report the timeout of a TLS handshake as one of reading the response.
            raise ConnectTimeoutError(self, "the TLS handshake timed out") from error
        self._limit_next_wait()

    def _new_conn(self) -> socket.socket:
        sock: socket.socket = super()._new_conn()  # type: ignore[misc]
        sock.settimeout(min(CONNECT_TIMEOUT_SECONDS, seconds_left()))  # for the TLS handshake
        return sock

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

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int | None:
        self._sock.settimeout(seconds_left())
        return self._source.readinto(buffer)

    def close(self) -> None:
        self._source.close()
        super().close()


class _CompleteLines(io.BufferedReader):
    """A reader that refuses a line that the end of the connection has cut.

    http.client would take such a line for a complete one: the last header, or the length of the
    last chunk.
    """

    _has_begun = False

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
    def __init__(self, sock: socket.socket, *arguments: Any, **options: Any) -> None:
        super().__init__(sock, *arguments, **options)
        self.fp = _CompleteLines(_DeadlineReader(self.fp.detach(), sock))


class _Connection(_DeadlineConnection, AWSHTTPConnection):  # type: ignore[misc]
    response_class = _Response


class _TlsConnection(_DeadlineConnection, AWSHTTPSConnection):  # type: ignore[misc]
    response_class = _Response
    ca_certs: str | None
    proxy: object
    ssl_context: SSLContext

    def connect(self) -> None:
        """Connect, and trust Amazon's five root certificates first, unless a bundle is configured.

        If the endpoint's certificate comes from another authority, connect again with all of
        botocore's bundle.
        """
        if self.proxy is not None:  # urllib3 makes another TLS context for a proxy, from ca_certs
            return super().connect()
        bundle, self.ca_certs = self.ca_certs, None
        try:
            self._connect_with_trust(bundle)
        finally:
            self.ca_certs = bundle  # a connection may be opened a second time
        return None

    def _connect_with_trust(self, bundle: str | None) -> None:
        if bundle is None:  # certificates are not verified
            return super().connect()
        first = first_bundle(bundle)
        load_bundle(self.ssl_context, first)
        try:
            return super().connect()
        except SSLCertVerificationError:
            if first == bundle:
                raise
        load_bundle(self.ssl_context, bundle)
        return super().connect()


class _FullTrustConnection(_DeadlineConnection, AWSHTTPSConnection):  # type: ignore[misc]
    response_class = _Response


class _ConnectionPool(AWSHTTPConnectionPool):  # type: ignore[misc]
    ConnectionCls = _Connection


class _TlsConnectionPool(AWSHTTPSConnectionPool):  # type: ignore[misc]
    ConnectionCls = _TlsConnection


class _FullTrustConnectionPool(AWSHTTPSConnectionPool):  # type: ignore[misc]
    ConnectionCls = _FullTrustConnection
