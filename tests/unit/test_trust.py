"""Which certificates the gateway trusts, tested in new processes with certificates of a test."""

import contextlib
import datetime
import os
import socket
import ssl
import subprocess
import sys
import threading
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

ROOT = Path(__file__).parents[2]
AMAZON_ROOTS = ROOT / "chalicelib/aws/botocore_data/amazon-roots.pem"
ANSWER = b"HTTP/1.1 200 OK\r\nContent-Type: text/csv\r\nContent-Length: 1\r\n\r\n7"
# botocore takes its bundle from the first `certifi` on the path.
SCRIPT = """
import sys
from chalicelib.sagemaker.runtime import read_response
from chalicelib.sagemaker.client import sagemaker_client
from chalicelib.aws.deadline import Deadline
client = sagemaker_client(endpoint_url=sys.argv[1])
with Deadline.soonest([20]).in_force():
    print(read_response(client.invoke_endpoint(EndpointName="e", Body=b"1")).body.decode())
"""


class TlsServer:
    """An endpoint with a self-signed certificate, which `bundle` alone contains."""

    def __init__(self, folder):
        self.bundle = folder / "bundle.pem"
        key = ec.generate_private_key(ec.SECP256R1())
        name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "localhost")])
        now = datetime.datetime.now(datetime.UTC)
        certificate = (
            x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
            .not_valid_before(now - datetime.timedelta(hours=1))
            .not_valid_after(now + datetime.timedelta(hours=1))
            .add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False)
            .sign(key, hashes.SHA256())
        )
        self.bundle.write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
        (folder / "key.pem").write_bytes(
            key.private_bytes(
                serialization.Encoding.PEM,
                serialization.PrivateFormat.PKCS8,
                serialization.NoEncryption(),
            )
        )
        self._context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self._context.load_cert_chain(self.bundle, folder / "key.pem")
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._thread = threading.Thread(target=self._serve)
        self.connections = 0

    @property
    def url(self):
        return f"https://localhost:{self._listener.getsockname()[1]}"

    def _serve(self):
        with contextlib.suppress(OSError):
            while True:
                connection, _ = self._listener.accept()
                self.connections += 1
                with (
                    contextlib.suppress(OSError),
                    self._context.wrap_socket(connection, server_side=True) as tls,
                ):
                    tls.recv(65536)
                    tls.sendall(ANSWER)

    def __enter__(self):
        self._thread.start()
        return self

    def __exit__(self, *_):
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self._thread.join()


@pytest.fixture(name="server")
def _server(tmp_path):
    with TlsServer(tmp_path) as server:
        yield server


def call(server, folder, *, certifi, **environment):
    """Call the server in a new process, where `certifi` is botocore's bundle."""
    (folder / "certifi.py").write_text(f"def where():\n    return {str(certifi)!r}\n")
    return subprocess.run(
        [sys.executable, "-c", SCRIPT, server.url],
        cwd=ROOT,
        env={
            "PATH": os.environ["PATH"],
            "PYTHONPATH": f"{folder}:{ROOT}",
            "AWS_DEFAULT_REGION": "us-east-1",
            "AWS_ACCESS_KEY_ID": "a",
            "AWS_SECRET_ACCESS_KEY": "b",
            **environment,
        },
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )


def assert_refused(process):
    assert process.returncode != 0
    assert "CERTIFICATE_VERIFY_FAILED" in process.stderr


def test_certificate_of_botocores_bundle(server, tmp_path):
    """A certificate that Amazon's roots do not cover is tried again with botocore's bundle."""
    process = call(server, tmp_path, certifi=server.bundle)

    assert (process.stdout, process.stderr) == ("7\n", "")
    assert server.connections == 2


def test_unknown_certificate(server, tmp_path):
    """A certificate that botocore's bundle does not cover is refused."""
    assert_refused(call(server, tmp_path, certifi=AMAZON_ROOTS))


def test_own_bundle(server, tmp_path):
    """A bundle that the operator sets is used for the first connection."""
    process = call(server, tmp_path, certifi=AMAZON_ROOTS, AWS_CA_BUNDLE=str(server.bundle))

    assert process.stdout == "7\n"
    assert server.connections == 1


def test_own_bundle_alone(server, tmp_path):
    """A bundle that the operator sets replaces botocore's bundle."""
    assert_refused(call(server, tmp_path, certifi=server.bundle, AWS_CA_BUNDLE=str(AMAZON_ROOTS)))
