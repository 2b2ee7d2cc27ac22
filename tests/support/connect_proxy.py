"""A proxy on loopback that opens tunnels, as the proxies of companies do."""

from __future__ import annotations

import base64
import contextlib
import socket
import threading
from typing import TYPE_CHECKING

from tests.support.http_server import StubServer, response

if TYPE_CHECKING:
    import ssl


class ConnectProxy(StubServer):
    """Takes CONNECT for any host name, and connects to that port of this machine.

    Args:
        credentials: `user:password`, without which the proxy answers 407.
        context: The proxy speaks TLS itself.
    """

    def __init__(self, *, credentials: str = "", context: ssl.SSLContext | None = None) -> None:
        self._expected = f"Basic {base64.b64encode(credentials.encode()).decode()}"
        self._needs_credentials = bool(credentials)
        self.open_tunnels = 0
        super().__init__(self._tunnel, context=context)

    @property
    def targets(self) -> list[str]:
        """Where each tunnel should lead; other requests by their method and address."""
        return [
            request.path if request.method == "CONNECT" else f"{request.method} {request.path}"
            for request in self.requests
        ]

    def _tunnel(self, connection: socket.socket) -> None:
        request = self.requests[-1]
        given = request.headers["Proxy-Authorization"]
        if self._needs_credentials and given != self._expected:
            connection.sendall(response(407))
            return
        with socket.create_connection(("127.0.0.1", int(request.path.rpartition(":")[2]))) as far:
            self.open_tunnels += 1
            connection.sendall(b"HTTP/1.1 200 Connection established\r\n\r\n")
            back = threading.Thread(target=_copy, args=(far, connection))
            back.start()
            _copy(connection, far)
            back.join()
            self.open_tunnels -= 1


def _copy(source: socket.socket, target: socket.socket) -> None:
    """Copy until the source ends, and end the target."""
    with contextlib.suppress(OSError):
        while data := source.recv(65536):
            target.sendall(data)
    with contextlib.suppress(OSError):
        target.shutdown(socket.SHUT_RDWR)
