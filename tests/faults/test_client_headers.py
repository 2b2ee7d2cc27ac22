"""Headers that are not plain, that come twice, or that identify a request (C8, C10, C13)."""

from functools import partial

import pytest

from tests.api_gateway.simulator import SimulatorClient
from tests.faults.clients import CLIENTS, WITHOUT_LIMITS, SageMaker, UnverifiedClient
from tests.faults.rows import row
from tests.support.canary import CANARY
from tests.support.clients import TOKEN, LambdaClient
from tests.support.gateway import JSON
from tests.support.http_server import PREDICTION, WHOLE, sends
from tests.support.problems import assert_problem

CUSTOM = "X-Amzn-SageMaker-Custom-Attributes"
INFERENCE_ID = "X-Amzn-SageMaker-Inference-Id"
SESSION_ID = "X-Amzn-SageMaker-Session-Id"
TIMEOUT = "X-Request-Timeout-Ms"
EXPLANATIONS = "X-Amzn-SageMaker-Enable-Explanations"
PREFIX_AWARE_ID = "X-Amzn-SageMaker-Prefix-Aware-Id"
PASSED = {
    CUSTOM: 1024,
    INFERENCE_ID: 64,
    SESSION_ID: 256,
    EXPLANATIONS: 64,
    PREFIX_AWARE_ID: 64,
}
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


@pytest.fixture(scope="module", name="sagemaker")
def _sagemaker():
    with SageMaker() as sagemaker:
        yield sagemaker


@pytest.fixture(name="behind")
def _behind(sagemaker):
    """Build a gateway for a client."""

    def build(client):
        gateway = sagemaker.behind(client)
        sagemaker.script = sends(WHOLE)
        return gateway

    return build


@pytest.fixture(name="gateway", params=CLIENTS)
def _gateway(request, behind):
    return behind(request.param)


@pytest.fixture(
    name="uncertain",
    params=[
        pytest.param(LambdaClient, id="event"),
        pytest.param(partial(UnverifiedClient, first_header_wins=True), id="first-wins"),
        pytest.param(partial(UnverifiedClient, first_header_wins=False), id="last-wins"),
    ],
)
def _uncertain(request, behind):
    """A gateway for each order in which API Gateway may report a repeated header."""
    return behind(request.param)


def lines_of(request):
    """Return the lines before the body, as they were sent."""
    return request.partition(b"\r\n\r\n")[0].decode("ascii").split("\r\n")


@row("C8")
@pytest.mark.parametrize("header", [*PASSED, "Content-Type", "Accept"])
def test_not_plain(gateway, sagemaker, seen, header):
    """A value that could become another line, or other bytes, is refused and not sent."""
    for name, value in NOT_PLAIN.items():
        sent = f"application/json; x={value}" if header == "Content-Type" else value
        received = gateway.post("/predict/attributes", b"{}", {**JSON, header: sent})

        problem = assert_problem(received, 400, "invalid-header")
        assert problem["detail"].startswith(f"The header {header} must be "), name
    assert sagemaker.requests == []
    seen("400 invalid-header")


@row("C8")
@pytest.mark.parametrize("header", PASSED)
def test_passed_on(gateway, sagemaker, seen, header):
    """A plain value is sent to SageMaker unchanged, once, in a line of its own."""
    values = [PLAIN[:64], "a b", "x" * PASSED[header], "'; --", "%0d%0aX-Injected: 1"]

    for value in values:
        received = gateway.post("/predict/attributes", b"{}", {**JSON, header: value})
        assert received.status == 200

    for value, request in zip(values, sagemaker.requests, strict=True):
        lines = lines_of(request)
        sent = [line for line in lines if line.lower().startswith(header.lower())]
        assert sent == [f"{header}: {value}"]
        assert "X-Injected: 1" not in lines
    seen("printable ASCII: sent unchanged")


@row("C8")
@pytest.mark.parametrize("header", PASSED)
def test_length(gateway, sagemaker, header):
    """A value that is empty, or longer than SageMaker takes, is refused."""
    for value in ("", "x" * (PASSED[header] + 1)):
        received = gateway.post("/predict/attributes", b"{}", {**JSON, header: value})
        assert_problem(received, 400, "invalid-header")
    assert sagemaker.requests == []


@row("C8")
def test_not_passed_not_read(gateway):
    """A model that does not take a header accepts a request with any value of it."""
    headers = {**JSON, CUSTOM: "größe" * 999}

    assert gateway.post("/predict/churn", b"{}", headers).status == 200


@row("C10")
@pytest.mark.parametrize("spelling", [str, str.upper], ids=["same", "other-spelling"])
@pytest.mark.parametrize("model", ["attributes", "churn"])
def test_twice(uncertain, sagemaker, seen, model, spelling):
    """A header that must be unambiguous is refused when it comes twice."""
    for header, value in ONCE.items():
        lines = [*ONCE.items(), (spelling(header), value)]
        received = uncertain.post(f"/predict/{model}", b"{}", lines)

        problem = assert_problem(received, 400, "invalid-header")
        assert problem["detail"] == f"The header {header} must be sent once."
    assert sagemaker.requests == []
    seen("400 invalid-header")


@row("C10")
def test_other_headers_twice(behind, sagemaker):
    """A header that the gateway does not read may come twice, and is not sent to SageMaker."""
    names = ("Cookie", "Idempotency-Key", "Content-Length", "Via")
    twice = [(name, CANARY) for name in names] * 2
    gateway = behind(SimulatorClient)

    assert gateway.post("/predict/churn", b"{}", [*JSON.items(), *twice]).status == 200
    (request,) = sagemaker.requests
    assert CANARY.encode() not in request


@row("C13")
def test_trace_parent(gateway, sagemaker, seen):
    """Valid or not, `traceparent` changes nothing, and is neither passed on nor logged."""
    for value in TRACE_PARENTS:
        received = gateway.post("/predict/churn", b"{}", {**JSON, "traceparent": value})

        assert (received.status, received.body) == (200, PREDICTION)
        lines = lines_of(sagemaker.requests[-1])
        assert not [line for line in lines if "traceparent" in line.lower()]
        assert not value or value not in gateway.log.text
    seen("200, neither logged nor passed on")


@row("C13")
@pytest.mark.parametrize("size", [100, 9_000])
def test_correlation(gateway, sagemaker, size):
    """Correlation headers change nothing, and a caller cannot set another's request id."""
    for header in ("tracestate", "baggage", "X-Request-Id", "X-Correlation-Id", "X-Amzn-Trace-Id"):
        value = ",".join([CANARY, *(f"k{n}=v" for n in range(40)), "x" * size])
        received = gateway.post("/predict/churn", b"{}", {**JSON, header: value})

        assert (received.status, received.body) == (200, PREDICTION)
        assert CANARY not in gateway.log.text + str(received.headers)
        assert CANARY.encode() not in sagemaker.requests[-1]


@row("C13")
@pytest.mark.parametrize("client", WITHOUT_LIMITS)
def test_huge_correlation(behind, sagemaker, seen, client):
    """Without API Gateway's limit of 10 kB, a header of 100 kB does no harm either."""
    gateway = behind(client)

    received = gateway.post("/predict/churn", b"{}", {**JSON, "X-Correlation-Id": "x" * 100_000})

    assert received.status == 200
    assert len(gateway.log.text) < 2_000
    assert len(sagemaker.requests[0]) < 2_000
    seen("100 kB of correlation id: 200, a line of log")
