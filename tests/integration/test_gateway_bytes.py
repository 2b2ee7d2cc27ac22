"""The gateway and an upstream that answers with any bytes: what is not a whole answer is none."""

import time

import pytest

from tests.support.doors import ApiGatewayDoor
from tests.support.gateway import JSON, house, runtime_at
from tests.support.problems import assert_problem
from tests.support.upstream import Upstream, sends, sends_and_closes, sends_and_resets

OK = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"
WHOLE = OK + b'Content-Length: 11\r\n\r\n{"score":1}'
CHUNKED = OK + b'Transfer-Encoding: chunked\r\n\r\n5\r\n{"sco\r\n6\r\nre":1}\r\n0\r\n\r\n'
FAILURE = b"HTTP/1.1 500 No\r\nx-amzn-ErrorType: InternalFailure\r\nContent-Length: 40\r\n\r\n"


def predict(script, requests=1, **headers):
    """The last of some answers, and the upstream that gave it."""
    with Upstream(script) as upstream:
        gateway = house(ApiGatewayDoor, runtime=runtime_at(upstream.url))
        answers = [gateway.predict("churn", **headers) for _ in range(requests)]
    assert [line["status"] for line in gateway.log.requests] == [one.status for one in answers]
    return answers[-1], upstream


@pytest.mark.parametrize(
    "script",
    [
        pytest.param(sends(WHOLE), id="length"),
        pytest.param(sends(CHUNKED), id="chunks"),
        pytest.param(sends(WHOLE[:70], WHOLE[70:]), id="in-two-pieces"),
        pytest.param(sends(b"HTTP/1.1 100 Continue\r\n\r\n" + WHOLE), id="continue-first"),
    ],
)
def test_whole(script):
    """An answer in any form, and the connection is used again."""
    answer, upstream = predict(script, requests=3)

    assert (answer.status, answer.body) == (200, b'{"score":1}')
    assert (upstream.connections, len(upstream.requests)) == (1, 3)


@pytest.mark.parametrize(
    ("script", "status", "slug"),
    [
        pytest.param(sends_and_closes(), 503, "upstream-unreachable", id="closes"),
        pytest.param(sends_and_resets(), 503, "upstream-unreachable", id="resets"),
        pytest.param(
            sends_and_closes(b"SSH-2.0-OpenSSH_9\r\n"), 502, "upstream-invalid-response", id="ssh"
        ),
        pytest.param(
            sends_and_closes(b"HTTP/1.1 abc OK\r\n\r\n"),
            502,
            "upstream-invalid-response",
            id="status-is-no-number",
        ),
        pytest.param(
            sends_and_closes(b"HTTP/1.1 200 OK\r\nX: " + b"x" * 70_000 + b"\r\n\r\n"),
            502,
            "upstream-invalid-response",
            id="header-without-end",
        ),
        pytest.param(
            sends_and_closes(b"HTTP/1.1 200 OK\r\n" + b"X: x\r\n" * 200 + b"\r\n"),
            502,
            "upstream-invalid-response",
            id="headers-without-end",
        ),
        pytest.param(
            sends_and_closes(OK + b"Content-Length: many\r\n\r\n{}"),
            502,
            "upstream-invalid-response",
            id="length-is-no-number",
        ),
        pytest.param(
            sends_and_closes(OK + b"Content-Length: -2\r\n\r\n{}"),
            502,
            "upstream-invalid-response",
            id="length-is-negative",
        ),
        pytest.param(
            sends_and_closes(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}"),
            502,
            "upstream-invalid-response",
            id="no-content-type",
        ),
        pytest.param(
            sends_and_closes(OK + b"\r\n{}"), 502, "upstream-truncated", id="end-is-unknown"
        ),
        pytest.param(
            sends_and_resets(OK + b"Content-Length: 100\r\n\r\n{"),
            502,
            "upstream-truncated",
            id="resets-in-the-body",
        ),
        pytest.param(
            sends_and_closes(OK + b"Transfer-Encoding: chunked\r\n\r\nzz\r\n"),
            502,
            "upstream-truncated",
            id="chunk-is-no-number",
        ),
        pytest.param(
            sends(OK + b"Content-Length: 4650001\r\n\r\n"),
            502,
            "upstream-response-too-large",
            id="says-it-is-too-large",
        ),
        pytest.param(
            sends(
                OK + b"Transfer-Encoding: chunked\r\n\r\n",
                *[b"10000\r\n" + b"x" * 65_536 + b"\r\n"] * 100,
            ),
            502,
            "upstream-response-too-large",
            id="is-too-large",
        ),
        pytest.param(
            sends_and_closes(FAILURE + b'{"Mess'), 502, "upstream-error", id="error-ends-early"
        ),
        pytest.param(
            sends_and_resets(FAILURE + b'{"Mess'), 502, "upstream-truncated", id="error-resets"
        ),
        pytest.param(
            sends(b"HTTP/1.1 503 Busy\r\nContent-Length: 4\r\n\r\nbusy"),
            503,
            "upstream-unreachable",
            id="error-of-a-proxy",
        ),
    ],
)
def test_unusable(script, status, slug):
    """Never a 200, never a 500; called again only where no prediction had begun."""
    answer, upstream = predict(script)

    assert_problem(answer, status, slug)
    assert len(upstream.requests) == 1 + (slug in {"upstream-unreachable", "upstream-error"})


@pytest.mark.parametrize(
    "body",
    [
        pytest.param(b"\xff\xfe", id="not-utf-8"),
        pytest.param(b"[1]", id="list"),
        pytest.param(b"null", id="null"),
        pytest.param(b'"text"', id="text"),
        pytest.param(b'{"__type": 1}', id="code-is-a-number"),
        pytest.param(b'{"OriginalStatusCode": "x"}', id="status-is-a-text"),
        pytest.param(b'{"OriginalStatusCode": [1]}', id="status-is-a-list"),
        pytest.param(b"[" * 100_000, id="deep"),
    ],
)
@pytest.mark.parametrize("code", [b"ModelError", b"ValidationError", b""], ids=repr)
def test_an_error_that_cannot_be_read(body, code):
    """Is the upstream's fault and never a 500, whatever its JSON is."""
    named = b"x-amzn-ErrorType: " + code + b"\r\n" if code else b""
    length = f"Content-Length: {len(body)}\r\n\r\n".encode()
    answer, _ = predict(sends(b"HTTP/1.1 424 Failed\r\n" + named + length + body))

    assert answer.status in {502, 504}


def test_a_validation_error_whose_message_is_no_text():
    """Reads as any other that nobody knows."""
    body = b'{"Message": 1}'
    head = b"HTTP/1.1 400 Bad\r\nx-amzn-ErrorType: ValidationError\r\n"
    answer, _ = predict(sends(head + b"Content-Length: 14\r\n\r\n" + body))

    assert_problem(answer, 502, "upstream-rejected")


@pytest.mark.parametrize("whole", [WHOLE, CHUNKED], ids=["length", "chunks"])
def test_cut_anywhere(whole, caplog):
    """An answer that is cut, after whatever byte, is no answer; and nothing of it is logged."""
    for end in range(len(whole)):
        answer, _ = predict(sends_and_closes(whole[:end]))

        # After the last of the data only a chunk of nothing can be missing.
        assert answer.status in {502, 503} or answer.body == b'{"score":1}', whole[:end]
    assert {record.message for record in caplog.records} == {"request"}


def test_redirect_is_not_followed():
    """Wherever it leads: only the one address that is configured is ever called."""
    with Upstream(sends(WHOLE)) as elsewhere:
        location = f"Location: {elsewhere.url}/latest/meta-data\r\n".encode()
        redirect = b"HTTP/1.1 307 Elsewhere\r\n" + location + b"Content-Length: 0\r\n\r\n"
        answer, _ = predict(sends(redirect))

    assert answer.status == 502
    assert elsewhere.requests == []


def test_hostile_headers():
    """Of what a container sets, nothing comes through that the table does not let through."""
    hostile = b"Set-Cookie: a=b\r\nX-Model: other\r\nAccess-Control-Allow-Origin: *\r\n"
    answer, _ = predict(sends(OK + hostile + b"Content-Length: 2\r\n\r\n{}"))

    assert answer.headers.keys() == {"content-type", "x-model", "x-request-id", "server-timing"}
    assert answer.headers["x-model"] == "churn"


@pytest.mark.parametrize(
    "begun",
    [
        pytest.param(b"", id="nothing"),
        pytest.param(OK, id="half-of-the-headers"),
        pytest.param(OK + b"Content-Length: 9\r\n\r\n", id="no-body"),
        pytest.param(OK + b"Content-Length: 9\r\n\r\n{", id="half-of-the-body"),
        pytest.param(OK + b"Transfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n", id="no-last-chunk"),
        pytest.param(FAILURE, id="error-without-a-body"),
    ],
)
def test_stops(begun):
    """Wherever an upstream stops, the deadline ends it."""
    started = time.monotonic()

    answer, _ = predict(sends(begun), x_request_timeout_ms="500")

    assert_problem(answer, 504, "upstream-timeout")
    assert time.monotonic() - started < 1.5


def test_what_is_sent():
    """One request to the table's endpoint, signed, with the caller's bytes and type as they are."""
    with Upstream(sends(WHOLE)) as upstream:
        gateway = house(ApiGatewayDoor, runtime=runtime_at(upstream.url))
        body = bytes(range(256))
        gateway.post("/predict/picture", body, {"Content-Type": "image/png; x=1", "Accept": "*/*"})
        gateway.post("/predict/house-price/houston", b"{}", JSON)

    picture, house_price = upstream.requests
    head, _, sent = picture.partition(b"\r\n\r\n")
    lines = head.decode().split("\r\n")
    assert lines[0] == "POST /endpoints/pictures/invocations HTTP/1.1"
    assert "Content-Type: image/png; x=1" in lines
    assert not any(line.lower().startswith(("accept:", "x-amzn-sagemaker")) for line in lines)
    assert any(line.startswith("Authorization: AWS4-HMAC-SHA256 ") for line in lines)
    assert sent == body
    assert b"\r\nX-Amzn-SageMaker-Target-Model: houston/v3.tar.gz\r\n" in house_price
