"""A small document over HTTP: what is taken, what is not, and how long it takes to know."""

import datetime
import ipaddress
import ssl
import threading
import time

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from chalicelib.auth.issuer import MAX_BYTES, download
from chalicelib.aws.deadline import Deadline
from chalicelib.aws.refreshed import FetchFailed
from tests.support.stand_in import wait_until
from tests.unit.auth.web import SLOW, Issuer, closed_port


@pytest.fixture(name="web")
def _web():
    with Issuer() as web:
        web.key_set = b'{"keys": []}'
        yield web


def get(url, seconds=5.0):
    return download(url, Deadline.soonest([seconds]))


def refusal(url, seconds=5.0):
    with pytest.raises(FetchFailed) as refused:
        get(url, seconds)
    return refused.value.reason


def test_body(web):
    """Byte for byte."""
    assert get(web.jwks_url) == web.key_set


def test_most_bytes(web):
    """As many as AWS's own authorizer takes, and not one more."""
    web.key_set = b" " * MAX_BYTES
    assert get(web.jwks_url) == web.key_set

    web.key_set += b" "
    assert refusal(web.jwks_url) == "too-large"


@pytest.mark.parametrize(
    ("failure", "reason"),
    [
        ("500", "http-500"),
        ("404", "http-404"),
        ("204", "http-204"),
        ("301", "http-301"),
        ("302", "http-302"),
        ("307", "http-307"),
        ("content-length-too-long", "cut-short"),
        ("60-mb", "too-large"),
        ("broken-chunk", "IncompleteRead"),
        ("not-http", "BadStatusLine"),
        ("endless-header", "LineTooLong"),
    ],
)
def test_refused(web, failure, reason):
    """With a reason that holds nothing of the answer; a redirect is not followed."""
    web.failure = failure

    assert refusal(web.jwks_url) == reason
    assert web.requests == {"/keys": 1}


def test_reset(web):
    """The connection breaks before there is an answer."""
    web.failure = "reset"

    assert refusal(web.jwks_url) in {"ConnectionResetError", "RemoteDisconnected"}


@pytest.mark.parametrize("failure", sorted(SLOW))
def test_too_slow(web, failure):
    """Whatever it is slow at, it is over when the time is; and the thread ends."""
    web.failure = failure
    started = time.monotonic()

    assert refusal(web.jwks_url, 0.3) in {"timeout", "TimeoutError"}
    assert time.monotonic() - started < 0.55
    wait_until(lambda: not threads("_Attempt"), 5)


def threads(kind):
    return [thread for thread in threading.enumerate() if type(thread).__name__ == kind]


def test_no_time_left(web):
    """Not even asked."""
    assert refusal(web.jwks_url, 0.0) == "timeout"
    assert web.requests == {}


def test_nobody_there():
    """At once."""
    assert refusal(f"http://127.0.0.1:{closed_port()}/") == "ConnectionRefusedError"


@pytest.mark.parametrize(
    "url",
    [
        "http://127.0.0.1:port/",
        "http://127.0.0.1:99999/",
        "http://127.0.0.1/a b",
        "http://127.0.0.1:1/\u00e9",
        "http://[::1/",
        "",
    ],
)
def test_no_url(url):
    """An address that is none."""
    assert refusal(url).isidentifier()


def test_untrusted_certificate(tmp_path, signing_keys):
    """TLS without a certificate that this machine trusts is no TLS."""
    with Issuer(certified(signing_keys["p256"].private, tmp_path)) as web:
        web.key_set = b"{}"
        assert refusal(web.jwks_url) == "SSLCertVerificationError"
        assert web.requests == {}


def certified(key, folder):
    """A server's TLS with a certificate that it has signed itself."""
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "127.0.0.1")])
    now = datetime.datetime.now(datetime.UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - datetime.timedelta(hours=1))
        .not_valid_after(now + datetime.timedelta(hours=1))
        .add_extension(
            x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]),
            critical=False,
        )
        .sign(key, hashes.SHA256())
    )
    file = folder / "certificate.pem"
    private = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    file.write_bytes(private + certificate.public_bytes(Encoding.PEM))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(file)
    return context
