"""A token issuer's HTTP server on loopback, how it can fail, and unusable key sets."""

from __future__ import annotations

import contextlib
import gzip
import http.server
import json
import threading
from collections import Counter
from typing import TYPE_CHECKING, Any

from tests.support.wire import reset

if TYPE_CHECKING:
    import ssl
    from collections.abc import Callable

DISCOVERY = "/.well-known/openid-configuration"
JWKS = "/keys"
DRIP_SECONDS = 0.05


class Issuer:
    """Serves a discovery document and a key set.

    `failure` names a failure for the key set, or a way in which it has no usable key.
    """

    def __init__(self, context: ssl.SSLContext | None = None) -> None:
        self.key_set = b""
        self.discovery: dict[str, Any] = {}
        self.failure: str | None = None
        self.requests: Counter[str] = Counter()
        self.stopped = threading.Event()
        issuer = self

        class Handler(_Handler):
            web = issuer

        self._server = _Server(("127.0.0.1", 0), Handler)
        if context is not None:
            self._server.socket = context.wrap_socket(self._server.socket, server_side=True)
        scheme = "http" if context is None else "https"
        self.url = f"{scheme}://127.0.0.1:{self._server.server_port}"
        self.discovery = {"issuer": self.url, "jwks_uri": f"{self.url}{JWKS}"}
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,))
        self._thread.start()

    @property
    def jwks_url(self) -> str:
        return f"{self.url}{JWKS}"

    @property
    def fetches(self) -> int:
        """The number of requests for the key set."""
        return self.requests[JWKS]

    def stop(self) -> None:
        """Close the port."""
        if not self.stopped.is_set():
            self.stopped.set()
            self._server.shutdown()
            self._thread.join()
            self._server.server_close()

    def __enter__(self) -> Issuer:
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()


class _Server(http.server.ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Ignore clients that closed the connection: many tests are about that."""


class _Handler(http.server.BaseHTTPRequestHandler):
    web: Issuer

    def do_GET(self) -> None:
        self.web.requests[self.path] += 1
        with contextlib.suppress(OSError):
            if self.path == DISCOVERY:
                self._respond(json.dumps(self.web.discovery).encode())
            elif self.path == JWKS and self.web.failure is not None:
                (FAILURES | WITHDRAWALS)[self.web.failure](self)
            elif self.path in {JWKS, "/elsewhere"}:
                self._respond(self.web.key_set)
            else:
                self._respond(b"", status=404)

    def log_message(self, *_: object) -> None:
        """Print nothing."""

    def _respond(self, body: bytes, *, status: int = 200, **headers: str) -> None:
        self.send_response(status)
        for name, value in {"Content_Length": str(len(body)), **headers}.items():
            self.send_header(name.replace("_", "-"), value)
        self.end_headers()
        self.wfile.write(body)

    def _write(self, data: bytes) -> None:
        self.wfile.write(data)

    def _drip(self, before: bytes, piece: bytes) -> None:
        self._write(before)
        while not self.web.stopped.wait(DRIP_SECONDS):
            self._write(piece)

    def _huge(self) -> None:
        size = 60 * 1024 * 1024
        self.wfile.write(b"HTTP/1.0 200 OK\r\n\r\n")
        for _ in range(size // 65_536):
            self.wfile.write(b" " * 65_536)

    def _reset(self) -> None:
        reset(self.connection)

    def _hang(self) -> None:
        self.connection.settimeout(None)
        with contextlib.suppress(OSError):
            self.connection.recv(1)

    def _redirect(self, status: int) -> None:
        self._respond(b"", status=status, Location=f"{self.web.url}/elsewhere")

    def _lying(self, length: int) -> None:
        self._respond(self.web.key_set, Content_Length=str(len(self.web.key_set) + length))


_OK = b"HTTP/1.0 200 OK\r\n"
_CHUNKED = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"

_BODIES: dict[str, bytes] = {
    "empty": b"",
    "html": b"<!doctype html><title>Sign in</title>",
    "truncated": b'{"keys": [{"kty": "RSA", "kid": "rs',
    "bad-utf-8": b'{"keys": [], "a": "\xff\xfe"}',
    "deep": b'{"keys": ' + b"[" * 100_000 + b"]" * 100_000 + b"}",
    "long-number": b'{"keys": [' + b"9" * 5_000 + b"]}",
    "list": b"[]",
    "no-list": b'{"keys": {"rsa": {}}}',
}

FAILURES: dict[str, Callable[[_Handler], None]] = {
    **{name: lambda handler, body=body: handler._respond(body) for name, body in _BODIES.items()},
    "gzip": lambda handler: handler._respond(
        gzip.compress(handler.web.key_set), Content_Encoding="gzip"
    ),
    "500": lambda handler: handler._respond(handler.web.key_set, status=500),
    "404": lambda handler: handler._respond(b"{}", status=404),
    "204": lambda handler: handler._respond(b"", status=204),
    "301": lambda handler: handler._redirect(301),
    "302": lambda handler: handler._redirect(302),
    "307": lambda handler: handler._redirect(307),
    "content-length-too-long": lambda handler: handler._lying(100),
    "content-length-too-short": lambda handler: handler._lying(-100),
    "content-length-no-number": lambda handler: handler._respond(b"{}", Content_Length="many"),
    "60-mb": _Handler._huge,
    "reset": _Handler._reset,
    "not-http": lambda handler: handler._write(b"220 mail.example ESMTP\r\n"),
    "broken-chunk": lambda handler: handler._write(_CHUNKED + b"zz\r\n{}\r\n0\r\n\r\n"),
    "endless-header": lambda handler: handler._drip(_OK + b"X: ", b"x" * 65_536),
    "hang": _Handler._hang,
    "drip-header": lambda handler: handler._drip(_OK, b"X: 1\r\n"),
    "drip-body": lambda handler: handler._drip(_OK + b"\r\n", b" "),
}
SLOW = {"hang", "drip-header", "drip-body"}


def _changed(change: Callable[[list[dict[str, Any]]], list[Any]]) -> Callable[[_Handler], None]:
    def respond(handler: _Handler) -> None:
        keys = json.loads(handler.web.key_set)["keys"]
        handler._respond(json.dumps({"keys": change(keys)}).encode())

    return respond


WITHDRAWALS: dict[str, Callable[[_Handler], None]] = {
    "no-keys": _changed(lambda keys: []),
    "duplicate-kid": _changed(lambda keys: [*keys, *keys]),
    "oct": _changed(lambda keys: [{"kty": "oct", "kid": "rsa", "k": "A" * 64, "alg": "HS256"}]),
    "for-encryption": _changed(lambda keys: [{**key, "use": "enc"} for key in keys]),
    "other-algorithm": _changed(lambda keys: [{**key, "alg": "ES256"} for key in keys]),
    "without-kid": _changed(lambda keys: [{**key, "kid": None} for key in keys]),
    "no-objects": _changed(lambda keys: [None, 7, "rsa"]),
}
