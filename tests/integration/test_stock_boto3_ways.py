"""Proxies and certificates: the gateway's client connects as stock boto3 does."""

import contextlib
import select
import socket
from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.support.authority import Authority
from tests.support.gateway import AWS
from tests.support.http_server import StubServer, sends
from tests.support.ports import closed_port
from tests.support.stock import BOTH, on_the_wire, outcome

RUNTIME = "sagemaker-runtime"
ANSWER = b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\n7"
FAR = "aws.invalid"  # which no resolver knows: only a proxy can


@pytest.fixture(scope="module")
def authority(tmp_path_factory):
    return Authority(tmp_path_factory.mktemp("authority"))


@pytest.fixture
def secure(authority):
    """A server in SageMaker's place that speaks only TLS."""
    with StubServer(context=authority.context) as server:
        yield server


def results(url):
    """Return the results of both clients."""
    return [outcome(make(RUNTIME, **AWS, endpoint_url=url)) for make in BOTH]


def undated(request):
    """Return a request without its date and signature."""
    moment = (b"authorization:", b"x-amz-date:")
    first, headers, body = on_the_wire(request)
    return first, [one for one in headers if not one.lower().startswith(moment)], body


@pytest.mark.parametrize("name", ["HTTP_PROXY", "http_proxy"])
@pytest.mark.parametrize("userinfo", ["", "user:p%40ss@"])
def test_proxy(monkeypatch, name, userinfo):
    """A proxy gets the complete address, and its own name and password."""
    with StubServer(sends(ANSWER)) as proxy:
        monkeypatch.setenv(name, proxy.url.replace("//", f"//{userinfo}"))
        theirs, ours = results(f"http://{FAR}")

    assert theirs["Body"] == ours["Body"] == b"7"
    by_theirs, by_ours = proxy.requests
    assert by_theirs.startswith(f"POST http://{FAR}/endpoints/churn-prod/invocations ".encode())
    assert (b"Proxy-Authorization: Basic dXNlcjpwQHNz" in by_theirs) == bool(userinfo)
    assert undated(by_ours) == undated(by_theirs)


@pytest.mark.parametrize("without", ["127.0.0.1", "*", "example.com,127.0.0.0/8,127.0.0.1"])
def test_no_proxy(monkeypatch, without):
    """An address in NO_PROXY is called directly."""
    with StubServer(sends(ANSWER)) as server, StubServer(sends(ANSWER)) as proxy:
        monkeypatch.setenv("HTTP_PROXY", proxy.url)
        monkeypatch.setenv("NO_PROXY", without)
        theirs, ours = results(server.url)

    assert theirs["Body"] == ours["Body"] == b"7"
    assert (len(server.requests), proxy.requests) == (2, [])


def test_proxy_that_is_away(monkeypatch):
    """A proxy that refuses connections gives the same error."""
    monkeypatch.setenv("HTTP_PROXY", closed_port())

    theirs, ours = results(f"http://{FAR}")

    assert theirs["error"][0] == "ProxyConnectionError"
    assert ours == theirs


def pass_on(left, right):
    """Pass bytes on in both directions until one side ends."""
    other = {left: right, right: left}
    with contextlib.suppress(OSError):
        while True:
            for one in select.select([left, right], [], [])[0]:
                piece = one.recv(65536)
                if not piece:
                    return
                other[one].sendall(piece)


def tunnel(to):
    """Answer CONNECT with a tunnel to this address."""

    def script(connection):
        with socket.create_connection(to) as upstream:
            connection.sendall(b"HTTP/1.1 200 OK\r\n\r\n")
            pass_on(connection, upstream)

    return script


@contextlib.contextmanager
def tls_before(server, context):
    """Yield the address of a TLS server that passes on the bytes of at most two clients."""
    host, _, port = server.url.removeprefix("http://").partition(":")

    def serve():
        with (
            contextlib.suppress(OSError),
            listener.accept()[0] as connection,
            socket.create_connection((host, int(port))) as inside,
        ):
            opened.append(connection)
            pass_on(connection, inside)

    opened = []
    with (
        ThreadPoolExecutor(2) as threads,
        context.wrap_socket(socket.create_server(("127.0.0.1", 0)), server_side=True) as listener,
    ):
        for _ in range(2):
            threads.submit(serve)
        yield f"https://127.0.0.1:{listener.getsockname()[1]}"
        for one in (listener, *opened):
            with contextlib.suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)


@pytest.mark.parametrize("userinfo", ["", "user:p%40ss@"])
def test_tunnel(monkeypatch, authority, secure, userinfo):
    """A proxy is asked for a tunnel, and sees nothing of what is in it."""
    monkeypatch.setenv("AWS_CA_BUNDLE", str(authority.bundle))
    with StubServer(tunnel(("127.0.0.1", secure.port))) as proxy:
        monkeypatch.setenv("HTTPS_PROXY", proxy.url.replace("//", f"//{userinfo}"))
        theirs, ours = results(f"https://{FAR}")

        assert theirs["Body"] == ours["Body"] == b"{}"
        by_theirs, by_ours = proxy.requests

    assert by_theirs.startswith(f"CONNECT {FAR}:443 HTTP/1.".encode())
    assert (b"Proxy-Authorization: Basic dXNlcjpwQHNz" in by_theirs) == bool(userinfo)
    assert by_ours == by_theirs
    assert [one.path for one in secure.requests] == ["/endpoints/churn-prod/invocations"] * 2


def test_tunnel_of_tls(monkeypatch, authority, secure):
    """A proxy may use TLS; the same certificates are trusted."""
    monkeypatch.setenv("AWS_CA_BUNDLE", str(authority.bundle))
    with (
        StubServer(tunnel(("127.0.0.1", secure.port))) as proxy,
        tls_before(proxy, authority.context) as url,
    ):
        monkeypatch.setenv("HTTPS_PROXY", url)
        theirs, ours = results(f"https://{FAR}")

    assert theirs["Body"] == ours["Body"] == b"{}"
    assert len(proxy.requests) == len(secure.requests) == 2


def test_tunnel_that_is_refused(monkeypatch):
    """A refused tunnel gives the same error."""
    with StubServer(sends(b"HTTP/1.1 407 Who\r\nContent-Length: 0\r\n\r\n")) as proxy:
        monkeypatch.setenv("HTTPS_PROXY", proxy.url)
        theirs, ours = results(f"https://{FAR}")

    assert theirs["error"][0] == "ProxyConnectionError"
    assert ours == theirs


BUNDLES = {
    "environment": ({"AWS_CA_BUNDLE": "{bundle}"}, ""),
    "file": ({}, "[default]\nca_bundle = {bundle}\n"),
    "home": ({"AWS_CA_BUNDLE": "~/authority.pem", "HOME": "{folder}"}, ""),
    "environment-of-requests": ({"REQUESTS_CA_BUNDLE": "{bundle}"}, ""),
}


@pytest.mark.parametrize("way", BUNDLES)
def test_bundle(monkeypatch, tmp_path, authority, secure, way):
    """A certificate bundle is found in every place where boto3 looks."""
    environment, config = BUNDLES[way]
    file = tmp_path / "config"
    file.write_text(config.format(bundle=authority.bundle))
    monkeypatch.setenv("AWS_CONFIG_FILE", str(file))
    for name, value in environment.items():
        monkeypatch.setenv(
            name, value.format(bundle=authority.bundle, folder=authority.bundle.parent)
        )

    theirs, ours = results(secure.url)

    assert theirs["Body"] == ours["Body"] == b"{}"
    by_theirs, by_ours = secure.requests
    assert sorted(by_ours.headers.keys()) == sorted(by_theirs.headers.keys())


@pytest.mark.parametrize("bundle", [None, "other", "absent"])
def test_not_trusted(monkeypatch, tmp_path, secure, bundle):
    """A server without a trusted certificate gets no request."""
    if bundle is not None:
        (tmp_path / "other").mkdir()
        trusted = {"other": Authority(tmp_path / "other").bundle, "absent": tmp_path / "absent"}
        monkeypatch.setenv("AWS_CA_BUNDLE", str(trusted[bundle]))

    theirs, ours = results(secure.url)

    assert theirs["error"][0] == "SSLError"
    assert ours == theirs
    assert secure.requests == []


def test_signed_alike(monkeypatch, authority, secure):
    """Over TLS the same headers are signed."""
    monkeypatch.setenv("AWS_CA_BUNDLE", str(authority.bundle))
    results(secure.url)

    signed = [one.headers["Authorization"].split("Signature=")[0] for one in secure.requests]
    assert signed[0] == signed[1]
