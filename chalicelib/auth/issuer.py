"""Fetches the key set of a token issuer over HTTP, with limits on time and size.

Proxies and certificates are those of the clients of AWS (docs/decisions/0018).
"""

from __future__ import annotations

import threading
from contextlib import closing
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from botocore.awsrequest import AWSPreparedRequest

from chalicelib.auth import signatures
from chalicelib.auth.key_document import NotAnObject, json_object
from chalicelib.aws.clients import http_session
from chalicelib.aws.deadline import Deadline
from chalicelib.aws.refreshed import FetchFailed, failure_reason

if TYPE_CHECKING:
    from chalicelib.auth.json_web_tokens import TokenRules

FETCH_SECONDS = 1.5
"""The longest time for the discovery document and the key set together."""

MAX_BYTES = 150_000


def fetch_keys(rules: TokenRules) -> signatures.KeySet:
    """Fetch the issuer's usable keys; there may be none.

    Raises:
        FetchFailed: The issuer does not give a key set in time.
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
    """Whether the address is https, or has the scheme and the host of the issuer.

    An address is refused if urllib3 could read another host in it than `urlsplit`.
    """
    if not (url.isascii() and url.isprintable()) or {" ", "\\"} & set(url):
        return False
    try:
        key_set_url, issuer_url = urlsplit(url), urlsplit(issuer)
    except ValueError:
        return False
    is_same_host = (key_set_url.scheme, key_set_url.hostname) == (
        issuer_url.scheme,
        issuer_url.hostname,
    )
    is_clear = key_set_url.hostname and "@" not in key_set_url.netloc
    return bool(is_clear) and (key_set_url.scheme == "https" or is_same_host)


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
        raise FetchFailed(failure)
    return body


class _Attempt(threading.Thread):
    """One GET request in its own thread, because nothing limits the time for resolving a name.

    Every other wait ends with the deadline, so the thread ends soon after it.
    """

    def __init__(self, url: str, deadline: Deadline) -> None:
        super().__init__(daemon=True)
        self._url = url
        self._deadline = deadline
        self.body: bytes | None = None
        self.failure = "timeout"

    def run(self) -> None:
        try:
            with self._deadline.in_force():
                self.body = _get(self._url)
        except Exception as error:  # an exception cannot leave its thread
            if self._deadline.remaining_seconds > 0:
                self.failure = failure_reason(error)


def _get(url: str) -> bytes:
    request = AWSPreparedRequest(
        "GET", url, {"Accept": "application/json"}, body=None, stream_output=True
    )
    with closing(http_session(url)) as session, session.send(request).raw as response:
        return _body(response)


def _body(response: Any) -> bytes:
    """Read the body as it was sent: a compressed one is not decompressed."""
    if response.status != 200:
        raise FetchFailed(f"http-{response.status}")
    body: bytes = response.read(MAX_BYTES + 1)
    if len(body) > MAX_BYTES:
        raise FetchFailed("too-large")
    if response.length_remaining:  # the part of the Content-Length that did not come
        raise FetchFailed("cut-short")
    return body
