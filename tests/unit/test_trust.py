"""Whom a connection to AWS trusts: in processes of their own, with bundles that a test makes."""

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
ANSWER = b"HTTP/1.1 200 OK\r\nContent-Type: text/csv\r\nContent-Length: 1\r\n\r\n7"
# In a new process, where botocore asks whatever `certifi` lies first on the path for a bundle.
CALL = """
import sys
from chalicelib.sagemaker.runtime import read_response
from chalicelib.sagemaker.client import sagemaker_client
from chalicelib.aws.deadline import Deadline
client = sagemaker_client(endpoint_url=sys.argv[1])
with Deadline.soonest([20]).in_force():
    print(read_response(client.invoke_endpoint(EndpointName="e", Body=b"1")).body.decode())
"""


class Tls:
    """An endpoint with a certificate that nobody but its own bundle vouches for."""

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


@pytest.fixture(name="tls")
def _tls(tmp_path):
    with Tls(tmp_path) as tls:
        yield tls


def call(tls, folder, *, whole, **environment):
    """What a process gets that calls the endpoint; `whole` is what botocore's bundle is to it."""
    (folder / "certifi.py").write_text(f"def where():\n    return {str(whole)!r}\n")
    return subprocess.run(
        [sys.executable, "-c", CALL, tls.url],
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


AMAZON = ROOT / "chalicelib/aws/botocore_data/amazon-roots.pem"


def test_somebody_elses_certificate(tls, tmp_path):
    """Amazon's roots do not vouch for it, the whole bundle does: met again, and called."""
    called = call(tls, tmp_path, whole=tls.bundle)

    assert (called.stdout, called.stderr) == ("7\n", "")
    assert tls.connections == 2


def test_nobodys_certificate(tls, tmp_path):
    """What the whole bundle does not vouch for is never called."""
    refused = call(tls, tmp_path, whole=AMAZON)

    assert refused.returncode != 0
    assert "CERTIFICATE_VERIFY_FAILED" in refused.stderr


def test_bundle_of_ones_own(tls, tmp_path):
    """Whoever sets one gets that, and at the first attempt."""
    assert call(tls, tmp_path, whole=AMAZON, AWS_CA_BUNDLE=str(tls.bundle)).stdout == "7\n"
    assert tls.connections == 1


def test_bundle_of_ones_own_alone(tls, tmp_path):
    """Nothing is added to it: what only botocore's bundle vouches for is refused."""
    refused = call(tls, tmp_path, whole=tls.bundle, AWS_CA_BUNDLE=str(AMAZON))

    assert refused.returncode != 0
    assert "CERTIFICATE_VERIFY_FAILED" in refused.stderr
