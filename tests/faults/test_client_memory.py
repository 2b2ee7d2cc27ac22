"""N17: the memory that too large bodies and responses cost."""

import gc
import gzip
from dataclasses import dataclass
from functools import partial

import pytest

from chalicelib.payload.admission import MAX_BODY_BYTES
from chalicelib.sagemaker.answers import MAX_RESPONSE_BYTES
from tests.faults.clients import SageMaker
from tests.faults.rows import row
from tests.support.clients import LambdaClient
from tests.support.gateway import JSON
from tests.support.http_server import StubServer, sends
from tests.support.lambda_process import MAX_PAYLOAD_BYTES, LambdaProcess, client_of

MIB = 1024 * 1024
MEASUREMENTS = 3
MOST_TIMES = 3
REQUESTS = 10

AS_JSON = ("Content-Type", "application/json")
NPY, GZIP = ("Content-Type", "application/x-npy"), ("Content-Encoding", "gzip")
OK = b"HTTP/1.1 200 OK\r\nContent-Type: application/x-npy\r\n"
SMALL = sends(OK + b"Content-Length: 1\r\n\r\n?")
CHUNK = b"100000\r\n" + bytes(MIB) + b"\r\n"
ENDLESS = sends(OK + b"Transfer-Encoding: chunked\r\n\r\n", *[CHUNK] * 1024)
DECLARED = sends(OK + b"Content-Length: 1073741824\r\n\r\n", *[bytes(MIB)] * 1024)
# The largest body that Lambda delivers: base64 makes four bytes of three; 8 KiB are for the rest.
LARGEST = bytes((MAX_PAYLOAD_BYTES - 8 * 1024) // 4 * 3)


@dataclass(frozen=True)
class Case:
    """Large requests, or small ones with large responses; `cap_bytes` is the limit."""

    status: int
    cap_bytes: int
    body: bytes = b"?"
    headers: tuple[tuple[str, str], ...] = (NPY,)
    script: object = SMALL


CASES = {
    "bomb": Case(415, MAX_BODY_BYTES, gzip.compress(bytes(10 * MIB)), (NPY, GZIP)),
    "body": Case(413, MAX_BODY_BYTES, LARGEST),
    "json": Case(
        200, MAX_BODY_BYTES, b"[" + b"[5.1, 3.5, 1.4, 0.2], " * 200_000 + b"0]", (AS_JSON,)
    ),
    "endless": Case(502, MAX_RESPONSE_BYTES, script=ENDLESS),
    "declared": Case(502, MAX_RESPONSE_BYTES, script=DECLARED),
}
# Refuses every request: its memory is what AWS's runtime client needs for a body.
NOTHING = """\
def handler(event, context):
    status = {"statusCode": 413, "headers": {}, "body": "", "isBase64Encoded": True}
    return {**status, "multiValueHeaders": {}}
"""
REFUSALS = [
    ("churn", JSON, b"[" * MIB, 400),
    ("churn", JSON, b"[1, " * MIB, 400),
    ("nothing", JSON, bytes(MIB), 404),
    ("house-price/paris", JSON, bytes(MIB), 400),
    ("churn", {**JSON, "Accept": "text/html"}, bytes(MIB), 406),
    ("picture", dict([NPY]), bytes(MAX_BODY_BYTES + 1), 413),
    ("churn", {"Content-Type": "text/csv"}, bytes(MIB), 415),
]


@pytest.fixture(scope="module", name="nothing")
def _nothing(tmp_path_factory):
    """A function that refuses everything."""
    folder = tmp_path_factory.mktemp("nothing")
    (folder / "nothing.py").write_text(NOTHING)
    with LambdaProcess(folder, "nothing.handler", {}) as process:
        yield process


@pytest.fixture(scope="module", name="sagemaker")
def _sagemaker():
    with SageMaker() as sagemaker:
        yield sagemaker


def growth_bytes(process, small, large):
    """Return by how much large requests raise the peak above what small ones need."""
    for _ in range(REQUESTS):
        small()
    process.reset_peak()
    before = process.peak_bytes
    for _ in range(REQUESTS):
        large()
    return process.peak_bytes - before


@pytest.mark.parametrize(
    "kind",
    [
        pytest.param("bomb", marks=row("C4")),
        pytest.param("body", marks=row("C5")),
        pytest.param("json", marks=row("C14")),
        pytest.param("endless", marks=row("U11")),
        pytest.param("declared", marks=row("U11")),
    ],
)
def test_peak(package, task_root, nothing, measured, kind):
    """Memory rises by at most three times the limit, above what any function needs."""
    case = CASES[kind]

    def send(running, body, headers, script, status):
        server.script = script
        client = client_of(package, running)
        assert client.send("POST", "/predict/digit", headers, body).status == status

    def grown_bytes(running, usual, refused):
        small = partial(send, running, b"?", [NPY], SMALL, usual)
        large = partial(send, running, case.body, case.headers, case.script, refused)
        return growth_bytes(running, small, large)

    with (
        StubServer() as server,
        LambdaProcess.of_package(package, task_root, server.url) as process,
    ):
        # On a busy machine the two differ by chance; a gateway that holds a body fails each time.
        for _ in range(MEASUREMENTS):
            grown, idle = grown_bytes(process, 200, case.status), grown_bytes(nothing, 413, 413)
            times = max(0, grown - idle) / case.cap_bytes
            if times <= MOST_TIMES:
                break

    figure = f"{times:.2f} times {case.cap_bytes / 1e6:.2f} MB"
    conditions = (
        f"{kind}: {REQUESTS} times {case.status}; {idle / 1e6:.0f} MB of AWS's client apart"
    )
    measured("N17", "gateway, packaged", figure, conditions, meets=times <= MOST_TIMES)
    assert times <= MOST_TIMES


@row("C5")
def test_refusal_holds_nothing(sagemaker):
    """A refused request leaves no reference cycles that would hold its body."""
    gateway = sagemaker.behind(LambdaClient)
    events = [
        (gateway.client.event("POST", f"/predict/{path}", headers, body), status)
        for path, headers, body, status in REFUSALS
    ]
    gc.collect()
    gc.disable()
    try:
        for event, status in events:
            assert gateway.client.deliver(event).status == status
            assert gc.collect() == 0, event["path"]
    finally:
        gc.enable()
