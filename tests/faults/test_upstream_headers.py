"""Headers and status lines of a server that means ill, or is none (U13, U14)."""

import itertools

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.faults.outcome import ask, gateway_at
from tests.faults.rows import row
from tests.faults.scripts import OK, WHOLE, response
from tests.support.problems import assert_problem
from tests.support.profile import LONG
from tests.support.upstream import Upstream, sends, sends_and_closes

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


def assert_clean(answer):
    """Nothing but plain values under the names that we give."""
    for name, value in answer.headers.items():
        assert value.isascii(), name
        assert value.isprintable(), name
        assert len(value) <= 1024, name
    if answer.status == 200:
        assert answer.headers.keys() <= MAY_BE


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
    """Of what a container sets, only what the table lets through comes through."""
    with Upstream(sends(OK + lines + b"\r\n" + EMPTY)) as upstream:
        answer = ask(gateway_at(upstream.url), "attributes").answer

    if answer.status == 200:
        assert answer.headers.keys() == ALWAYS
        assert answer.headers["x-model"] == "attributes"
        seen("headers of the container's own: dropped")
    else:
        assert_problem(answer, 502, "upstream-invalid-response")


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
    """A value that is no plain text is as if it had not come."""
    line = f"X-Amzn-SageMaker-{name}: ".encode() + value + b"\r\n"
    with Upstream(sends(OK + line + EMPTY)) as upstream:
        answer = ask(gateway_at(upstream.url), "attributes").answer

    assert (answer.status, answer.headers.keys()) == (200, ALWAYS)
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
    """However lines end or go on: one plain value, or no answer; never a header more."""
    with Upstream(sends_and_closes(OK + ATTRIBUTES + value + b"\r\n" + EMPTY)) as upstream:
        answer = ask(gateway_at(upstream.url), "attributes").answer

    assert answer.status in {200, 502}
    assert_clean(answer)
    assert "set-cookie" not in answer.headers
    seen("CR, LF, obs-fold: no header more")


@row("U13")
def test_any_bytes(seen):
    """Whatever bytes stand where a value stands, nothing reaches the caller that is no value."""
    current = [b""]

    def script(connection):
        sends_and_closes(OK + ATTRIBUTES + current[0] + b"\r\n" + EMPTY)(connection)

    with Upstream(script) as upstream:
        gateway = gateway_at(upstream.url)

        @settings(max_examples=CASES, deadline=None, suppress_health_check=list(HealthCheck))
        @given(st.binary(max_size=60))
        def any_value(value):
            current[0] = value
            answer = ask(gateway, "attributes").answer
            assert answer.status in {200, 502, 503}
            assert_clean(answer)

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
        pytest.param(sends(OK + b"Content-Length: +2\r\n\r\n{}"), id="length-with-sign"),
        pytest.param(sends(OK + b"Content-Length: 2_0\r\n\r\n{}"), id="length-with-underscore"),
    ],
)
def test_garbage(seen, request, script):
    """What is no HTTP is no answer, and is not asked for twice."""
    with Upstream(script) as upstream:
        outcome = ask(gateway_at(upstream.url), "churn", timeout_ms=3_000)

    assert_problem(outcome.answer, 502, "upstream-invalid-response")
    assert outcome.attempts == 1
    seen(str(outcome))


@row("U14")
def test_continue_flood(seen):
    """Promises without end are a hang."""
    with Upstream(flood(b"HTTP/1.1 100 Continue\r\n\r\n")) as upstream:
        outcome = ask(gateway_at(upstream.url), "churn", timeout_ms=500)

    assert_problem(outcome.answer, 504, "upstream-timeout")
    assert outcome.attempts == 1
    seen(f"100 without end: {outcome}")


@row("U14")
@pytest.mark.parametrize("status", [101, 102, 103, 201, 202, 204, 205, 206, 226, 299])
def test_success_that_is_none(seen, status):
    """InvokeEndpoint answers 200; a server that says anything else is not speaking of that."""
    with Upstream(sends_and_closes(response(status, b"", {"Content-Type": "a/b"}))) as upstream:
        outcome = ask(gateway_at(upstream.url), "churn")

    assert_problem(outcome.answer, 502, "upstream-invalid-response")
    seen(f"any 1xx or 2xx but 200: {said_shortly(outcome)}")


def said_shortly(outcome):
    return str(outcome).split(",", 1)[0]


@row("U14")
@pytest.mark.parametrize("status", [300, 301, 302, 303, 304, 305, 307, 308])
def test_redirect(seen, status):
    """Wherever it leads: only the one address that is configured is ever called."""
    with Upstream(sends(WHOLE)) as elsewhere:
        headers = {"Location": f"{elsewhere.url}/latest/meta-data", "Content-Type": "a/b"}
        with Upstream(sends(response(status, b"", headers))) as upstream:
            outcome = ask(gateway_at(upstream.url), "churn")

    assert outcome.answer.status == 502
    assert outcome.attempts == len(upstream.requests) == 1
    assert elsewhere.connections == 0
    seen("3xx: 502, connections elsewhere 0")
