"""Asks a gateway for `/health`, and says why there is no answer of a gateway."""

from __future__ import annotations

import http.client
import json
import socket
import ssl
import time
import urllib.error
import urllib.request
from typing import TYPE_CHECKING, Any, NamedTuple
from urllib.parse import urlsplit

from chalicelib.errors import quoted, shown
from gatewayctl.report import WrongUse
from gatewayctl.stage import is_loopback

if TYPE_CHECKING:
    from collections.abc import Mapping

HEALTH = "/health"
TIMEOUT_SECONDS = 15.0
"""For each step. A cold start of the function, which loads a large table, takes some seconds."""

LONGEST_ANSWER = 2**16
URL_RULE = "https://<host>/<stage>, or http:// for a gateway on this machine"
WRONG_PATH = (
    "the URL is not that of a gateway; the URL of a stage ends with its name, as in "
    "https://abc.execute-api.eu-west-1.amazonaws.com/api"
)
MEMBERS = {"status": str, "models": int, "table": str}


class Answer(NamedTuple):
    """What a gateway answered, or why it did not."""

    milliseconds: int
    """From the begin of the connection to the end of the answer, or to the failure."""
    status: int | None = None
    health: Mapping[str, Any] | None = None
    """The members of `/health`; None if the gateway has no table or does not answer."""
    problem: str | None = None
    """What is wrong; None if the gateway is well."""


def checked_url(url: str) -> str:
    """Return a URL without `/health` and without a slash at its end.

    Raises:
        WrongUse: It is none, or one to which nothing may be sent in the clear.
    """
    problem = WrongUse(f"{quoted(url)} is not the URL of a gateway; it is {URL_RULE}")
    try:
        parts = urlsplit(url)
        is_sound = bool(parts.hostname) and parts.port != 0 and "@" not in parts.netloc
    except ValueError:
        raise problem from None
    is_safe = parts.scheme == "https" or (parts.scheme == "http" and is_loopback(url))
    is_plain = url.isascii() and url.isprintable() and not {*url} & {*' "<>\\^`{|}?#'}
    if not (is_sound and is_safe and is_plain):
        raise problem
    return url.rstrip("/").removesuffix(HEALTH).rstrip("/")


def ask(url: str, authorities: str | None = None) -> Answer:
    """Ask a gateway for its health.

    Args:
        url: The URL of the gateway.
        authorities: A file with certificate authorities that are trusted as well.
    """
    opener = _opener(url, authorities)
    started = time.perf_counter()
    try:
        with opener.open(f"{url}{HEALTH}", timeout=TIMEOUT_SECONDS) as response:
            status, body = response.status, _body(response, started)
    except urllib.error.HTTPError as error:
        with error:
            status, body = error.code, _body(error, started)
    except (OSError, http.client.HTTPException) as error:
        reason = getattr(error, "reason", error)
        return Answer(_since(started), problem=_unreachable(url, reason))
    return _judged(_since(started), status, body)


class _NoRedirect(urllib.request.HTTPRedirectHandler):
    """Follows nothing: a gateway sends no redirects."""

    def redirect_request(self, *_: Any) -> None:
        return None


def _opener(url: str, authorities: str | None) -> urllib.request.OpenerDirector:
    handlers: list[urllib.request.BaseHandler] = [_NoRedirect()]
    if is_loopback(url):
        handlers.append(urllib.request.ProxyHandler({}))
    if url.startswith("https:"):
        handlers.append(urllib.request.HTTPSHandler(context=_trust(authorities)))
    return urllib.request.build_opener(*handlers)


def _trust(authorities: str | None) -> ssl.SSLContext:
    """Trust the authorities of this machine, of botocore, and of a file.

    Raises:
        WrongUse: The file cannot be read.
    """
    # A gateway on this machine needs no botocore.
    from botocore.httpsession import get_cert_path  # noqa: PLC0415

    context = ssl.create_default_context()
    context.load_verify_locations(get_cert_path(True))
    try:
        if authorities:
            context.load_verify_locations(authorities)
    except OSError as error:
        why = error.strerror or type(error).__name__
        raise WrongUse(f"AWS_CA_BUNDLE is {quoted(authorities or '')}; not read: {why}") from error
    return context


def _since(started: float) -> int:
    return round(1_000 * (time.perf_counter() - started))


def _body(response: Any, started: float) -> bytes:
    """Read a body up to a length and a time."""
    parts, size = [], 0
    while size <= LONGEST_ANSWER and (part := response.read1(LONGEST_ANSWER)):
        parts.append(part)
        size += len(part)
        if _since(started) > 2_000 * TIMEOUT_SECONDS:
            raise TimeoutError
    return b"".join(parts)


FAILURES: tuple[tuple[type[Exception], str], ...] = (
    (socket.gaierror, "DNS does not know {host}; check the URL, and the network"),
    (ssl.SSLCertVerificationError, "TLS: no trust in the certificate of {host}; see AWS_CA_BUNDLE"),
    (ssl.SSLError, "TLS: no secure connection with {host}; check the URL"),
    (TimeoutError, f"{{host}} did not answer within {TIMEOUT_SECONDS:.0f} s"),
    (ConnectionRefusedError, "nothing listens at {host}, port {port}; is the gateway started?"),
)
"""What each error means; the first one that fits is said."""


def _unreachable(url: str, reason: object) -> str:
    host = shown(str(urlsplit(url).hostname))
    for error, text in FAILURES:
        if isinstance(reason, error):
            return text.format(host=host, port=_port(url))
    return f"{host} cannot be reached ({type(reason).__name__})"


def _port(url: str) -> int:
    parts = urlsplit(url)
    return parts.port or (443 if parts.scheme == "https" else 80)


def _judged(milliseconds: int, status: int, body: bytes) -> Answer:
    try:
        document = json.loads(body)
    except (ValueError, RecursionError):
        document = None
    members = document if isinstance(document, dict) else {}
    if status == 200:
        if all(isinstance(members.get(name), of) for name, of in MEMBERS.items()):
            return Answer(milliseconds, status, members)
        return Answer(milliseconds, status, problem=f"the answer is no health; {WRONG_PATH}")
    slug = str(members.get("type", "")).rpartition(":")[2]
    if slug and "instance" in members:
        title = members.get("title", "")
        return Answer(milliseconds, status, problem=f"{status} {shown(slug)}: {shown(str(title))}")
    return Answer(
        milliseconds, status, problem=f"{status}, and no problem of a gateway; {WRONG_PATH}"
    )
