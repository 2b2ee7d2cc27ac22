"""Headers: what is not plain, what comes twice, and what tells who is asking or why."""

from functools import partial

import pytest

from tests.api_gateway.door import SimulatorDoor
from tests.faults.rows import row
from tests.faults.ways import WAYS, WITHOUT_LIMITS, UncertainDoor
from tests.support.canary import CANARY
from tests.support.doors import TOKEN, ApiGatewayDoor
from tests.support.gateway import JSON, house, runtime_at
from tests.support.problems import assert_problem
from tests.support.upstream import Upstream, sends

OK = b'HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 11\r\n\r\n{"score":1}'

CUSTOM = "X-Amzn-SageMaker-Custom-Attributes"
INFERENCE_ID = "X-Amzn-SageMaker-Inference-Id"
SESSION_ID = "X-Amzn-SageMaker-Session-Id"
TIMEOUT = "X-Request-Timeout-Ms"
PASSED = {CUSTOM: 1024, INFERENCE_ID: 64, SESSION_ID: 256}
ONCE = {
    **JSON,
    TIMEOUT: "5000",
    **dict.fromkeys(PASSED, "7"),
    "Authorization": f"Bearer {TOKEN}",
}

NOT_PLAIN = {
    "CRLF": "a\r\nX-Injected: 1",
    "obs-fold": "a\r\n b",
    "obs-fold with a tab": "a\r\n\tb",
    "LF": "a\nX-Injected: 1",
    "LF fold": "a\n b",
    "CR": "a\rX-Injected: 1",
    "LF at the end": "a\n",
    "two line ends": "a\r\n\r\n{}",
    "NUL": "a\x00b",
    "escape": "a\x1b[31mb",
    "tab": "a\tb",
    "delete": "a\x7fb",
    "latin-1": "gr\xfc\xdfe",
    "next line": "a\x85b",
    "line separator": "a\u2028b",
    "no-break space": "a\xa0b",
    "full-width": "\uff41",
    "emoji": "\U0001f642",
    "right to left": "a\u202eb",
}
PLAIN = "".join(map(chr, range(0x21, 0x7F)))

# https://www.w3.org/TR/trace-context/
TRACE_PARENTS = [
    "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
    "00-00000000000000000000000000000000-b7ad6b7169203331-01",
    "00-0af7651916cd43dd8448eb211c80319c-0000000000000000-01",
    "ff-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
    "00-0AF7651916CD43DD8448EB211C80319C-B7AD6B7169203331-01",
    "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01-more",
    "00-0af7651916cd43dd8448eb211c80319c",
    "",
    "not a trace",
    "\r\nX-Injected: 1",
]


@pytest.fixture(scope="module", name="upstream")
def _upstream():
    with Upstream(sends(OK)) as upstream:
        yield upstream


@pytest.fixture(scope="module", name="runtime")
def _runtime(upstream):
    return runtime_at(upstream.url)


@pytest.fixture(name="behind")
def _behind(upstream, runtime):
    """A gateway behind a door; what reaches SageMaker is kept as the bytes that came."""
    upstream.requests.clear()
    return lambda door: house(door, runtime=runtime)


@pytest.fixture(name="gateway", params=WAYS)
def _gateway(request, behind):
    return behind(request.param)


@pytest.fixture(name="unlimited", params=WITHOUT_LIMITS)
def _unlimited(request, behind):
    return behind(request.param)


@pytest.fixture(
    name="uncertain",
    params=[
        pytest.param(ApiGatewayDoor, id="event"),
        pytest.param(partial(UncertainDoor, first_header_wins=True), id="first-wins"),
        pytest.param(partial(UncertainDoor, first_header_wins=False), id="last-wins"),
    ],
)
def _uncertain(request, behind):
    """Nobody has tried which of two headers API Gateway puts forward."""
    return behind(request.param)


def head(request):
    """The lines before the body, as they came over the wire."""
    return request.partition(b"\r\n\r\n")[0].decode("ascii").split("\r\n")


@row("C8")
@pytest.mark.parametrize("value", NOT_PLAIN.values(), ids=NOT_PLAIN)
@pytest.mark.parametrize("header", [*PASSED, "Content-Type", "Accept"])
def test_not_plain(gateway, upstream, seen, header, value):
    """Nothing that could become another line, or other bytes on its way, is passed on."""
    value = f"application/json; x={value}" if header == "Content-Type" else value

    answer = gateway.post("/predict/attributes", b"{}", {**JSON, header: value})

    problem = assert_problem(answer, 400, "invalid-header")
    assert problem["detail"].startswith(f"The header {header} must be ")
    assert upstream.requests == []
    seen("400 invalid-header")


@row("C8")
@pytest.mark.parametrize("header", PASSED)
def test_on_the_wire(gateway, upstream, seen, header):
    """What is passed on is on the wire just as it was meant, once, in a line of its own."""
    values = [PLAIN[:64], "a b", "x" * PASSED[header], "'; --", "%0d%0aX-Injected: 1"]

    for value in values:
        answer = gateway.post("/predict/attributes", b"{}", {**JSON, header: value})
        assert answer.status == 200

    for value, request in zip(values, upstream.requests, strict=True):
        said = [line for line in head(request) if line.lower().startswith(header.lower())]
        assert said == [f"{header}: {value}"]
        assert "X-Injected: 1" not in head(request)
    seen("printable ASCII: on the wire as it was sent")


@row("C8")
@pytest.mark.parametrize("header", PASSED)
@pytest.mark.parametrize("length", ["", "x"], ids=["empty", "too-long"])
def test_length(gateway, upstream, header, length):
    """As SageMaker has it, at both ends."""
    value = length * (PASSED[header] + 1)

    answer = gateway.post("/predict/attributes", b"{}", {**JSON, header: value})

    assert_problem(answer, 400, "invalid-header")
    assert upstream.requests == []


@row("C10")
@pytest.mark.parametrize("spelling", [str, str.upper], ids=["same", "other-spelling"])
@pytest.mark.parametrize("header", ONCE)
def test_twice(uncertain, upstream, seen, header, spelling):
    """Whichever of them somebody on the way has read, ours might be the other one."""
    lines = [*ONCE.items(), (spelling(header), ONCE[header])]

    answer = uncertain.post("/predict/attributes", b"{}", lines)

    problem = assert_problem(answer, 400, "invalid-header")
    assert problem["detail"] == f"The header {header} must be sent once."
    assert upstream.requests == []
    seen("400 invalid-header")


@row("C10")
def test_others_twice(behind, upstream):
    """What the gateway does not read may come as often as it likes, and goes no further."""
    twice = [(name, CANARY) for name in ("Cookie", "Idempotency-Key", "Content-Length")] * 2
    gateway = behind(SimulatorDoor)

    assert gateway.post("/predict/churn", b"{}", [*JSON.items(), *twice]).status == 200
    (request,) = upstream.requests
    assert CANARY.encode() not in request


@row("C13")
@pytest.mark.parametrize("value", TRACE_PARENTS, ids=ascii)
def test_trace_parent(gateway, upstream, seen, value):
    """Right or wrong: the answer is the same, and it goes neither on nor into the log."""
    answer = gateway.post("/predict/churn", b"{}", {**JSON, "traceparent": value})

    assert (answer.status, answer.body) == (200, b'{"score":1}')
    assert not [line for line in head(upstream.requests[0]) if "traceparent" in line.lower()]
    assert not value or value not in gateway.log.text
    seen("200, neither logged nor passed on")


@row("C13")
@pytest.mark.parametrize(
    "header",
    ["tracestate", "baggage", "X-Request-Id", "X-Correlation-Id", "X-Amzn-Trace-Id"],
)
@pytest.mark.parametrize("size", [100, 9_000])
def test_correlation(gateway, upstream, header, size):
    """However long: no effect on the answer, and nobody writes another's id."""
    value = ",".join([CANARY, *(f"k{n}=v" for n in range(40)), "x" * size])

    answer = gateway.post("/predict/churn", b"{}", {**JSON, header: value})

    assert (answer.status, answer.body) == (200, b'{"score":1}')
    assert CANARY not in gateway.log.text + str(answer.headers)
    assert CANARY.encode() not in upstream.requests[0]


@row("C13")
def test_huge_correlation(unlimited, upstream, seen):
    """Where API Gateway's limit of 10 kB is not in front, a hundred do no harm either."""
    answer = unlimited.post("/predict/churn", b"{}", {**JSON, "X-Correlation-Id": "x" * 100_000})

    assert answer.status == 200
    assert len(unlimited.log.text) < 2_000
    assert len(upstream.requests[0]) < 2_000
    seen("100 kB of correlation id: 200, a line of log")
