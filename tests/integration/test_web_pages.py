"""The ports on this machine answer its own programs, and refuse what a web page can send.

tests/browser tries the same with a browser.
"""

import json
import re
from pathlib import Path

import psutil
import pytest

from tests.faults.rows import row
from tests.support.local_gateway import LocalGateway
from tests.support.model_server import ModelServer
from tests.support.stand_in import StandIn
from tests.support.wire import connected, received, send

LOOPBACK = [
    "127.0.0.1",
    "127.0.0.1:4599",
    "127.255.255.254:1",
    "localhost",
    "LocalHost:4599",
    "localhost:",
    "my-bucket.localhost:4599",
    "my.bucket_1.localhost",
    "[::1]",
    "[::1]:4599",
]
FOREIGN = [
    "evil.example",
    "evil.example:4599",
    "127.0.0.1.evil.example",
    "localhost.evil.example",
    "evillocalhost",
    "127.0.0.1evil.example",
    "localhost.",
    "localhost..",
    ".localhost",
    "127.0.0.1.",
    "127.1",
    "2130706433",
    "0x7f000001",
    "0177.0.0.1",
    "127.0.0.01",
    "128.0.0.1",
    "0.0.0.0",
    "169.254.169.254",
    "[::]",
    "[::ffff:127.0.0.1]",
    "[::1%25lo]",
    "[::1].evil.example",
    "::1",
    "evil@localhost",
    "localhost@evil.example",
    "localhost:80:evil",
    "localhost:evil",
    "localhost, evil.example",
    "localhost evil.example",
    "localhost/evil.example",
    "localhost#.evil.example",
    "\xb9\xb2\xb7.0.0.1",
    "",
]
PAGES = [
    {"Origin": "https://evil.example"},
    {"Origin": "null"},
    {"Origin": ""},
    {"Origin": "http://127.0.0.1:4599"},
    {"ORIGIN": "http://localhost"},
    {"Sec-Fetch-Site": "cross-site"},
    {"Sec-Fetch-Site": "same-site"},
    {"Sec-Fetch-Site": "unheard-of"},
    {"Sec-Fetch-Site": ""},
]
PROGRAMS = [{}, {"Sec-Fetch-Site": "none"}, {"Sec-Fetch-Site": "same-origin"}]
OTHER_TARGETS = ["http://evil.example/", "http://127.0.0.1/", "evil.example:443", "*", "@evil"]


@pytest.fixture(scope="module")
def gateway():
    with LocalGateway() as gateway:
        yield gateway


@pytest.fixture(scope="module")
def model_server():
    """A model server that has no model yet."""
    with ModelServer() as model_server:
        yield model_server


def raw(url, *lines):
    """Send these lines and return the whole answer."""
    request = "\r\n".join([*lines, "Connection: close", "", ""])
    with connected(url, request.encode("latin-1")) as connection:
        return received(connection)


def status(answer):
    return int(re.match(rb"HTTP/1\.[01] (\d{3}) ", answer)[1])


SERVERS = {
    "sagemaker_local": ("/", "message"),
    "model_server": ("/ping", "error"),
    "gateway": ("/health", "detail"),
}


@pytest.fixture(params=SERVERS)
def server(request):
    """The URL of one of the three, a path that answers 200, and where a refusal has its text."""
    running = request.getfixturevalue(request.param)
    return running.url, *SERVERS[request.param]


@pytest.fixture(params=["sagemaker_local", "model_server"])
def program_server(request):
    """The same for those that answer no web page at all."""
    running = request.getfixturevalue(request.param)
    return running.url, *SERVERS[request.param]


@row("M1", "M2")
@pytest.mark.parametrize("host", LOOPBACK)
def test_loopback(server, host):
    """Every name of loopback is answered, with any port."""
    url, path, _ = server

    # S3 takes the first label below localhost for a bucket.
    expected = 404 if host.startswith("my-bucket") and path == "/" else 200
    assert send(url, path, method="GET", headers={"Host": host}).status == expected


@row("M1", "M2")
@pytest.mark.parametrize("host", FOREIGN)
def test_foreign_host(server, host):
    """Every other name is refused, and the refusal says why and what to use."""
    url, path, member = server
    answer = raw(url, f"GET {path} HTTP/1.1", f"Host: {host}")

    if status(answer) != 400:  # What is no Host at all, the HTTP server refuses before us.
        assert status(answer) == 403
        text = json.loads(answer.partition(b"\r\n\r\n")[2])[member]
        assert text.startswith("The header Host is '")
        assert "http://127.0.0.1" in text


@row("M1", "M2")
@pytest.mark.parametrize("version", ["1.0", "1.1"])
@pytest.mark.parametrize("hosts", [[], ["localhost", "evil.example"], ["localhost", "localhost"]])
def test_number_of_hosts(server, version, hosts):
    """There must be one Host, in HTTP/1.0 too."""
    url, path, _ = server
    answer = raw(url, f"GET {path} HTTP/{version}", *(f"Host: {host}" for host in hosts))

    assert status(answer) in (400, 403)


@row("M1", "M2")
@pytest.mark.parametrize("target", OTHER_TARGETS)
def test_other_targets(server, target):
    """The request must be for a path: a URL would name another host besides Host."""
    assert status(raw(server[0], f"GET {target} HTTP/1.1", "Host: localhost")) in (400, 403, 404)


@row("M1", "M2")
@pytest.mark.parametrize("headers", PAGES, ids=str)
def test_web_page(program_server, headers):
    """A header that browsers add to the requests of pages is refused, whatever it says."""
    url, path, member = program_server
    reply = send(url, path, method="GET", headers=headers)

    assert reply.status == 403
    assert f"The request has the header {next(iter(headers)).title()}: " in reply.json()[member]
    assert not [name for name in reply.headers if name.lower().startswith("access-control-")]


@row("M1", "M2")
@pytest.mark.parametrize("headers", PROGRAMS, ids=str)
def test_program(program_server, headers):
    """An address that a person has typed into a browser is answered as a program is."""
    url, path, _ = program_server

    assert send(url, path, method="GET", headers=headers).status == 200


def test_cors(gateway):
    """The gateway of `make run` answers web pages, at an address of loopback."""
    reply = send(
        gateway.url, "/health", method="GET", headers={"Origin": "https://shop.example.com"}
    )

    assert (reply.status, reply.headers["Access-Control-Allow-Origin"]) == (200, "*")


@row("M1", "M2")
@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("POST", "/endpoints/e/invocations"),
        ("PUT", "/bucket/key"),
        ("POST", "/"),
        ("PUT", "/_local/faults/e"),
        ("OPTIONS", "/bucket"),
        ("DELETE", "/bucket"),
        ("POST", "/models"),
        ("POST", "/models/a/invoke"),
        ("POST", "/not/there"),
    ],
)
def test_before_anything_is_read(program_server, method, path):
    """The refusal comes while the body is still awaited."""
    lines = (
        f"{method} {path} HTTP/1.1",
        "Host: localhost",
        "Origin: https://evil.example",
        "X-Amz-Target: SageMaker.CreateModel",
        "Content-Length: 1000000",
        "\r\n",
    )
    with connected(program_server[0], "\r\n".join(lines).encode()) as connection:
        answer = b""
        while b"}" not in answer:
            answer += connection.recv(65536)

    assert status(answer) == 403


@row("M1")
@pytest.mark.parametrize(("origin", "first"), [("Origin: null", 403), ("Accept: */*", 100)])
def test_nobody_asks_for_the_body(sagemaker_local, origin, first):
    """The server asks for a body that the client holds back, except if it refuses the request."""
    lines = ("PUT /bucket HTTP/1.1", "Host: localhost", "Expect: 100-continue", origin)
    answer = raw(sagemaker_local.url, *lines, "Content-Length: 0")

    assert status(answer) == first


@row("M1")
def test_answers_without_cors(sagemaker_local):
    """No answer of moto's allows a web page to read it, not even one of a bucket with CORS."""
    s3 = sagemaker_local.client("s3")
    s3.create_bucket(Bucket="with-cors")
    rules = [{"AllowedMethods": ["GET"], "AllowedOrigins": ["*"]}]
    s3.put_bucket_cors(Bucket="with-cors", CORSConfiguration={"CORSRules": rules})

    for method, path in (("GET", "/"), ("GET", "/with-cors"), ("OPTIONS", "/with-cors")):
        names = send(sagemaker_local.url, path, method=method).headers.keys()
        assert not [name for name in names if name.lower().startswith("access-control-")]


@row("M2")
def test_no_other_port():
    """moto has no port of its own, and nothing is left of its socket."""
    with StandIn() as stand_in:
        process = psutil.Process(stand_in.process.pid)
        listening = {
            connection.laddr.port
            for connection in process.net_connections(kind="inet")
            if connection.status == psutil.CONN_LISTEN
        }
        (moto,) = {
            Path(connection.laddr)
            for connection in process.net_connections(kind="unix")
            if connection.laddr.endswith("/moto")
        }

        assert listening == {int(stand_in.url.rpartition(":")[2])}
        assert moto.parent.stat().st_mode & 0o777 == 0o700
        assert stand_in.stop() == 0
        assert not moto.parent.exists()
