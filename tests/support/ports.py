"""Ports and addresses on loopback: a free one, a closed one, and one that never accepts."""

from __future__ import annotations

import contextlib
import random
import socket
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

# Below those that the system gives to connections that go out: one of these could take a port
# between the moment when it was found free and the moment when the server asks for it.
CHOICE = range(20_000, 32_000)


def free_port() -> int:
    """Return a port on which nobody listens."""
    while True:
        port = random.choice(CHOICE)
        try:
            with socket.create_server(("127.0.0.1", port)):
                return port
        except OSError:
            continue


def closed_port() -> str:
    """Return an address on loopback where connections are refused."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return f"http://127.0.0.1:{listener.getsockname()[1]}"


@contextlib.contextmanager
def full_backlog() -> Iterator[str]:
    """Yield an address that never accepts a connection: its queue is full."""
    with contextlib.ExitStack() as opened:
        listener = opened.enter_context(socket.create_server(("127.0.0.1", 0), backlog=0))
        address = listener.getsockname()
        for _ in range(4):
            waiting = opened.enter_context(socket.socket())
            waiting.setblocking(False)
            waiting.connect_ex(address)
        yield f"http://127.0.0.1:{address[1]}"
