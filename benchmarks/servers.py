"""Serves fixed responses of SageMaker and Secrets Manager with a minimal HTTP server."""

from __future__ import annotations

import datetime
import json
import socket
import ssl
import threading
from contextlib import suppress
from typing import TYPE_CHECKING, Self

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.x509.oid import NameOID

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    Respond = Callable[[bytes, bytes], bytes | None]

END_OF_HEAD = b"\r\n\r\n"
REQUEST_ID = "5f1c3c6e-0000-4000-8000-000000000000"


class Loopback:
    """An HTTP server on a free port; it starts at once, and ends with the `with` statement.

    The server uses little CPU, so that a measurement shows the cost of the function. It supports
    persistent connections and bodies with a Content-Length, and switches off Nagle's algorithm.

    Args:
        respond: Takes the head and the body of a request; returns the complete response, or None
            to close the connection.
        tls: Serve HTTPS with this context.
    """

    def __init__(self, respond: Respond, tls: ssl.SSLContext | None = None) -> None:
        self._respond = respond
        self._tls = tls
        self._listening = socket.create_server(("127.0.0.1", 0))
        self._open: set[socket.socket] = set()
        self._threads = [threading.Thread(target=self._accept, daemon=True)]
        self._threads[0].start()

    @property
    def port(self) -> int:
        port: int = self._listening.getsockname()[1]
        return port

    @property
    def url(self) -> str:
        """The server's URL; with TLS it has the host name that is in the certificate."""
        return f"https://localhost:{self.port}" if self._tls else f"http://127.0.0.1:{self.port}"

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        for opened in (self._listening, *self._open):
            with suppress(OSError):
                opened.shutdown(socket.SHUT_RDWR)
            opened.close()
        for thread in self._threads:
            thread.join()

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                connection, _ = self._listening.accept()
                thread = threading.Thread(target=self._serve, args=(connection,), daemon=True)
                self._threads.append(thread)
                thread.start()

    def _serve(self, connection: socket.socket) -> None:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        with suppress(OSError):
            if self._tls:
                connection = self._tls.wrap_socket(connection, server_side=True)
            self._open.add(connection)
            while request := _request(connection):
                response = self._respond(*request)
                if response is None:
                    break
                connection.sendall(response)
        self._open.discard(connection)
        connection.close()


def _request(connection: socket.socket) -> tuple[bytes, bytes] | None:
    """Return the head and the body of the next request, or None if the client has closed."""
    received = b""
    while END_OF_HEAD not in received:
        piece = connection.recv(65536)
        if not piece:
            return None
        received += piece
    head, _, body = received.partition(END_OF_HEAD)
    missing = _length(head) - len(body)
    pieces = [body]
    while missing > 0:
        pieces.append(connection.recv(min(missing, 1 << 20)))
        if not pieces[-1]:
            return None
        missing -= len(pieces[-1])
    return head, b"".join(pieces)


def _length(head: bytes) -> int:
    _, named, rest = head.lower().partition(b"\r\ncontent-length:")
    return int(rest.split(b"\r\n", 1)[0]) if named else 0


def message(status: str, body: bytes = b"", **headers: str) -> bytes:
    """Return a complete response; the keyword `content_type` is the header Content-Type."""
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    lines = [
        f"{name}: {value}\r\n"
        for name, value in (named | {"content-length": str(len(body))}).items()
    ]
    return f"HTTP/1.1 {status}\r\n{''.join(lines)}\r\n".encode() + body


def aws(secret: str, tls: ssl.SSLContext | None = None) -> Loopback:
    """Start a server that responds to InvokeEndpoint and, with this secret, to GetSecretValue."""
    prediction, value = _prediction(), _secret_value(secret)

    def respond(head: bytes, _body: bytes) -> bytes:
        return value if b"secretsmanager.GetSecretValue" in head else prediction

    return Loopback(respond, tls)


def _prediction() -> bytes:
    return message(
        "200 OK",
        json.dumps({"predictions": [0]}).encode(),
        content_type="application/json",
        x_amzn_RequestId=REQUEST_ID,
        x_Amzn_Invoked_Production_Variant="AllTraffic",
        date="Tue, 01 Jan 2030 00:00:00 GMT",
    )


def _secret_value(secret: str) -> bytes:
    value = {
        "ARN": "arn:aws:secretsmanager:us-east-1:123456789012:secret:inference-gateway/keys-a1b2c3",
        "Name": "inference-gateway/keys",
        "VersionId": REQUEST_ID,
        "SecretString": secret,
        "VersionStages": ["AWSCURRENT"],
        "CreatedDate": 1893456000.0,
    }
    return message("200 OK", json.dumps(value).encode(), content_type="application/x-amz-json-1.1")


def certificate(folder: Path) -> tuple[ssl.SSLContext, Path]:
    """Make a TLS context of a server on `localhost`, and the certificate that clients trust."""
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")])
    now = datetime.datetime.now(datetime.UTC)
    signed = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .sign(key, hashes.SHA256())
    )
    public, private = folder / "localhost.pem", folder / "localhost.key"
    public.write_bytes(signed.public_bytes(serialization.Encoding.PEM))
    private.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
    )
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(public, private)
    return context, public
