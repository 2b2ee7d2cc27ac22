"""A certificate authority for tests, and the TLS context of a server on loopback."""

from __future__ import annotations

import datetime
import ipaddress
import ssl
from typing import TYPE_CHECKING

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

if TYPE_CHECKING:
    from pathlib import Path

LOOPBACK = x509.SubjectAlternativeName(
    [
        x509.IPAddress(ipaddress.ip_address("127.0.0.1")),
        x509.DNSName("aws.invalid"),
    ]
)
IS_AUTHORITY = x509.BasicConstraints(ca=True, path_length=None)
MAY_SIGN = x509.KeyUsage(
    digital_signature=False,
    content_commitment=False,
    key_encipherment=False,
    data_encipherment=False,
    key_agreement=False,
    key_cert_sign=True,
    crl_sign=True,
    encipher_only=False,
    decipher_only=False,
)


class Authority:
    """Who trusts `bundle` trusts a server with `context`."""

    def __init__(self, folder: Path) -> None:
        own, server = (ec.generate_private_key(ec.SECP256R1()) for _ in range(2))
        self.bundle = folder / "authority.pem"
        self.bundle.write_bytes(_certificate(own, own, IS_AUTHORITY, MAY_SIGN))
        file = folder / "server.pem"
        file.write_bytes(
            _certificate(server, own, LOOPBACK)
            + server.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
        )
        self.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.context.load_cert_chain(file)


def _certificate(
    key: ec.EllipticCurvePrivateKey,
    issuer: ec.EllipticCurvePrivateKey,
    *purpose: x509.ExtensionType,
) -> bytes:
    now = datetime.datetime.now(datetime.UTC)
    builder = x509.CertificateBuilder(
        _name("authority"),
        _name("authority" if key is issuer else "server"),
        key.public_key(),
        x509.random_serial_number(),
        now - datetime.timedelta(hours=1),
        now + datetime.timedelta(days=1),
    )
    for extension in (
        *purpose,
        x509.SubjectKeyIdentifier.from_public_key(key.public_key()),
        x509.AuthorityKeyIdentifier.from_issuer_public_key(issuer.public_key()),
    ):
        # From Python 3.13 on, TLS checks certificates as RFC 5280 requires.
        builder = builder.add_extension(extension, critical=extension in (IS_AUTHORITY, MAY_SIGN))
    return builder.sign(issuer, SHA256()).public_bytes(Encoding.PEM)


def _name(common: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, common)])
