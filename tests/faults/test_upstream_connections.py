"""Connections to SageMaker that fail, stay silent, drip or break off (U6 to U9)."""

import contextlib
import datetime
import socket
import ssl
import threading

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from tests.faults.outcome import PICTURE, ask, demo_gateway_at, gateway_at
from tests.faults.proxy import (
    Proxy,
    black_hole,
    closed_port,
    cut_after,
    delays,
    drips,
    first,
    full_backlog,
    half_close_after,
    reset_after,
)
from tests.faults.rows import row
from tests.faults.scripts import CHUNKED, WHOLE, goes_silent, refusal
from tests.support import function
from tests.support.gateway import JSON
from tests.support.problems import assert_problem
from tests.support.upstream import Upstream, sends

TIMEOUT_MS = 300
PATIENCE = 10  # the machine may be busy: so many times as long as a request should take
CONNECTING_SECONDS = 1.0
HEAD = WHOLE.index(b"\r\n\r\n") + 4
LONG_FAILURE = refusal(500, "InternalFailure", b"x" * 10_000)


def untrusted():
    """A key, and its certificate that nobody has signed."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "localhost")])
    now = datetime.datetime.now(datetime.UTC)
    builder = x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
    builder = builder.not_valid_before(now).not_valid_after(now + datetime.timedelta(days=1))
    return key, builder.sign(key, hashes.SHA256())


def tls_server(folder):
    """A context for a server with such a certificate."""
    key, certificate = untrusted()
    file = folder / "server.pem"
    pem, plain = serialization.Encoding.PEM, serialization.NoEncryption()
    secret = key.private_bytes(pem, serialization.PrivateFormat.PKCS8, plain)
    file.write_bytes(certificate.public_bytes(pem) + secret)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(file)
    return context


@contextlib.contextmanager
def tls_at(context):
    """Its address; each handshake is tried, and whoever does not trust it goes away."""
    handshakes = []

    def serve():
        with contextlib.suppress(OSError):
            while True:
                connection, _ = listener.accept()
                handshakes.append(connection)
                with connection, contextlib.suppress(OSError):
                    context.wrap_socket(connection, server_side=True).close()

    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=serve)
        thread.start()
        yield f"https://localhost:{listener.getsockname()[1]}", handshakes
        listener.shutdown(socket.SHUT_RDWR)
        thread.join()


@row("U6")
def test_refused(seen):
    """Nobody listens: tried once more, and found out at once."""
    outcome = ask(gateway_at(closed_port()), "iris")

    assert_problem(outcome.answer, 503, "upstream-unreachable")
    assert outcome.attempts == 2
    assert outcome.seconds < CONNECTING_SECONDS * PATIENCE
    seen(f"refused: {outcome}")


@row("U6")
def test_never_accepted(seen):
    """A connection that does not come about is given up after a second."""
    with full_backlog() as url:
        outcome = ask(gateway_at(url), "iris")

    assert_problem(outcome.answer, 503, "upstream-unreachable")
    assert outcome.attempts == 2
    assert outcome.seconds < 2 * CONNECTING_SECONDS * PATIENCE
    seen(f"never accepted: {outcome}, {outcome.seconds:.1f} s")


@row("U6")
def test_name_without_address(seen):
    """There is no such host; its name is too long for a resolver to ask anybody about it."""
    name = ".".join(["nowhere".ljust(63, "e")] * 4)

    outcome = ask(gateway_at(f"http://{name}:1"), "iris")

    assert_problem(outcome.answer, 503, "upstream-unreachable")
    assert outcome.attempts == 2
    seen(f"no such host: {outcome}")


@row("U6")
def test_certificate_of_nobody(tmp_path, seen):
    """Who cannot be trusted is sent nothing."""
    with tls_at(tls_server(tmp_path)) as (url, handshakes):
        outcome = ask(gateway_at(url), "iris")

    assert_problem(outcome.answer, 503, "upstream-unreachable")
    assert outcome.attempts == len(handshakes) == 2
    seen(f"untrusted certificate: {outcome}")


@row("U6")
@pytest.mark.parametrize("answers", [b"", WHOLE], ids=["silence", "http"])
def test_no_tls(answers, seen):
    """A handshake that goes nowhere is a connection that does not come about."""
    with Upstream(sends(answers)) as plain, Proxy(plain.url, _greets(answers)) as proxy:
        outcome = ask(gateway_at(proxy.url.replace("http:", "https:")), "iris")

    assert_problem(outcome.answer, 503, "upstream-unreachable")
    assert outcome.attempts == 2
    assert outcome.seconds < 2 * CONNECTING_SECONDS * PATIENCE
    seen(f"no TLS at all: {outcome}")


def _greets(greeting):
    def fault(passage):
        passage.caller.sendall(greeting)
        passage.over.wait()

    return fault


@row("U6")
def test_found_again(seen):
    """A connection that fails once is tried once more, and the caller never hears of it."""
    with Upstream(sends(WHOLE)) as upstream, Proxy(upstream.url, first(1, reset_after(0))) as proxy:
        outcome = ask(gateway_at(proxy.url), "iris")

    assert (outcome.answer.status, outcome.attempts) == (200, 2)
    seen(f"once: {outcome}")


HANGS = [
    pytest.param(black_hole, id="nothing"),
    pytest.param(_greets(WHOLE[:30]), id="half-of-the-headers"),
    pytest.param(_greets(WHOLE[:HEAD]), id="headers"),
    pytest.param(_greets(WHOLE[: HEAD + 3]), id="half-of-the-body"),
    pytest.param(_greets(CHUNKED[:-5]), id="no-last-chunk"),
    pytest.param(_greets(LONG_FAILURE[:100]), id="half-of-an-error"),
    pytest.param(_greets(b"HTTP/1.1 100 Continue\r\n\r\n"), id="continue"),
]


@row("U7")
@pytest.mark.parametrize("hang", HANGS)
def test_hang(seen, hang):
    """Wherever the upstream stops, the deadline ends it; the model is not run again."""
    with Upstream(sends(WHOLE)) as upstream, Proxy(upstream.url, hang) as proxy:
        outcome = ask(gateway_at(proxy.url), "churn", timeout_ms=TIMEOUT_MS)

    assert_problem(outcome.answer, 504, "upstream-timeout")
    assert outcome.attempts == proxy.connections == 1
    assert outcome.seconds < TIMEOUT_MS / 1000 * PATIENCE
    seen(str(outcome))


@row("U7")
def test_hang_of_the_stand_in(demo, put, seen):
    """The same with SageMaker itself in between."""
    gateway = demo_gateway_at(demo.url)
    put("digit-reader", "hang", seconds=30)

    outcome = ask(gateway, "digit", PICTURE, timeout_ms=TIMEOUT_MS)

    assert_problem(outcome.answer, 504, "upstream-timeout")
    assert outcome.attempts == 1
    assert outcome.seconds < TIMEOUT_MS / 1000 * PATIENCE
    seen(f"stand-in: {outcome}")


@row("U7")
def test_hang_of_the_package(package, task_root, seen):
    """As it is deployed, the caller's own patience is kept to, again and again."""
    with (
        Upstream(goes_silent(seconds=60)) as upstream,
        function.start(package, task_root, upstream.url) as running,
    ):
        door = function.door(package, running)
        headers = {**JSON, "X-Request-Timeout-Ms": "300"}
        answers = [door.send("POST", "/predict/digit", headers, PICTURE) for _ in range(3)]

    for answer in answers:
        assert_problem(answer, 504, "upstream-timeout")
    assert len(upstream.requests) == 3
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
    """Though something always comes: one clock for status line, headers and body."""
    with (
        Upstream(sends(answer)) as upstream,
        Proxy(upstream.url, drips(10, after)) as proxy,
    ):
        outcome = ask(gateway_at(proxy.url), "churn", timeout_ms=TIMEOUT_MS)

    assert_problem(outcome.answer, 504, "upstream-timeout")
    assert outcome.attempts == proxy.connections == 1
    assert outcome.seconds < TIMEOUT_MS / 1000 * PATIENCE
    seen(str(outcome))


@row("U8")
def test_drip_in_time(seen):
    """Slow is not wrong: what is whole by the deadline is an answer."""
    with Upstream(sends(WHOLE)) as upstream, Proxy(upstream.url, drips(1_000)) as proxy:
        dripped = ask(gateway_at(proxy.url), "churn")
        proxy.fault = delays(0.2)
        delayed = ask(gateway_at(proxy.url), "churn")

    assert [dripped.answer.body, delayed.answer.body] == [b'{"score":1}'] * 2
    seen("in time: 200")


BREAKS = [
    pytest.param(cut_after(0), id="end"),
    pytest.param(reset_after(0), id="reset"),
    pytest.param(half_close_after(0), id="half-close"),
]


@row("U9")
@pytest.mark.parametrize("fault", BREAKS)
def test_break_before_the_answer(demo, seen, fault):
    """Tried once more: the next connection may be better."""
    with Proxy(demo.url, fault) as proxy:
        always = ask(demo_gateway_at(proxy.url), "digit", PICTURE)
    with Proxy(demo.url, first(1, fault)) as proxy:
        once = ask(demo_gateway_at(proxy.url), "digit", PICTURE)

    assert_problem(always.answer, 503, "upstream-unreachable")
    assert always.attempts == 2
    assert (once.answer.status, once.attempts) == (200, 2)
    seen(f"{always}; once: {once}")
