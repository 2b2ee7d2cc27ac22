"""Connects to a host that has several addresses, some of which may not answer."""

from __future__ import annotations

import selectors
import socket
from typing import TYPE_CHECKING, Any

from chalicelib.aws.deadline import seconds_left

if TYPE_CHECKING:
    from collections.abc import Iterable

    Address = tuple[socket.AddressFamily, socket.SocketKind, int, str, tuple[Any, ...]]
    """One item of what `socket.getaddrinfo` returns."""

NEXT_ADDRESS_SECONDS = 0.25
"""How long an address that does not answer delays the next one.

Source: RFC 8305, section 5, "Connection Attempt Delay".
"""


def connect_to_any(
    addresses: Iterable[Address], options: Iterable[tuple[int, int, int]]
) -> socket.socket:
    """Return a connection to the first address that accepts one; its timeout is the deadline.

    An address that does not answer delays the next one, and is still waited for meanwhile. So
    addresses that are slow or never answer do not use up the time.

    Raises:
        TimeoutError: The deadline has passed.
        OSError: Every address refuses the connection.
    """
    remaining = list(addresses)
    # Half of the time is left for the last address.
    delay = min(NEXT_ADDRESS_SECONDS, seconds_left() / 2 / (len(remaining) + 1))
    failure = OSError("the host has no address")
    opened: set[socket.socket] = set()
    sock: socket.socket
    try:
        with selectors.PollSelector() as waiting:
            while remaining or waiting.get_map():
                if remaining:
                    family, kind, protocol, _, address = remaining.pop(0)
                    sock = socket.socket(family, kind, protocol)
                    opened.add(sock)
                    for option in options:
                        sock.setsockopt(*option)
                    sock.setblocking(False)
                    sock.connect_ex(address)  # an error is found below, whenever it comes
                    waiting.register(sock, selectors.EVENT_WRITE, sock)
                for key, _ in waiting.select(delay if remaining else seconds_left()):
                    sock = key.data
                    waiting.unregister(sock)
                    try:
                        sock.getpeername()
                    except OSError as error:
                        failure = error
                        continue
                    sock.settimeout(seconds_left())
                    opened.remove(sock)
                    return sock
        raise failure
    finally:
        for sock in opened:
            sock.close()
