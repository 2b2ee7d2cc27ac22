"""A small document over HTTP: within a time, within a size, and never from another address."""

from __future__ import annotations

import http.client
import socket
import ssl
import threading
from contextlib import closing, suppress
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from chalicelib.auth.last_known_good import FetchFailed

if TYPE_CHECKING:
    from chalicelib.aws.deadline import Deadline

MAX_BYTES = 150_000
LEAST_SECONDS = 0.001  # to a socket, no time at all means something else


def download(url: str, deadline: Deadline) -> bytes:
    """The body that a GET brings. When it brings none in time: FetchFailed."""
    attempt = _Attempt(url, deadline)
    if deadline.remaining_seconds > 0:
        attempt.start()
        attempt.join(max(0.0, deadline.remaining_seconds))
    body, failure = attempt.body, attempt.failure
    if body is None:
        attempt.hang_up()
        raise FetchFailed(failure)
    return body


class _Attempt(threading.Thread):
    """One GET, in a thread of its own: a socket's timeout bounds a single wait and not their sum.

    Looking up a name, trying its addresses one after the other, and a header that drips can each
    take much longer than that timeout.
    """

    def __init__(self, url: str, deadline: Deadline) -> None:
        super().__init__(daemon=True)
        self._url = url
        self._deadline = deadline
        self._socket: socket.socket | None = None
        self.body: bytes | None = None
        self.failure = "timeout"

    def run(self) -> None:
        try:
            self.body = self._get()
        except FetchFailed as error:
            self.failure = error.reason
        except Exception as error:  # in a thread of its own nobody else would catch it
            self.failure = type(error).__name__

    def hang_up(self) -> None:
        """End the wait that the thread is in; closing the socket would not."""
        if self._socket is not None:
            with suppress(OSError):
                self._socket.shutdown(socket.SHUT_RDWR)

    def _get(self) -> bytes:
        url = urlsplit(self._url)
        path = url._replace(scheme="", netloc="", path=url.path or "/").geturl()
        timeout = max(LEAST_SECONDS, self._deadline.remaining_seconds)
        with closing(_connection(url.scheme, url.netloc, timeout)) as connection:
            connection.connect()
            self._socket = connection.sock
            if self._deadline.remaining_seconds <= 0:  # too late to be hung up on
                raise FetchFailed("timeout")
            connection.request("GET", path, headers={"Accept": "application/json"})
            with connection.getresponse() as response:
                return _body(response)


def _connection(scheme: str, address: str, timeout: float) -> http.client.HTTPConnection:
    if scheme == "https":
        context = ssl.create_default_context()
        return http.client.HTTPSConnection(address, timeout=timeout, context=context)
    return http.client.HTTPConnection(address, timeout=timeout)


def _body(response: http.client.HTTPResponse) -> bytes:
    if response.status != 200:
        raise FetchFailed(f"http-{response.status}")
    body = response.read(MAX_BYTES + 1)
    if len(body) > MAX_BYTES:
        raise FetchFailed("too-large")
    if response.length:  # what is left of the Content-Length
        raise FetchFailed("cut-short")
    return body
