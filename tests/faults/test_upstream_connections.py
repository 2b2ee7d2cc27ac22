"""Connections that fail, stay silent, drip, break or say too much (U6 to U9, U20 to U22)."""

import socket
from urllib.parse import urlsplit

import pytest

from tests.faults.outcome import FLOWER, PICTURE, demo_gateway_at, gateway_at, predict
from tests.faults.rows import row
from tests.support.authority import Authority
from tests.support.gateway import JSON
from tests.support.http_server import (
    CHUNKED,
    OK,
    WHOLE,
    StubServer,
    drips,
    in_turn,
    refusal,
    response,
    sends,
    sends_and_closes,
    sends_and_half_closes,
    sends_and_resets,
    waits,
)
from tests.support.lambda_process import LambdaProcess, client_of
from tests.support.ports import closed_port, full_backlog
from tests.support.problems import assert_problem
from tests.support.stand_in import wait_until

TIMEOUT_MS = 300
TOLERANCE = 10  # on a busy machine a request may take so many times as long
CONNECTING_SECONDS = 1.0
HEAD = WHOLE.index(b"\r\n\r\n") + 4
LONG_FAILURE = refusal(500, "InternalFailure", b"x" * 10_000)


def assert_unreachable(outcome, seconds):
    assert_problem(outcome.response, 503, "upstream-unreachable")
    assert outcome.attempts == 2
    assert outcome.seconds < seconds * TOLERANCE


def assert_timed_out(outcome, slug="upstream-timeout"):
    assert_problem(outcome.response, 503 if slug == "model-not-ready" else 504, slug)
    assert outcome.attempts == 1
    assert outcome.seconds < TIMEOUT_MS / 1000 * TOLERANCE


@row("U6")
def test_refused(seen):
    """A refused connection is tried once more, and reported at once."""
    outcome = predict(gateway_at(closed_port()), "iris")

    assert_unreachable(outcome, CONNECTING_SECONDS)
    seen(f"refused: {outcome}")


@row("U6")
def test_never_accepted(seen):
    """The gateway stops waiting for a connection after a second."""
    with full_backlog() as url:
        outcome = predict(gateway_at(url), "iris")

    assert_unreachable(outcome, 2 * CONNECTING_SECONDS)
    seen(f"never accepted: {outcome}, {outcome.seconds:.1f} s")


@row("U6")
def test_host_name_without_an_address(seen):
    """A host name that does not exist is unreachable; this one is too long for any resolver."""
    name = ".".join(["nowhere".ljust(63, "e")] * 4)

    outcome = predict(gateway_at(f"http://{name}:1"), "iris")

    assert_unreachable(outcome, CONNECTING_SECONDS)
    seen(f"no such host: {outcome}")


@row("U6")
def test_untrusted_certificate(tmp_path, seen):
    """The gateway sends nothing to a server whose certificate nobody has signed."""
    with StubServer(context=Authority(tmp_path).context) as server:
        outcome = predict(gateway_at(server.url), "iris")

    assert_unreachable(outcome, CONNECTING_SECONDS)
    assert (server.connections, server.requests) == (2, [])
    seen(f"untrusted certificate: {outcome}")


@row("U6")
def test_no_tls(seen):
    """A handshake without an answer counts as a connection that is not made."""
    with StubServer() as plain:
        outcome = predict(gateway_at(plain.url.replace("http:", "https:")), "iris")

    assert_unreachable(outcome, 2 * CONNECTING_SECONDS)
    seen(f"no TLS at all: {outcome}")


HANGS = [
    pytest.param(sends(), id="nothing"),
    pytest.param(sends(WHOLE[:30]), id="half-of-the-headers"),
    pytest.param(sends(WHOLE[:HEAD]), id="headers"),
    pytest.param(sends(WHOLE[: HEAD + 3]), id="half-of-the-body"),
    pytest.param(sends(CHUNKED[:-5]), id="no-last-chunk"),
    pytest.param(sends(LONG_FAILURE[:100]), id="half-of-an-error"),
    pytest.param(sends(b"HTTP/1.1 100 Continue\r\n\r\n"), id="continue"),
]


@row("U7")
@pytest.mark.parametrize("hang", HANGS)
def test_hang(seen, hang):
    """Wherever the response stops, the deadline ends the wait; the model does not run again."""
    with StubServer(hang) as server:
        outcome = predict(gateway_at(server.url), "churn", timeout_ms=TIMEOUT_MS)

    assert_timed_out(outcome)
    assert server.connections == 1
    seen(str(outcome))


@row("U7")
def test_hang_of_the_stand_in(demo, put, seen):
    """The same holds with the local SageMaker in between."""
    gateway = demo_gateway_at(demo.url)
    put("digit-reader", "hang", seconds=30)

    outcome = predict(gateway, "digit", PICTURE, timeout_ms=TIMEOUT_MS)

    assert_timed_out(outcome)
    seen(f"stand-in: {outcome}")


@row("U7")
def test_hang_of_an_artifact(demo, put, seen):
    """An artifact that may be loading is not ready; one that has just answered has timed out."""
    gateway = demo_gateway_at(demo.url)
    assert predict(gateway, "iris", FLOWER).response.status == 200
    put("tabular", "hang", seconds=30)

    assert_timed_out(predict(gateway, "iris", FLOWER, timeout_ms=TIMEOUT_MS))
    cold = predict(gateway, "wine", FLOWER, timeout_ms=TIMEOUT_MS)
    assert_timed_out(cold, "model-not-ready")
    seen(f"an artifact that may be cold: {cold}")


@row("U7")
def test_hang_of_the_package(package, task_root, seen):
    """The packaged gateway keeps to the caller's timeout, request after request."""
    with (
        StubServer(waits(60)) as server,
        LambdaProcess.of_package(package, task_root, server.url) as running,
    ):
        client = client_of(package, running)
        headers = {**JSON, "X-Request-Timeout-Ms": str(TIMEOUT_MS)}
        responses = [client.send("POST", "/predict/digit", headers, PICTURE) for _ in range(2)]

    for received in responses:
        assert_problem(received, 504, "upstream-timeout")
    assert len(server.requests) == 2
    seen("as packaged: 504 upstream-timeout, 1 attempt each")


DRIPS = [
    pytest.param(WHOLE, 0, id="status-line"),
    pytest.param(WHOLE, 30, id="headers"),
    pytest.param(WHOLE, HEAD, id="body"),
    pytest.param(CHUNKED, CHUNKED.index(b"\r\n\r\n") + 4, id="chunks"),
    pytest.param(LONG_FAILURE, 90, id="body-of-an-error"),
    pytest.param(b"HTTP/1.1 100 Continue\r\n\r\n" * 100, 0, id="continue"),
]


@row("U8")
@pytest.mark.parametrize(("answer", "after"), DRIPS)
def test_drip(seen, answer, after):
    """One deadline covers the status line, the headers and the body, though bytes keep coming."""
    with StubServer(drips(answer, after, every_seconds=0.1)) as server:
        outcome = predict(gateway_at(server.url), "churn", timeout_ms=TIMEOUT_MS)

    assert_timed_out(outcome)
    assert server.connections == 1
    seen(str(outcome))


@row("U8")
def test_drip_in_time(demo, put, seen):
    """A slow response that is complete before the deadline is a response."""
    with StubServer(drips(WHOLE, every_seconds=0.001)) as server:
        dripped = predict(gateway_at(server.url), "churn")
    put("digit-reader", "drip", seconds=0.3)

    assert dripped.response.body == b'{"score":1}'
    assert predict(demo_gateway_at(demo.url), "digit", PICTURE).response.status == 200
    seen("in time: 200")


BREAKS = [
    pytest.param(sends_and_closes(), id="end"),
    pytest.param(sends_and_resets(), id="reset"),
    pytest.param(sends_and_half_closes(), id="half-close"),
]


@row("U6", "U9")
@pytest.mark.parametrize("script", BREAKS)
def test_break_before_the_response(seen, script):
    """A connection that breaks before the response is tried once more."""
    with StubServer(script) as server:
        always = predict(gateway_at(server.url), "iris")
    with StubServer(in_turn(script, sends(WHOLE))) as server:
        once = predict(gateway_at(server.url), "iris")

    assert_problem(always.response, 503, "upstream-unreachable")
    assert always.attempts == 2
    assert (once.response.status, once.attempts) == (200, 2)
    seen(f"{always}; once: {once}")


@row("U9")
@pytest.mark.parametrize(
    "script",
    [
        pytest.param(sends(WHOLE), id="length"),
        pytest.param(sends(CHUNKED), id="chunks"),
        pytest.param(sends(OK, WHOLE.removeprefix(OK)), id="in-two-pieces"),
        pytest.param(sends(b"HTTP/1.1 100 Continue\r\n\r\n" + WHOLE), id="continue-first"),
    ],
)
def test_connection_is_used_again(script):
    """A complete response of any form leaves its connection for the next request."""
    with StubServer(script) as server:
        gateway = gateway_at(server.url)
        bodies = [predict(gateway, "churn").response.body for _ in range(3)]

    assert bodies == [b'{"score":1}'] * 3
    assert (server.connections, len(server.requests)) == (1, 3)


def answer(body, status=200):
    return response(status, body, JSON)


SURPLUS = answer(b'"surplus"')
NOT_KEPT = [
    pytest.param(sends(answer(b'"first"') + SURPLUS), id="two-at-once"),
    pytest.param(sends(answer(b'"first"'), SURPLUS), id="two-pieces"),
    pytest.param(sends(answer(b'"%s"' % (b"x" * 100_000)) + SURPLUS), id="two-large"),
    pytest.param(sends(CHUNKED + SURPLUS), id="after-chunks"),
    pytest.param(sends(answer(b'"first"') + b"\r\n"), id="an-empty-line"),
    pytest.param(sends(answer(b'"first"') + b"\x00"), id="a-byte"),
    pytest.param(sends(response(204, b"") + SURPLUS), id="no-content"),
    *(
        pytest.param(sends(refusal(status, "Nope")), id=str(status))
        for status in (304, 400, 403, 404, 413, 424, 429, 500, 503, 530)
    ),
]


@row("U20")
@pytest.mark.parametrize("script", NOT_KEPT)
def test_connection_is_not_kept(seen, script):
    """After anything but one complete 200, the next request has a connection of its own."""
    with StubServer(script) as server:
        gateway = gateway_at(server.url)
        predict(gateway, "churn")
        wait_until(lambda: server.answered == len(server.requests))  # with the surplus
        used = server.connections
        server.script = sends(answer(b'"mine"'))
        outcomes = [predict(gateway, "churn") for _ in range(3)]

    assert [outcome.response.body for outcome in outcomes] == [b'"mine"'] * 3
    assert server.connections == used + 1
    seen("a new connection")


@row("U20")
def test_surplus_through_tls(tmp_path, monkeypatch):
    """Surplus bytes that TLS has decrypted already are noticed, too."""
    authority = Authority(tmp_path)
    monkeypatch.setenv("AWS_CA_BUNDLE", str(authority.bundle))
    with StubServer(context=authority.context) as server:
        gateway = gateway_at(server.url)
        for number in range(5):
            mine = b'"%d"' % number
            server.script = sends(answer(mine) + SURPLUS)
            assert predict(gateway, "churn").response.body == mine

    assert server.connections == 5


@row("U20")
def test_late_surplus(seen):
    """A second response that arrives before the next request is noticed when that begins."""
    served = []

    def script(connection):
        served.append(connection)
        connection.sendall(answer(b'"%d"' % len(served)))

    with StubServer(script) as server:
        gateway = gateway_at(server.url)
        for number in range(3):
            assert predict(gateway, "churn").response.body == b'"%d"' % (number + 1)
            served[-1].sendall(SURPLUS)

    assert server.connections == 3
    seen("a new connection")


@row("U21")
@pytest.mark.parametrize("script", BREAKS)
def test_kept_connection_breaks_after_a_request_was_sent(seen, script):
    """Once all of a request was sent, the server may have run it, so another try is an attempt."""
    with StubServer(in_turn(sends(WHOLE), script, sends(WHOLE))) as server:
        gateway = gateway_at(server.url)
        predict(gateway, "churn")
        outcome = predict(gateway, "churn")

    assert (outcome.response.status, outcome.attempts) == (200, 2)
    assert len(server.requests) == 3
    seen(f"{outcome}")


@pytest.fixture(name="resolve")
def _resolve(monkeypatch):
    """Let the resolver give these addresses for every host name."""

    def resolve(*urls):
        addresses = [
            (socket.AF_INET, socket.SOCK_STREAM, 6, "", ("127.0.0.1", urlsplit(url).port))
            for url in urls
        ]
        monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: addresses)

    return resolve


@row("U22")
@pytest.mark.parametrize("dead", [1, 8, 40])
def test_dead_addresses(resolve, seen, dead):
    """All addresses of a host share the time for connecting."""
    gateway = gateway_at("http://aws.invalid:1")
    with full_backlog() as url:
        resolve(*[url] * dead)
        outcome = predict(gateway, "iris")
        hasty = predict(gateway, "iris", timeout_ms=TIMEOUT_MS)

    assert_unreachable(outcome, 2 * CONNECTING_SECONDS)
    assert hasty.response.status in {503, 504}
    assert hasty.seconds < TIMEOUT_MS / 1000 * TOLERANCE
    seen(f"{dead} dead: {outcome}")


@row("U22")
@pytest.mark.parametrize("dead", [1, 8, 40])
@pytest.mark.parametrize("refused", [0, 2])
def test_living_address_after_dead_ones(resolve, seen, dead, refused):
    """An address that answers nothing does not keep the gateway from the next one."""
    gateway = gateway_at("http://aws.invalid:1")
    with full_backlog() as url, StubServer(sends(WHOLE)) as server:
        resolve(*[url] * dead, *[closed_port()] * refused, server.url, url)
        outcome = predict(gateway, "churn")

    assert (outcome.response.status, outcome.attempts, server.connections) == (200, 1, 1)
    seen(f"{dead} dead, 1 living: {outcome}")


@row("U22")
def test_only_refusing_addresses(resolve):
    """A host whose addresses all refuse is reported at once."""
    gateway = gateway_at("http://aws.invalid:1")
    resolve(*[closed_port()] * 8)

    assert_unreachable(predict(gateway, "churn"), CONNECTING_SECONDS)


@row("U22")
def test_handshake_shares_the_time_for_connecting(resolve, seen):
    """The TLS handshake has no time of its own."""
    gateway = gateway_at("https://aws.invalid:1")
    with full_backlog() as url, StubServer() as plain:
        resolve(url, plain.url)
        outcome = predict(gateway, "churn")

    assert_unreachable(outcome, 2 * CONNECTING_SECONDS)
    seen(f"1 dead, 1 without TLS: {outcome}")


@row("U22")
@pytest.mark.parametrize(
    "script",
    [
        pytest.param(waits(60), id="no-tunnel"),
        pytest.param(sends(b"HTTP/1.1 200 OK\r\n\r\n"), id="no-handshake"),
    ],
)
def test_silent_proxy(monkeypatch, seen, script):
    """A proxy has no time of its own: neither to open its tunnel, nor for what follows."""
    with StubServer(script) as proxy:
        monkeypatch.setenv("HTTPS_PROXY", proxy.url)
        outcome = predict(gateway_at("https://aws.invalid:1"), "churn")

    assert_unreachable(outcome, 2 * CONNECTING_SECONDS)
    seen(f"a silent proxy: {outcome}")
