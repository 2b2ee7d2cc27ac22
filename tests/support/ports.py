"""Ports for servers that are told one, and take it only after a while."""

from __future__ import annotations

import random
import socket

# Below those that the system gives to connections that go out: one of these could take a port
# between the moment when it was found free and the moment when the server asks for it.
CHOICE = range(20_000, 32_000)


def free_port() -> int:
    """One on loopback that nobody listens on."""
    while True:
        port = random.choice(CHOICE)
        try:
            with socket.create_server(("127.0.0.1", port)):
                return port
        except OSError:
            continue
