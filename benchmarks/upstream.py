"""What stands where AWS is: SageMaker's answer, and Secrets Manager's; plain, or with TLS."""

from __future__ import annotations

import datetime
import json
import ssl
from typing import TYPE_CHECKING

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.x509.oid import NameOID

from benchmarks.loopback import Loopback, message

if TYPE_CHECKING:
    from pathlib import Path

REQUEST_ID = "5f1c3c6e-0000-4000-8000-000000000000"


def aws(secret: str, tls: ssl.SSLContext | None = None) -> Loopback:
    """Answers every InvokeEndpoint with one prediction, every GetSecretValue with this secret."""
    prediction, value = _prediction(), _secret_value(secret)

    def answer(head: bytes, _body: bytes) -> bytes:
        return value if b"secretsmanager.GetSecretValue" in head else prediction

    return Loopback(answer, tls)


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
    """A server's side of TLS for `localhost`, and the certificate that a client has to trust."""
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")])
    now = datetime.datetime.now(datetime.UTC)
    made = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .sign(key, hashes.SHA256())
    )
    public, private = folder / "localhost.pem", folder / "localhost.key"
    public.write_bytes(made.public_bytes(serialization.Encoding.PEM))
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
