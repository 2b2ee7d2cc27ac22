"""The HTTP server of `make run`: how it reads requests, and what it answers before the app does."""

import calendar
import contextlib
import http.client
import json
import os
import re
import socket
import subprocess
import sys
import time
from urllib.parse import urlsplit

import pytest
from chalice import Chalice
from chalice.config import Config

from local_stack.rest_api import Request, RestApi
from tests.api_gateway.definition import functions_of, packaged_template_of
from tests.api_gateway.simulator import ApiGateway
from tests.faults.rows import row
from tests.support.canary import CANARY
from tests.support.framings import (
    BAD_CHUNKS,
    CHUNKED,
    CLEAR,
    CSV,
    CUT_SHORT,
    HALF,
    KEY,
    LAST,
    LENGTH,
    MIB,
    NOT_CLEAR,
    ONE_CHUNK,
    ROWS,
    chunk,
    request,
)
from tests.support.gateway import build_gateway
from tests.support.http_server import StubServer, echo, response
from tests.support.key_documents import api_key, document, entry
from tests.support.local_gateway import ENVIRONMENT, LocalGateway
from tests.support.paths import ROOT
from tests.support.wire import TIMEOUT_SECONDS, connected, received, send


class SageMaker(StubServer):
    """A stub server in place of AWS: it has one key, and sends every body back."""

    def __enter__(self):
        super().__enter__()
        secret = {"SecretString": document(abcd1234=entry(grants=["*"]))}
        found = response(200, json.dumps(secret).encode())
        self.reply = lambda request: found if "X-Amz-Target" in request.headers else echo(request)
        return self

    @property
    def bodies(self):
        """What the model got."""
        return [one.body for one in self.requests if one.path.startswith("/endpoints/")]


@pytest.fixture(scope="module", name="running")
def _running():
    with contextlib.ExitStack() as stack:
        sagemaker = stack.enter_context(SageMaker())
        environment = {**ENVIRONMENT, "AWS_ENDPOINT_URL": sagemaker.url}
        yield sagemaker, stack.enter_context(LocalGateway(environment))


@pytest.fixture(name="gateway")
def _gateway(running):
    return running[1]


@pytest.fixture(name="sagemaker")
def _sagemaker(running):
    running[0].requests.clear()
    return running[0]


class Answer:
    """A response as it came."""

    def __init__(self, data):
        head, _, self.body = data.partition(b"\r\n\r\n")
        self.status = int(re.match(rb"HTTP/1\.[01] (\d{3}) ", head)[1])
        lines = head.decode("latin-1").split("\r\n")[1:]
        self.headers = dict(line.lower().split(": ", 1) for line in lines)

    @property
    def problem(self):
        assert self.headers["content-type"] == "application/problem+json"
        return json.loads(self.body)


def assert_closing(data, status=400, slug="bad-request"):
    """A single problem, with CORS, after which the connection is closed."""
    assert len(re.findall(rb"HTTP/1\.[01] \d{3} ", data)) == 1
    answer = Answer(data)
    assert answer.problem["type"] == f"urn:inference-gateway:{slug}"
    assert (answer.status, answer.problem["status"]) == (status, status)
    assert answer.headers["connection"] == "close"
    assert answer.headers["access-control-allow-origin"] == "*"
    assert answer.headers["x-request-id"] == answer.problem["instance"]
    assert int(answer.headers["content-length"]) == len(answer.body)
    return answer


@row("C16")
@pytest.mark.parametrize("sent", CLEAR.values(), ids=CLEAR)
@pytest.mark.parametrize("piecewise", [False, True], ids=["at-once", "piecewise"])
@pytest.mark.parametrize("ends", [False, True], ids=["open", "half-closed"])
def test_clear(gateway, sagemaker, sent, piecewise, ends):
    """The model gets the body, however it was sent, and its answer comes back."""
    step = 7 if piecewise else len(sent)
    with connected(gateway.url, b"") as connection:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for start in range(0, len(sent), step):
            connection.sendall(sent[start : start + step])
        if ends:
            connection.shutdown(socket.SHUT_WR)
        reply = http.client.HTTPResponse(connection)
        reply.begin()

        assert (reply.status, reply.read()) == (200, ROWS)
    assert sagemaker.bodies == [ROWS]


@row("C16")
@pytest.mark.parametrize("sent", NOT_CLEAR.values(), ids=NOT_CLEAR)
def test_not_clear(gateway, sagemaker, sent):
    """A request whose length is not clear is refused whole, and nothing of it is read on."""
    with connected(gateway.url, sent) as connection:
        answer = assert_closing(received(connection))

    assert CANARY not in str(answer.headers) + answer.body.decode()
    assert CANARY not in gateway.log
    assert sagemaker.bodies == []


@row("C16")
@pytest.mark.parametrize("sent", BAD_CHUNKS.values(), ids=BAD_CHUNKS)
@pytest.mark.parametrize("piecewise", [False, True], ids=["at-once", "piecewise"])
def test_bad_chunks(gateway, sagemaker, sent, piecewise):
    """A body with a chunk that is not valid is refused, also if its headers came before."""
    head = request(CHUNKED, "Expect: 100-continue" if piecewise else "X-A: b")
    with connected(gateway.url, head if piecewise else head + sent) as connection:
        if piecewise:  # The server waits for the body once it has asked for it.
            assert connection.recv(100) == b"HTTP/1.1 100 Continue\r\n\r\n"
            connection.sendall(sent)
        assert_closing(received(connection))

    assert sagemaker.bodies == []


@row("C16")
@pytest.mark.parametrize("sent", CUT_SHORT.values(), ids=CUT_SHORT)
def test_cut_short(gateway, sagemaker, sent):
    """A body that ends early is refused."""
    with connected(gateway.url, sent) as connection:
        connection.shutdown(socket.SHUT_WR)
        assert_closing(received(connection))

    assert sagemaker.bodies == []


@row("C16")
def test_no_length(gateway, sagemaker):
    """Without a length the model is not called, and what follows is not the next request."""
    with connected(gateway.url, request()) as connection:
        reply = http.client.HTTPResponse(connection)
        reply.begin()
        problem = json.loads(reply.read())
        connection.sendall(ROWS)
        assert_closing(received(connection))

    assert (reply.status, problem["type"]) == (400, "urn:inference-gateway:invalid-header")
    assert problem["detail"].startswith("The header Content-Length must be sent")
    with connected(gateway.url, request() + ROWS) as connection:
        assert_closing(received(connection))
    assert sagemaker.bodies == []


@pytest.mark.parametrize(
    ("path", "headers", "status"),
    [
        pytest.param("/nothing", CSV, 404, id="path"),
        pytest.param("/predict/iris", {}, 401, id="no-credential"),
        pytest.param("/predict/iris", {"Authorization": "Bearer x"}, 401, id="wrong-credential"),
        pytest.param("/predict/nothing", CSV, 404, id="model"),
        pytest.param("/predict/iris", KEY, 415, id="no-content-type"),
    ],
)
def test_no_length_is_no_first_reason(gateway, path, headers, status):
    """Without a body, as `curl -X POST` sends it, the other reasons come first."""
    line = f"POST {path} HTTP/1.1"
    with connected(
        gateway.url, request("Connection: close", line=line, headers=headers)
    ) as connection:
        assert Answer(received(connection)).status == status


@row("C12")
def test_others_do_not_wait(gateway):
    """Callers that stop in the middle of a request delay no other caller."""
    halves = (b"", b"POST /predict/ir", request(LENGTH)[:-2], request(LENGTH), request(CHUNKED))
    with contextlib.ExitStack() as waiting:
        for half in halves * 60:
            waiting.enter_context(connected(gateway.url, half))
        assert send(gateway.url, "/predict/iris", headers=CSV, body=ROWS).body == ROWS


@row("C16")
def test_pipelining(gateway, sagemaker):
    """Requests that come before the answer to the first are answered in order, each whole."""
    first, last = ROWS[:HALF], ROWS[HALF:]
    sent = (
        request(f"Content-Length: {len(first)}") + first,
        request(line="GET /nothing HTTP/1.1"),
        request(CHUNKED) + chunk(last) + LAST,
        request(line="GET /health HTTP/1.1", headers={"Connection": "close"}),
    )
    with connected(gateway.url, b"".join(sent)) as connection:
        data = received(connection)

    statuses = re.findall(rb"HTTP/1\.1 (\d{3})", data)
    assert statuses == [b"200", b"404", b"200", b"200"]
    assert sagemaker.bodies == [first, last]


@row("C16")
@pytest.mark.parametrize("framing", [f"Content-Length: {len(ROWS)}", CHUNKED])
def test_expect(gateway, sagemaker, framing):
    """A caller that waits is asked for its body."""
    with connected(gateway.url, request("Expect: 100-Continue", framing)) as connection:
        assert connection.recv(100) == b"HTTP/1.1 100 Continue\r\n\r\n"
        connection.sendall(ONE_CHUNK if framing == CHUNKED else ROWS)
        reply = http.client.HTTPResponse(connection)
        reply.begin()

        assert (reply.status, reply.read()) == (200, ROWS)
    assert sagemaker.bodies == [ROWS]


@row("C16")
@pytest.mark.parametrize(
    ("lines", "status", "slug"),
    [
        pytest.param((f"Content-Length: {10 * MIB + 1}",), 413, "payload-too-large", id="large"),
        pytest.param(
            (f"Content-Length: {10 * MIB + 1}", "Expect: 100-continue"),
            413,
            "payload-too-large",
            id="large-and-waits",
        ),
        pytest.param((LENGTH, "Expect: 200-ok"), 400, "invalid-header", id="unknown-expectation"),
        pytest.param((f"{LENGTH}, 2", "Expect: 100-continue"), 400, "bad-request", id="not-clear"),
    ],
)
def test_before_the_body(gateway, sagemaker, lines, status, slug):
    """What can be refused by its headers is refused while the body is still awaited."""
    with connected(gateway.url, request(*lines)) as connection:
        reply = http.client.HTTPResponse(connection)
        reply.begin()
        problem = json.loads(reply.read())

    assert (reply.status, problem["type"]) == (status, f"urn:inference-gateway:{slug}")
    assert reply.getheader("Connection") == "close"
    assert sagemaker.bodies == []


@row("C5", "C16")
@pytest.mark.parametrize("size", [4_600_001, 10 * MIB, 10 * MIB + 1, 12 * MIB])
@pytest.mark.parametrize("chunked", [False, True], ids=["length", "chunked"])
def test_too_large(gateway, sagemaker, size, chunked):
    """A body that is too large is refused, and the caller can read that when all is sent."""
    body = chunk(bytes(size)) + LAST if chunked else bytes(size)
    framing = CHUNKED if chunked else f"Content-Length: {size}"
    with connected(gateway.url, request(framing)) as connection:
        connection.sendall(body)
        reply = http.client.HTTPResponse(connection)
        reply.begin()
        problem = json.loads(reply.read())

    assert (reply.status, problem["type"]) == (413, "urn:inference-gateway:payload-too-large")
    assert "4,600,000" in problem["detail"]
    assert sagemaker.bodies == []


REFUSED = [
    ("GET", "/nothing", {}, b"", 404),
    ("POST", "/nothing", CSV, ROWS, 404),
    ("DELETE", "/models", KEY, b"", 404),
    ("PATCH", "/predict/iris", CSV, ROWS, 404),
    ("POST", "/predict/iris", {}, ROWS, 401),
    ("POST", "/predict/iris", {"Authorization": "Basic x"}, ROWS, 401),
    ("POST", "/predict/nothing", CSV, ROWS, 404),
    ("POST", "/predict/iris", {**KEY, "Content-Type": "image/png"}, ROWS, 415),
    ("POST", "/predict/iris", {**CSV, "Accept": "image/png"}, ROWS, 406),
    ("POST", "/predict/iris", {**CSV, "X-Request-Timeout-Ms": "x"}, ROWS, 400),
    ("POST", "/predict/iris", {**CSV, "Content-Encoding": "gzip"}, ROWS, 415),
    ("POST", "/predict/iris", CSV, bytes(5_000_000), 413),
    ("HEAD", "/nothing", {}, b"", 404),
    ("OPTIONS", "/predict/iris", {}, b"", 200),
    ("GET", "/health", {}, ROWS, 200),
]


def test_one_connection(gateway, sagemaker):
    """A connection outlives every refusal, and the bodies that came with them."""
    connection = http.client.HTTPConnection(urlsplit(gateway.url).netloc, timeout=TIMEOUT_SECONDS)
    with contextlib.closing(connection):
        connection.connect()
        opened = connection.sock
        for method, path, headers, body, status in REFUSED:
            connection.request(method, path, body or None, headers)
            reply = connection.getresponse()
            assert (reply.status, reply.will_close) == (status, False), path
            assert bool(reply.read()) == (method not in ("HEAD", "OPTIONS"))
            assert connection.sock is opened
        connection.request("POST", "/predict/iris", iter([ROWS]), CSV)

        assert connection.getresponse().read() == ROWS
        assert connection.sock is opened
    assert sagemaker.bodies == [ROWS]


@pytest.mark.parametrize("path", ["/nothing", "/health", "/models", "/predict/iris"])
def test_head(gateway, path):
    """No body follows the headers of an answer to HEAD."""
    after = request(line="GET /health HTTP/1.1", headers={"Connection": "close"})
    with connected(gateway.url, request(line=f"HEAD {path} HTTP/1.1", headers=KEY)) as connection:
        connection.sendall(after)
        first, _, rest = received(connection).partition(b"\r\n\r\n")

    assert first.startswith((b"HTTP/1.1 200 ", b"HTTP/1.1 404 "))
    assert b"\r\nContent-Length: 0\r\n" not in first
    assert rest.startswith(b"HTTP/1.1 200 OK\r\n")


BASIC = f"Basic {CANARY}"
AS_DEPLOYED = {
    "path": ("GET", "/nothing", ()),
    "path-with-a-credential": ("GET", "/nothing", [("Authorization", BASIC)]),
    "path-that-is-too-long": ("POST", "/predict/a/b/c/d", [("Authorization", BASIC)]),
    "empty-name": ("POST", "/predict//", [("Authorization", BASIC)]),
    "root": ("POST", "/", ()),
    "method": ("DELETE", "/models", ()),
    "method-with-a-credential": ("PUT", "/predict/iris", [("Authorization", BASIC)]),
    "preflight-of-no-path": ("OPTIONS", "/nothing", ()),
    "no-credential": ("POST", "/predict/iris", ()),
    "no-credential-for-the-list": ("GET", "/models", ()),
    "no-credential-for-an-unknown-model": ("POST", "/predict/nothing", ()),
    "empty-credential": ("GET", "/models", [("Authorization", "")]),
    "wrong-credential": ("GET", "/models", [("Authorization", f"Bearer {CANARY}")]),
    "wrong-key": ("GET", "/models", [("Authorization", f"Bearer gw_abcd1234_{CANARY}")]),
    "other-scheme": ("POST", "/predict/iris", [("Authorization", BASIC)]),
    "other-characters": ("GET", "/models", [("Authorization", f"Bearer {CANARY} \xfc")]),
    "signature": ("GET", "/models", [("Authorization", f"AWS4-HMAC-SHA256 Credential={CANARY}")]),
    "two-credentials": (
        "GET",
        "/models",
        [("Authorization", f"Bearer {CANARY}"), ("Authorization", f"Bearer {api_key()}")],
    ),
    "two-credentials-for-a-public-path": (
        "GET",
        "/health",
        [("Authorization", f"Bearer {CANARY}"), ("authorization", "x")],
    ),
}
OF_THE_REQUEST = {"x-amzn-requestid", "x-request-id", "server-timing", "content-length"}


@pytest.fixture(scope="module", name="deployed")
def _deployed():
    app = build_gateway(cors_origin="*").app
    return ApiGateway(packaged_template_of(app), functions_of(app))


@row("C11", "K5")
@pytest.mark.parametrize(("method", "path", "headers"), AS_DEPLOYED.values(), ids=AS_DEPLOYED)
def test_as_deployed(gateway, deployed, method, path, headers):
    """A wrong path, method or credential gets the deployment's answer, which repeats nothing."""
    lines = [f"{name}: {value}" for name, value in headers]
    with connected(
        gateway.url,
        request("Connection: close", *lines, line=f"{method} {path} HTTP/1.1", headers={}),
    ) as connection:
        answer = Answer(received(connection))
    expected = deployed.handle(method, path, headers).response

    assert (answer.status, without_instance(answer.body)) == (
        expected.status,
        without_instance(expected.body),
    )
    for name, value in expected.headers.items():
        if name not in OF_THE_REQUEST:
            assert answer.headers[name.removeprefix("x-amzn-remapped-")] == value.lower()
    assert answer.headers["x-request-id"] == answer.problem["instance"]
    assert CANARY not in str(answer.headers) + answer.body.decode()
    assert CANARY not in gateway.log


def without_instance(body):
    return {name: value for name, value in json.loads(body).items() if name != "instance"}


def test_preflight(gateway, deployed):
    """A preflight gets the deployment's answer."""
    asked = {"Origin": "https://shop.example.com", "Access-Control-Request-Method": "POST"}
    answer = send(gateway.url, "/predict/iris", method="OPTIONS", headers=asked)
    expected = deployed.handle("OPTIONS", "/predict/iris", asked.items()).response

    assert (answer.status, answer.body) == (expected.status, expected.body)
    names = [name for name in expected.headers if name.startswith("access-control-")]
    assert names
    for name in names:
        assert set(answer.headers[name].split(",")) == set(expected.headers[name].split(","))


def test_without_cors():
    """Without CORS nothing answers preflights, as deployed."""
    with LocalGateway({**ENVIRONMENT, "GATEWAY_CORS_ORIGIN": ""}) as gateway:
        for method, status in (("OPTIONS", 404), ("POST", 401)):
            answer = send(gateway.url, "/predict/iris", method=method)
            names = [name.lower() for name in answer.headers]

            assert answer.status == status
            assert not [name for name in names if name.startswith("access-control-")]


def test_event():
    """The app gets the members of API Gateway's event, with times in whole milliseconds."""
    app = Chalice("events")
    app.api.binary_types = ["*/*"]

    @app.route("/a/{b}", methods=["POST"], content_types=[])
    def view(b):
        remaining_ms = app.lambda_context.get_remaining_time_in_millis()
        event = app.current_request.to_dict()
        return {**event, "body": app.current_request.raw_body.decode(), "remaining": remaining_ms}

    before = time.time()
    headers = [("Accept", "*/*"), ("X-A", "1"), ("x-a", "2"), ("Content-Length", "4")]
    sent = Request("POST", "/a/b%2F?c=1&c=%20&d", headers, b"body")
    answer = RestApi(app, Config.create(lambda_timeout=29), {}).handle(sent)

    event = json.loads(answer.body)
    context = event["context"]
    assert (answer.status, event["body"]) == (200, "body")
    assert event["uri_params"] == {"b": "b%2F"}
    assert event["query_params"] == {"c": " ", "d": ""}
    assert event["headers"] == {"accept": "*/*", "x-a": "2"}
    assert (context["resourcePath"], context["path"]) == ("/a/{b}", "/a/b%2F")
    assert dict(answer.headers)["x-amzn-RequestId"] == context["requestId"]
    assert before * 1000 - 1 <= context["requestTimeEpoch"] <= time.time() * 1000 + 1
    assert calendar.timegm(time.strptime(context["requestTime"], "%d/%b/%Y:%H:%M:%S +0000")) == (
        context["requestTimeEpoch"] // 1000
    )
    assert isinstance(context["requestTimeEpoch"], int)
    assert isinstance(event["remaining"], int)


def test_wrong_setting():
    """A wrong setting ends the start with a sentence, and without a traceback."""
    gateway = LocalGateway({**ENVIRONMENT, "GATEWAY_CORS_ORIGIN": "nonsense"})
    with pytest.raises(AssertionError, match=r"^error: GATEWAY_CORS_ORIGIN[^\n]*\n?$"), gateway:
        pass


class TestAlone:
    """`make gateway`: the gateway with whatever AWS the environment names."""

    def refused(self, **environment):
        """Return what it prints instead of starting."""
        with socket.create_server(("127.0.0.1", 0)) as taken:
            port = taken.getsockname()[1]
            finished = subprocess.run(
                [sys.executable, "-m", "local_stack.gateway", "--port", str(port)],
                cwd=ROOT,
                env={**os.environ, **environment},
                stdin=subprocess.DEVNULL,
                capture_output=True,
                text=True,
                check=False,
            )
        assert (finished.returncode, finished.stdout) == (1, "")
        return finished.stderr

    def test_nothing_set(self):
        """Without region and credentials it says what is missing, and does not start."""
        region, credentials = self.refused().splitlines()

        assert region.startswith("error: there is no AWS region; set AWS_DEFAULT_REGION")
        assert credentials.startswith("error: there are no AWS credentials; set AWS_PROFILE, or")

    def test_no_profile(self):
        """What boto3 says about a profile is passed on."""
        text = self.refused(AWS_PROFILE="nobody")

        assert text == (
            "error: the AWS settings cannot be used:"
            " The config profile (nobody) could not be found\n"
        )

    def test_port_in_use(self):
        """A port in use is an error with a way out."""
        text = self.refused(**ENVIRONMENT)

        assert re.fullmatch(r"error: .* choose another port, for example with PORT=\d+\n", text)

    def test_ready(self, gateway):
        """It prints its address when it answers, and nothing about keys."""
        assert f"\nready: {gateway.url}\n" in gateway.log
        assert "curl" not in gateway.log
