"""Fetches the key set of a token issuer over HTTP, with limits on time and size."""

from __future__ import annotations

import http.client
import socket
import ssl
import threading
from contextlib import closing, suppress
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from chalicelib.auth import signatures
from chalicelib.auth.key_document import NotAnObject, json_object
from chalicelib.aws.deadline import Deadline
from chalicelib.aws.refreshed import FetchFailed

if TYPE_CHECKING:
    from chalicelib.auth.json_web_tokens import TokenRules

FETCH_SECONDS = 1.5
"""The longest time for the discovery document and the key set together."""

MAX_BYTES = 150_000
LEAST_SECONDS = 0.001  # a socket takes a timeout of 0 as "do not block"


def fetch_keys(rules: TokenRules) -> signatures.KeySet:
    """Fetch the issuer's usable keys.

    Raises:
        FetchFailed: The issuer does not give a key set with a usable key in time.
    """
    deadline = Deadline.after(FETCH_SECONDS)
    url = rules.jwks_url or _discovered(rules.issuer, deadline)
    return signatures.parse_key_set(download(url, deadline), rules.algorithms)


def _discovered(issuer: str, deadline: Deadline) -> str:
    """Return the address of the key set.

    Source: OpenID Connect Discovery 1.0, section 4.
    """
    document = download(f"{issuer.rstrip('/')}/.well-known/openid-configuration", deadline)
    try:
        metadata = json_object(document)
    except NotAnObject:
        raise FetchFailed("the discovery document is not a JSON object") from None
    if metadata.get("issuer") != issuer:
        raise FetchFailed("the discovery document is another issuer's")
    url = metadata.get("jwks_uri")
    if not isinstance(url, str) or not _is_as_safe(url, issuer):
        raise FetchFailed("the discovery document has no safe jwks_uri")
    return url


def _is_as_safe(url: str, issuer: str) -> bool:
    """Whether the address is https, or has the scheme and the host of the issuer."""
    try:
        key_set_url, issuer_url = urlsplit(url), urlsplit(issuer)
    except ValueError:
        return False
    is_same_host = (key_set_url.scheme, key_set_url.hostname) == (
        issuer_url.scheme,
        issuer_url.hostname,
    )
    return bool(key_set_url.hostname) and (key_set_url.scheme == "https" or is_same_host)


def download(url: str, deadline: Deadline) -> bytes:
    """Return the body of the response to a GET request. Redirects are not followed.

    Raises:
        FetchFailed: There is no usable response before the deadline.
    """
    attempt = _Attempt(url, deadline)
    if deadline.remaining_seconds > 0:
        attempt.start()
        attempt.join(max(0.0, deadline.remaining_seconds))
    body, failure = attempt.body, attempt.failure
    if body is None:
        attempt.shut_down()
        raise FetchFailed(failure)
    return body


class _Attempt(threading.Thread):
    """One GET request in its own thread.

    A socket's timeout limits each wait, and not the sum of the waits. Resolving a name, trying its
    addresses in turn, and a header that comes byte by byte can each take much longer.
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
        except Exception as error:  # an exception cannot leave its thread
            self.failure = type(error).__name__

    def shut_down(self) -> None:
        """End the thread's wait. Closing the socket from here would not end it."""
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
            if self._deadline.remaining_seconds <= 0:  # `shut_down` may have come before the socket
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
    if response.length:  # the part of the Content-Length that did not come
        raise FetchFailed("cut-short")
    return body
