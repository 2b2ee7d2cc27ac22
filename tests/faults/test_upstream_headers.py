"""Hostile headers and status lines, and servers that do not speak HTTP (U13, U14)."""

import itertools

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.faults.outcome import gateway_at, predict, summary
from tests.faults.rows import row
from tests.support.http_server import OK, WHOLE, StubServer, response, sends, sends_and_closes
from tests.support.problems import assert_problem
from tests.support.profile import LONG

CASES = 1_000 if LONG else 60
EMPTY = b"Content-Length: 2\r\n\r\n{}"
ATTRIBUTES = b"X-Amzn-SageMaker-Custom-Attributes: "
RETURNED = ("Custom-Attributes", "New-Session-Id", "Closed-Session-Id")
ALWAYS = {"content-type", "x-model", "x-request-id", "server-timing"}
MAY_BE = ALWAYS | {
    "x-invoked-variant",
    "x-amzn-sagemaker-custom-attributes",
    "x-amzn-sagemaker-new-session-id",
    "x-amzn-sagemaker-closed-session-id",
}


def assert_clean(received):
    """All values are plain text, under names that the gateway gives."""
    for name, value in received.headers.items():
        assert value.isascii(), name
        assert value.isprintable(), name
        assert len(value) <= 1024, name
    if received.status == 200:
        assert received.headers.keys() <= MAY_BE


@row("U13")
@pytest.mark.parametrize(
    "lines",
    [
        b"Set-Cookie: a=b",
        b"X-Model: other",
        b"Access-Control-Allow-Origin: *",
        b"Location: http://169.254.169.254/",
        b"Server-Timing: db;dur=1",
        b"X-Request-Id: mine",
        b"Retry-After: 99999",
        b"Strict-Transport-Security: max-age=0",
        b"Content-Encoding: x\r\nTrailer: a\r\nUpgrade: h2c\r\nVia: 1.1 a",
    ],
    ids=lambda lines: lines.split(b":")[0].decode(),
)
def test_other_headers(seen, lines):
    """Of a container's headers only those reach the caller that the table lets through."""
    with StubServer(sends(OK + lines + b"\r\n" + EMPTY)) as server:
        received = predict(gateway_at(server.url), "attributes").response

    if received.status == 200:
        assert received.headers.keys() == ALWAYS
        assert received.headers["x-model"] == "attributes"
        seen("headers of the container's own: dropped")
    else:
        assert_problem(received, 502, "upstream-invalid-response")


@row("U13")
@pytest.mark.parametrize("name", RETURNED)
@pytest.mark.parametrize(
    "value",
    [
        pytest.param(b"a\x00b", id="NUL"),
        pytest.param(b"a\x0bb", id="VT"),
        pytest.param(b"\xff\xfe", id="no-utf-8"),
        pytest.param("größe".encode(), id="utf-8"),
        pytest.param(b"a\xc2\x85b", id="NEL"),
        pytest.param(b"a\x7fb", id="DEL"),
        pytest.param(b"x" * 1_025, id="long"),
        pytest.param(b"", id="empty"),
    ],
)
def test_hostile_value(seen, name, value):
    """A value that is not plain text is dropped."""
    line = f"X-Amzn-SageMaker-{name}: ".encode() + value + b"\r\n"
    with StubServer(sends(OK + line + EMPTY)) as server:
        received = predict(gateway_at(server.url), "attributes").response

    assert (received.status, received.headers.keys()) == (200, ALWAYS)
    seen("NUL, VT, DEL, non-ASCII, too long: dropped")


@row("U13")
@pytest.mark.parametrize(
    "value",
    [
        pytest.param(b"a\r\n b", id="obs-fold"),
        pytest.param(b"a\r\n\tSet-Cookie: b", id="obs-fold-of-a-header"),
        pytest.param(b"a\rSet-Cookie: b", id="CR"),
        pytest.param(b"a\nSet-Cookie: b", id="LF"),
        pytest.param(b"a\r\r\nSet-Cookie: b", id="CR-CR-LF"),
        pytest.param(b"a\r\n" + ATTRIBUTES + b"b", id="twice"),
        pytest.param(b"a\r\nno header at all", id="no-colon"),
    ],
)
def test_lines(seen, value):
    """However lines end or continue, no further header reaches the caller."""
    with StubServer(sends_and_closes(OK + ATTRIBUTES + value + b"\r\n" + EMPTY)) as server:
        received = predict(gateway_at(server.url), "attributes").response

    assert received.status in {200, 502}
    assert_clean(received)
    assert "set-cookie" not in received.headers
    seen("CR, LF, obs-fold: no header more")


@row("U13")
def test_any_bytes(seen):
    """Random bytes in a value never reach the caller as anything but a plain value."""
    with StubServer() as server:
        gateway = gateway_at(server.url)

        @settings(max_examples=CASES, deadline=None, suppress_health_check=list(HealthCheck))
        @given(st.binary(max_size=60))
        def any_value(value):
            server.script = sends_and_closes(OK + ATTRIBUTES + value + b"\r\n" + EMPTY)
            received = predict(gateway, "attributes").response
            assert received.status in {200, 502, 503}
            assert_clean(received)

        any_value()
    seen(f"{CASES} random values: headers injected 0")


def flood(line):
    def script(connection):
        for _ in itertools.count():
            connection.sendall(line * 100)

    return script


@row("U14")
@pytest.mark.parametrize(
    "script",
    [
        pytest.param(sends_and_closes(b"SSH-2.0-OpenSSH_9\r\n"), id="ssh"),
        pytest.param(sends_and_closes(b"\x16\x03\x01\x00\xa5\x01\x00\x00\xa1"), id="tls"),
        pytest.param(sends_and_closes(b"\x00" * 1000), id="zeros"),
        pytest.param(sends_and_closes(b"<html>hello</html>"), id="http-0.9"),
        pytest.param(sends_and_closes(b"HTTP/2 200 OK\r\n" + EMPTY), id="http-2"),
        pytest.param(sends_and_closes(b"HTTP/1.1 abc OK\r\n" + EMPTY), id="status-text"),
        pytest.param(sends_and_closes(b"HTTP/1.1 20 OK\r\n" + EMPTY), id="status-short"),
        pytest.param(sends_and_closes(b"HTTP/1.1 9999 OK\r\n" + EMPTY), id="status-long"),
        pytest.param(flood(b"x"), id="line-without-end"),
        pytest.param(flood(b"HTTP/1.1 100 Continue\r\n"), id="continue-without-end"),
        pytest.param(sends_and_closes(OK + b"X: " + b"x" * 70_000 + b"\r\n"), id="long-header"),
        pytest.param(sends_and_closes(OK + b"X: x\r\n" * 200 + EMPTY), id="many-headers"),
        pytest.param(sends(OK + b"Content-Length: 2\r\nContent-Length: 3\r\n\r\n{}"), id="lengths"),
        pytest.param(sends(OK + b"Content-Length: many\r\n\r\n{}"), id="length-is-no-number"),
        pytest.param(sends(OK + b"Content-Length: -2\r\n\r\n{}"), id="length-is-negative"),
        pytest.param(sends(OK + b"Content-Length: +2\r\n\r\n{}"), id="length-with-sign"),
        *(
            pytest.param(sends(OK + lines + b"\r\n2\r\n{}\r\n0\r\n\r\n"), id=name)
            for name, lines in (
                ("length-and-chunks", b"Content-Length: 2\r\nTransfer-Encoding: chunked\r\n"),
                ("two-codings", b"Content-Length: 2\r\nTransfer-Encoding: gzip, chunked\r\n"),
                ("coding-twice", b"Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n"),
            )
        ),
        pytest.param(sends(OK + b"Content-Length: 2_0\r\n\r\n{}"), id="length-with-underscore"),
    ],
)
def test_garbage(seen, script):
    """Bytes that are not HTTP are not a response, and are not asked for again."""
    with StubServer(script) as server:
        outcome = predict(gateway_at(server.url), "churn", timeout_ms=3_000)

    assert_problem(outcome.response, 502, "upstream-invalid-response")
    assert outcome.attempts == 1
    seen(str(outcome))


@row("U10", "U14")
@pytest.mark.parametrize(
    ("body", "slug"),
    [
        pytest.param(b"\r\n{}", "upstream-truncated", id="end-is-unknown"),
        pytest.param(
            b"Transfer-Encoding: chunked\r\n\r\nzz\r\n", "upstream-truncated", id="chunk-length"
        ),
    ],
)
def test_body_without_an_end(body, slug):
    """A body whose end cannot be known is not a complete response."""
    with StubServer(sends_and_closes(OK + body)) as server:
        assert_problem(predict(gateway_at(server.url), "churn").response, 502, slug)


@row("U14")
def test_continue_flood(seen):
    """`100 Continue` without end is a hang."""
    with StubServer(flood(b"HTTP/1.1 100 Continue\r\n\r\n")) as server:
        outcome = predict(gateway_at(server.url), "churn", timeout_ms=500)

    assert_problem(outcome.response, 504, "upstream-timeout")
    assert outcome.attempts == 1
    seen(f"100 without end: {outcome}")


@row("U14")
@pytest.mark.parametrize("status", [101, 102, 103, 201, 202, 204, 205, 206, 226, 299])
def test_success_that_is_none(seen, status):
    """InvokeEndpoint succeeds with 200 alone; every other 1xx or 2xx is an invalid response."""
    with StubServer(sends_and_closes(response(status, b"", {"Content-Type": "a/b"}))) as server:
        outcome = predict(gateway_at(server.url), "churn")

    assert_problem(outcome.response, 502, "upstream-invalid-response")
    seen(f"any 1xx or 2xx but 200: {summary(outcome.response)}")


@row("U14")
@pytest.mark.parametrize("status", [300, 301, 302, 303, 304, 305, 307, 308])
def test_redirect(seen, status):
    """The gateway follows no redirect, wherever it leads."""
    with StubServer(sends(WHOLE)) as elsewhere:
        headers = {"Location": f"{elsewhere.url}/latest/meta-data", "Content-Type": "a/b"}
        with StubServer(sends(response(status, b"", headers))) as server:
            outcome = predict(gateway_at(server.url), "churn")

    assert outcome.response.status == 502
    assert outcome.attempts == len(server.requests) == 1
    assert elsewhere.connections == 0
    seen("3xx: 502, connections elsewhere 0")
