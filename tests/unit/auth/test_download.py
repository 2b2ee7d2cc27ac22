"""Downloading a small document: which responses are taken, and when the download ends."""

import threading
import time

import pytest

from chalicelib.auth.issuer import MAX_BYTES, download
from chalicelib.aws.deadline import Deadline
from chalicelib.aws.refreshed import FetchFailed
from tests.support.authority import Authority
from tests.support.issuer_server import SLOW, Issuer
from tests.support.ports import free_port
from tests.support.stand_in import wait_until


@pytest.fixture(name="web")
def _web():
    with Issuer() as web:
        web.key_set = b'{"keys": []}'
        yield web


def get(url, seconds=5.0):
    return download(url, Deadline.after(seconds))


def refusal(url, seconds=5.0):
    with pytest.raises(FetchFailed) as refused:
        get(url, seconds)
    return refused.value.reason


def test_body(web):
    """The body comes back unchanged."""
    assert get(web.jwks_url) == web.key_set


def test_most_bytes(web):
    """A body may have as many bytes as AWS's own JWT authorizer takes, and not one more."""
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
        ("broken-chunk", "ProtocolError"),
        ("not-http", "ConnectionClosedError"),
        ("endless-header", "ConnectionClosedError"),
    ],
)
def test_refused(web, failure, reason):
    """The reason quotes nothing of the response; a redirect is not followed."""
    web.failure = failure

    assert refusal(web.jwks_url) == reason
    assert web.requests == {"/keys": 1}


def test_reset(web):
    """The connection breaks before there is a response."""
    web.failure = "reset"

    assert refusal(web.jwks_url) == "ConnectionClosedError"


@pytest.mark.parametrize("failure", sorted(SLOW))
def test_too_slow(web, failure):
    """The download ends with its deadline, and its thread ends too."""
    web.failure = failure
    started = time.monotonic()

    assert refusal(web.jwks_url, 0.3) == "timeout"
    assert time.monotonic() - started < 0.55
    wait_until(lambda: not threads("_Attempt"), 5)


def threads(kind):
    return [thread for thread in threading.enumerate() if type(thread).__name__ == kind]


def test_no_time_left(web):
    """After the deadline no request is sent."""
    assert refusal(web.jwks_url, 0.0) == "timeout"
    assert web.requests == {}


def test_refused_connection():
    """A closed port is reported at once."""
    assert refusal(f"http://127.0.0.1:{free_port()}/") == "EndpointConnectionError"


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
    """A broken URL is a failure like any other."""
    assert refusal(url).isidentifier()


def test_untrusted_certificate(tmp_path):
    """A certificate that this machine does not trust is refused."""
    with Issuer(Authority(tmp_path).context) as web:
        web.key_set = b"{}"
        assert refusal(web.jwks_url) == "SSLError"
        assert web.requests == {}
