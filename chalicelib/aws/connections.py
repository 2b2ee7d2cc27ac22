"""Connections that end with the request's deadline, whatever they are waiting for.

A read timeout bounds each wait by itself: an upstream that sends a byte now and then is never
late. Here connecting, sending and every piece of status line, headers and body, of an error's body
too, have what is left until the deadline and nothing more.
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

from chalicelib.aws.deadline import Deadline
from chalicelib.aws.trust import first_bundle, trust

if TYPE_CHECKING:
    import socket
    from ssl import SSLContext

CONNECT_TIMEOUT_SECONDS = 1.0
IDLE_SECONDS = 60.0
"""A connection that was not used for longer is not used again: NAT gateways and VPC endpoints
forget theirs after 350 s, and do not say so."""


def bound(client: Any) -> None:
    """Let this client use such connections. All else about its HTTP session stays as it is."""
    http_session(client)._pool_classes_by_scheme.update(
        {"http": _ConnectionPool, "https": _TlsConnectionPool}
    )


def http_session(client: Any) -> Any:
    """botocore's: it knows proxies, certificates and pools."""
    return client._endpoint.http_session


def _seconds_left() -> float:
    """When there are none: TimeoutError, as a socket that has waited in vain raises it."""
    seconds = Deadline.now_in_force().remaining_seconds
    if seconds <= 0:
        raise TimeoutError("the deadline has passed")
    return seconds


class _Bounded:
    """What is different about both kinds of connection."""

    sock: socket.socket | None
    _held: list[bytes] | None = None
    _used_at = 0.0

    @property
    def is_connected(self) -> bool:
        """By the wall's clock: Lambda freezes a process, and who is in between does not wait."""
        fresh = 0 <= time.time() - self._used_at < IDLE_SECONDS
        return fresh and super().is_connected  # type: ignore[misc]

    def getresponse(self) -> Any:
        try:
            return super().getresponse()  # type: ignore[misc]
        finally:
            self._used_at = time.time()

    def request(self, *arguments: Any, **options: Any) -> None:
        """In one piece, where urllib3 would send head and body by themselves."""
        self._held = []
        super().request(*arguments, **options)  # type: ignore[misc]
        request, self._held = b"".join(self._held), None
        self.send(request)

    def connect(self) -> None:
        self.timeout = min(CONNECT_TIMEOUT_SECONDS, _seconds_left())
        try:
            super().connect()  # type: ignore[misc]
        except TimeoutError as error:
            # Of a TLS handshake; urllib3 would take it for a wait for the answer.
            raise ConnectTimeoutError(self, "the TLS handshake timed out") from error
        self._wait_no_longer_than_allowed()

    def _new_conn(self) -> socket.socket:
        sock: socket.socket = super()._new_conn()  # type: ignore[misc]
        sock.settimeout(min(CONNECT_TIMEOUT_SECONDS, _seconds_left()))  # what is left for TLS
        return sock

    def send(self, data: Any) -> None:
        if self._held is not None:
            self._held.append(data)
            return
        self._wait_no_longer_than_allowed()
        super().send(data)  # type: ignore[misc]

    def _wait_no_longer_than_allowed(self) -> None:
        """urllib3 would give a body that is sent the time that it has to connect."""
        if self.sock is not None:
            self.sock.settimeout(_seconds_left())


class _Reader(io.RawIOBase):
    """What a socket receives until the deadline."""

    def __init__(self, source: io.RawIOBase, sock: socket.socket) -> None:
        self._source = source
        self._sock = sock

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int | None:
        self._sock.settimeout(_seconds_left())
        return self._source.readinto(buffer)

    def close(self) -> None:
        self._source.close()
        super().close()


class _Lines(io.BufferedReader):
    """Whole lines: what ends with the connection is none.

    http.client would take it for the last header, or its zero for the length of the last chunk.
    """

    _has_begun = False

    def readline(self, size: int | None = -1) -> bytes:
        line = super().readline(size)
        if line.endswith(b"\n") or len(line) == size:
            self._has_begun = True
            return line
        if not line and not self._has_begun:
            raise RemoteDisconnected("no answer")
        if self._has_begun or b"HTTP/".startswith(line[:5]):
            raise IncompleteRead(line)
        raise BadStatusLine(repr(line))


class _Response(HTTPResponse):
    def __init__(self, sock: socket.socket, *arguments: Any, **options: Any) -> None:
        super().__init__(sock, *arguments, **options)
        self.fp = _Lines(_Reader(self.fp.detach(), sock))


class _Connection(_Bounded, AWSHTTPConnection):  # type: ignore[misc]
    response_class = _Response


class _TlsConnection(_Bounded, AWSHTTPSConnection):  # type: ignore[misc]
    response_class = _Response
    ca_certs: str | None
    proxy: object
    ssl_context: SSLContext

    def connect(self) -> None:
        """Trusting Amazon's five roots first, where nobody set a bundle of their own.

        An endpoint that has its certificate from somebody else is met again with all of botocore's.
        """
        if (
            self.proxy is not None
        ):  # for TLS to it urllib3 makes a context of its own, from ca_certs
            return super().connect()
        bundle, self.ca_certs = self.ca_certs, None
        try:
            self._connect_trusting(bundle)
        finally:
            self.ca_certs = bundle  # for the next time: a connection may be made again
        return None

    def _connect_trusting(self, bundle: str | None) -> None:
        if bundle is None:  # nothing is verified
            return super().connect()
        first = first_bundle(bundle)
        trust(self.ssl_context, first)
        try:
            return super().connect()
        except SSLCertVerificationError:
            if first == bundle:
                raise
        trust(self.ssl_context, bundle)
        return super().connect()


class _ConnectionPool(AWSHTTPConnectionPool):  # type: ignore[misc]
    ConnectionCls = _Connection


class _TlsConnectionPool(AWSHTTPSConnectionPool):  # type: ignore[misc]
    ConnectionCls = _TlsConnection
