"""Fetching an issuer's keys through proxies, and with certificates of a private authority."""

import contextlib
import os
import time

import pytest

from chalicelib.auth.issuer import FETCH_SECONDS
from chalicelib.auth.schemes import schemes
from chalicelib.aws.refreshed import StoreUnavailable
from tests.faults.rows import row
from tests.support.authority import Authority
from tests.support.connect_proxy import ConnectProxy
from tests.support.http_server import StubServer, drips, sends
from tests.support.issuer_server import SLOW, Issuer
from tests.support.ports import free_port
from tests.support.stand_in import wait_until
from tests.support.tokens import claims, jwks, settings, token

CREDENTIALS = "user:pass%2Fword"


@pytest.fixture(scope="module", name="authority")
def _authority(tmp_path_factory):
    return Authority(tmp_path_factory.mktemp("authority"))


@pytest.fixture(autouse=True)
def _environment(monkeypatch):
    """No proxy, and no bundle, but those that a test sets."""
    for name in ("http_proxy", "https_proxy", "no_proxy", "all_proxy", "requests_ca_bundle"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)
    monkeypatch.delenv("AWS_CA_BUNDLE", raising=False)
    monkeypatch.setenv("AWS_CONFIG_FILE", os.devnull)


@pytest.fixture
def trusted(monkeypatch, authority):
    """Trust the authority of the issuer."""
    monkeypatch.setenv("AWS_CA_BUNDLE", str(authority.bundle))


@pytest.fixture(name="web")
def _web(authority, rsa):
    """An issuer with a certificate of the authority."""
    with Issuer(authority.context) as web:
        web.key_set = jwks(rsa.public())
        yield web


@pytest.fixture(name="far")
def _far(web):
    """The same issuer by a name that only a proxy knows."""
    url = web.url.replace("127.0.0.1", "aws.invalid")
    web.discovery = {"issuer": url, "jwks_uri": f"{url}/keys"}
    return url


@pytest.fixture(name="proxy")
def _proxy(use_proxy):
    """A proxy that takes credentials, and is configured with them."""
    with ConnectProxy(credentials=CREDENTIALS.replace("%2F", "/")) as proxy:
        use_proxy(f"http://{CREDENTIALS}@127.0.0.1:{proxy.port}")
        yield proxy


@pytest.fixture(name="use_proxy")
def _use_proxy(monkeypatch):
    return lambda url: monkeypatch.setenv("HTTPS_PROXY", url)


@pytest.fixture(name="ask")
def _ask(rsa):
    """Check a good token of the issuer; return the principal, or why its keys are not there."""

    def ask(issuer):
        reports = []
        made = schemes(
            settings(jwt_issuer=issuer), report_failure=lambda *report: reports.append(report)
        )
        try:
            return made.json_web_tokens.authenticate(token(rsa, None, claims(iss=issuer))).principal
        except StoreUnavailable as unavailable:
            assert reports == [("jwks", unavailable.reason)]
            return unavailable.reason

    return ask


class TestAuthority:
    @row("K3")
    @pytest.mark.parametrize("variable", ["AWS_CA_BUNDLE", "REQUESTS_CA_BUNDLE"])
    def test_environment(self, ask, web, authority, monkeypatch, variable):
        """The bundle comes from botocore's two variables."""
        monkeypatch.setenv(variable, str(authority.bundle))

        assert ask(web.url) == "somebody"

    def test_profile(self, ask, web, authority, monkeypatch, tmp_path):
        """The bundle may be in the profile."""
        (tmp_path / "config").write_text(f"[default]\nca_bundle = {authority.bundle}\n")
        monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "config"))

        assert ask(web.url) == "somebody"

    @pytest.mark.usefixtures("trusted")
    def test_other_name(self, ask, web):
        """A certificate for another host is refused."""
        assert ask(web.url.replace("127.0.0.1", "localhost")) == "SSLError"

    @pytest.mark.parametrize(
        ("bundle", "reason"),
        [(None, "SSLError"), ("/nothing.pem", "SSLError"), ("", "InvalidConfigError")],
    )
    def test_not_trusted(self, ask, web, monkeypatch, bundle, reason):
        """Without the authority's certificate nothing is fetched."""
        if bundle is not None:
            monkeypatch.setenv("AWS_CA_BUNDLE", bundle)

        assert ask(web.url) == reason
        assert not web.requests


@pytest.mark.usefixtures("trusted")
class TestProxy:
    @row("K3")
    def test_both_documents(self, ask, web, far, proxy):
        """The proxy resolves the name, takes its credentials, and only carries TLS."""

        assert ask(far) == "somebody"
        assert proxy.targets == [far.removeprefix("https://")] * 2
        assert sum(web.requests.values()) == 2
        wait_until(lambda: proxy.open_tunnels == 0, 5)

    def test_proxy_with_tls(self, ask, far, authority, use_proxy):
        """The way to the proxy may be TLS too."""
        with ConnectProxy(context=authority.context) as proxy:
            use_proxy(proxy.url)
            assert ask(far) == "somebody"

    @row("K3")
    @pytest.mark.parametrize("hosts", ["127.0.0.1", "*", "example.com, 127.0.0.1"])
    def test_exception(self, ask, web, proxy, monkeypatch, hosts):
        """NO_PROXY names hosts to which the proxy is not needed."""
        monkeypatch.setenv("NO_PROXY", hosts)

        assert ask(web.url) == "somebody"
        assert proxy.connections == 0

    def test_exception_for_one_document(self, ask, web, far, proxy, monkeypatch):
        """NO_PROXY is looked at for each of the two addresses."""
        monkeypatch.setenv("NO_PROXY", "127.0.0.1")
        web.discovery["jwks_uri"] = web.jwks_url

        assert ask(far) == "somebody"
        assert len(proxy.targets) == 1

    def test_plain_http(self, ask, rsa, proxy, monkeypatch):
        """An issuer without TLS is on this machine, and what it says does not leave the machine."""
        monkeypatch.setenv("HTTP_PROXY", proxy.url)
        with Issuer() as web:
            web.key_set = jwks(rsa.public())
            assert ask(web.url) == "somebody"

        assert proxy.connections == 0

    def test_wrong_credentials(self, ask, far, proxy, use_proxy):
        """A proxy that refuses is a failed fetch."""
        use_proxy(proxy.url)

        assert ask(far) == "ProxyConnectionError"

    def test_no_proxy_there(self, ask, far, web, use_proxy):
        """If the proxy does not answer, the issuer is not asked without it."""
        use_proxy(f"http://127.0.0.1:{free_port()}")

        assert ask(far) == ask(web.url) == "ProxyConnectionError"
        assert not web.requests

    @pytest.mark.parametrize("failure", sorted(SLOW))
    def test_slow_issuer(self, ask, web, far, proxy, failure):
        """Behind a proxy, both documents together still take a second and a half at most."""
        web.failure = failure
        with at_most(FETCH_SECONDS):
            assert ask(far) == "timeout"

        wait_until(lambda: proxy.open_tunnels == 0, 5)

    @pytest.mark.parametrize("begun", [b"", b"HTTP/1.1 200 OK\r\nX: "])
    def test_slow_proxy(self, ask, far, use_proxy, begun):
        """A proxy that drips, or says nothing, takes no more time either."""
        answer = begun + b"x" * 10_000
        script = drips(answer, len(begun), every_seconds=0.05) if begun else sends()
        with StubServer(script) as proxy, at_most(FETCH_SECONDS):
            use_proxy(proxy.url)
            assert ask(far) == "ConnectTimeoutError"

    @pytest.mark.parametrize(
        ("failure", "reason"),
        [
            ("60-mb", "too-large"),
            ("302", "http-302"),
            ("content-length-too-long", "cut-short"),
            ("gzip", "the key set is not a JSON object"),
        ],
    )
    @pytest.mark.usefixtures("proxy")
    def test_bounds(self, ask, web, far, failure, reason):
        """All other limits are the same behind a proxy."""
        web.failure = failure

        assert ask(far) == reason
        assert web.requests["/elsewhere"] == 0


@contextlib.contextmanager
def at_most(seconds):
    started = time.monotonic()
    yield
    assert time.monotonic() - started < seconds + 0.5  # the machine may be busy
