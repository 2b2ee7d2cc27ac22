"""Bodies that break off, never end, or are not what they should be (U10 to U12)."""

import itertools

import pytest

from tests.faults.outcome import PICTURE, ask, gateway_at
from tests.faults.proxy import Proxy, cut_after, half_close_after, reset_after
from tests.faults.rows import row
from tests.faults.scripts import CHUNKED, OK, PADDED, PREDICTION, WHOLE, in_turn, response
from tests.support import function
from tests.support.gateway import JSON
from tests.support.json_test_suite import cases
from tests.support.problems import assert_problem
from tests.support.profile import LONG
from tests.support.upstream import Upstream, sends

ANSWERS = [
    pytest.param(WHOLE, id="length"),
    pytest.param(CHUNKED, id="chunks"),
    pytest.param(PADDED, id="chunks-with-zeros"),
]
ENDS = [
    pytest.param(cut_after, id="fin"),
    pytest.param(reset_after, id="rst"),
    pytest.param(half_close_after, id="half-close"),
]
LARGEST = 4_650_000
PIECE = b"10000\r\n" + b"x" * 0x10000 + b"\r\n"


def is_false(answer):
    """Whether it claims to be a prediction and is none."""
    return answer.status < 300 and answer.body != PREDICTION


@row("U10")
@pytest.mark.parametrize("answer", ANSWERS)
@pytest.mark.parametrize("end", ENDS)
def test_every_offset(seen, request, answer, end):
    """After whatever byte an answer breaks off, the part of it that came is no prediction."""
    with Upstream(sends(answer)) as upstream, Proxy(upstream.url) as proxy:
        gateway = gateway_at(proxy.url)
        answers = []
        for offset in range(len(answer)):
            proxy.fault = end(offset)
            answers.append(ask(gateway, "churn").answer)

    assert [offset for offset, one in enumerate(answers) if is_false(one)] == []
    assert {one.status for one in answers} <= {200, 502, 503}
    seen(f"{request.node.callspec.id}: {len(answers)} offsets, false 200s 0")


@row("U10")
@pytest.mark.parametrize("end", ENDS[:2] if LONG else ENDS[1:2])
def test_every_offset_of_the_package(package, task_root, seen, end):
    """As it is deployed."""
    with (
        Upstream(sends(WHOLE)) as upstream,
        Proxy(upstream.url) as proxy,
        function.start(package, task_root, proxy.url) as running,
    ):
        door = function.door(package, running)
        answers = []
        for offset in range(len(WHOLE)):
            proxy.fault = end(offset)
            answers.append(door.send("POST", "/predict/digit", JSON, PICTURE))

    assert [one for one in answers if is_false(one)] == []
    assert {one.status for one in answers} <= {502, 503}
    seen(f"as packaged: {len(answers)} offsets, false 200s 0")


@row("U10")
def test_part_of_an_empty_answer(seen):
    """Where there is no body to miss, what is missing of the headers is."""
    whole = b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\nContent-Type: text/csv\r\n\r\n"
    with Upstream(sends(whole)) as upstream, Proxy(upstream.url) as proxy:
        gateway = gateway_at(proxy.url)
        statuses = set()
        for offset in range(len(whole)):
            proxy.fault = cut_after(offset)
            statuses.add(ask(gateway, "churn").answer.status)

    assert statuses <= {502, 503}
    seen("no body, headers cut: never 200")


def endless(connection):
    connection.sendall(OK + b"Transfer-Encoding: chunked\r\n\r\n")
    for _ in itertools.count():
        connection.sendall(PIECE)


@row("U11")
@pytest.mark.parametrize(
    "script",
    [
        pytest.param(endless, id="endless"),
        pytest.param(sends(OK + b"Content-Length: 4650001\r\n\r\n"), id="length"),
        pytest.param(sends(OK + b"Content-Length: 999999999999999999\r\n\r\n"), id="huge-length"),
        pytest.param(sends(response(200, bytes(LARGEST + 1), {"Content-Type": "a/b"})), id="body"),
    ],
)
def test_too_large(seen, script):
    """The limit ends it, not the memory; and the connection with the rest is not used again."""
    with Upstream(script) as upstream:
        gateway = gateway_at(upstream.url)
        outcomes = [ask(gateway, "churn") for _ in range(2)]

    for outcome in outcomes:
        assert_problem(outcome.answer, 502, "upstream-response-too-large")
        assert outcome.attempts == 1
    assert upstream.connections == 2
    seen(str(outcomes[0]))


@row("U11")
def test_just_not_too_large(seen):
    """To the byte."""
    body = bytes(LARGEST)
    with Upstream(sends(response(200, body, {"Content-Type": "a/b"}))) as upstream:
        outcome = ask(gateway_at(upstream.url), "churn")

    assert (outcome.answer.status, outcome.answer.body) == (200, body)
    seen(f"{LARGEST:,} bytes: 200")


@row("U12")
def test_no_json(seen):
    """What a model answers is its own business: any bytes come through, none is a 500."""
    bodies = [body for name, body in cases().items() if name.startswith("n_")]
    script = in_turn(*(sends(response(200, body, JSON)) for body in bodies))

    with Upstream(script) as upstream:
        gateway = gateway_at(upstream.url)
        answers = [ask(gateway, "churn").answer for _ in bodies]

    assert [answer.body for answer in answers] == bodies
    assert {answer.status for answer in answers} == {200}
    seen(f"{len(bodies)} bodies of no JSON: 200, byte for byte")


@row("U12")
@pytest.mark.parametrize(
    ("headers", "status"),
    [
        pytest.param({"Content-Type": "text/html"}, 200, id="another-type"),
        pytest.param({"Content-Type": "nonsense"}, 200, id="no-media-type"),
        pytest.param({}, 502, id="none"),
        pytest.param({"Content-Type": ""}, 502, id="empty"),
        pytest.param({"Content-Type": "a/b" * 400}, 502, id="too-long"),
        pytest.param({"Content-Type": "text/caf\xe9"}, 502, id="no-ascii"),
    ],
)
def test_type(seen, request, headers, status):
    """Bytes whose type nobody can say are no answer."""
    with Upstream(sends(response(200, b"\xff\x00", headers))) as upstream:
        outcome = ask(gateway_at(upstream.url), "churn")

    if status == 200:
        assert (outcome.answer.status, outcome.answer.body) == (200, b"\xff\x00")
        assert outcome.answer.headers["content-type"] == headers["Content-Type"]
    else:
        assert_problem(outcome.answer, 502, "upstream-invalid-response")
    assert outcome.attempts == 1
    seen(f"{request.node.callspec.id}: {outcome}")
