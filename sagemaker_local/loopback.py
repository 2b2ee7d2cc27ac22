"""Tells requests of this machine's programs from those that a web page makes.

A browser sends the requests of any web page to any port of its own machine. Two things show where
such a request comes from: browsers name the page's origin in headers that a page cannot remove,
and a page whose own host name leads to this machine (DNS rebinding) has that name in `Host`.

Source: Fetch standard, "HTTP extensions"; W3C, "Fetch Metadata Request Headers"; RFC 6761, 6.3.
"""

from __future__ import annotations

import ipaddress
import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    Header = Callable[[str], Sequence[str]]
    """Returns all values of the header of this name."""

LONGEST_QUOTE = 80
# What a browser sends for an address that a person has typed, and for a page of this port itself.
OWN_SITES = frozenset(("none", "same-origin"))

_HOST = re.compile(r"(?P<host>\[[0-9a-f:]+\]|[a-z0-9_.-]+)(:\d{0,5})?", re.IGNORECASE | re.ASCII)
_LOCALHOST = re.compile(r"([a-z0-9_-]+\.)*localhost", re.IGNORECASE | re.ASCII)
_LOOPBACK = ipaddress.IPv4Network("127.0.0.0/8")


def why_not_local(target: str, header: Header) -> str | None:
    """Say why a request is not for a port that serves the programs of this machine alone.

    Args:
        target: The request target, as in the request line.
        header: The request's headers.

    Returns:
        A sentence or two for the caller; None if the request is fine.
    """
    if reason := why_not_loopback(target, header):
        return reason
    advice = (
        "This port answers programs, such as boto3 and curl, and no web page."
        " Send the request from a program, without this header."
    )
    if origins := header("Origin"):
        return f"The request has the header Origin: {_quoted(origins)}. {advice}"
    sites = header("Sec-Fetch-Site")
    if not OWN_SITES.issuperset(sites):
        return f"The request has the header Sec-Fetch-Site: {_quoted(sites)}. {advice}"
    return None


def why_not_loopback(target: str, header: Header) -> str | None:
    """Say why a request is not addressed to loopback; None if it is.

    A target that is a URL, or has another form than a path, would be an address besides `Host`.
    """
    if not target.startswith("/"):
        return f"The request is for {_quoted([target])}; it must be for a path, such as /."
    hosts = header("Host")
    if len(hosts) == 1 and is_loopback(hosts[0]):
        return None
    found = f"is {_quoted(hosts)}" if hosts else "is missing"
    return (
        f"The header Host {found}; it must be a name of this machine's loopback address."
        " Use http://127.0.0.1 or http://localhost, and the port."
    )


def is_loopback(host: str) -> bool:
    """Whether a `Host` is 127.0.0.0/8, [::1], localhost, or a name below localhost.

    An address counts in its usual form only, which is the one that browsers send.
    """
    match = _HOST.fullmatch(host)
    if match is None:
        return False
    name = match["host"]
    if name.startswith("["):
        return name == "[::1]"
    if _LOCALHOST.fullmatch(name):
        return True
    try:
        return ipaddress.IPv4Address(name) in _LOOPBACK
    except ValueError:
        return False


def _quoted(values: Sequence[str]) -> str:
    """Quote values of a request: printable ASCII, on one line, and not too long."""
    text = ", ".join(values)
    return ascii(text if len(text) <= LONGEST_QUOTE else f"{text[:LONGEST_QUOTE]}…")
