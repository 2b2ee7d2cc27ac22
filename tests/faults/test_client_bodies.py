"""Bodies that are not JSON, too large, compressed or of another encoding (C1 to C6)."""

import base64
import gzip
import random
import zlib
from functools import partial

import pytest

from chalicelib.payload.admission import MAX_BODY_BYTES
from tests.api_gateway.simulator import SimulatorClient
from tests.faults.clients import CLIENTS, WITHOUT_LIMITS, SageMaker, UnverifiedClient
from tests.faults.rows import row
from tests.support.canary import CANARY
from tests.support.clients import LambdaClient
from tests.support.gateway import JSON
from tests.support.problems import assert_problem
from tests.support.profile import LONG

NPY = {"Content-Type": "application/x-npy"}
CSV = {"Content-Type": "text/csv"}
MIB = 1024 * 1024
SEED, RANDOM_BODIES = 5, 5_000 if LONG else 200

NOT_JSON = [
    pytest.param(b"{", id="open"),
    pytest.param(b'{"a": 1} x', id="more"),
    pytest.param(b"{'a': 1}", id="quotes"),
    pytest.param(b'{"a": 1,}', id="comma"),
    pytest.param(b"a=1&b=2", id="form"),
    pytest.param(b"5.1,3.5\n", id="csv"),
    pytest.param(f'["{CANARY}", {CANARY}]'.encode(), id="canary"),
]
STRANGE = [
    pytest.param(b"[NaN]", 400, id="nan"),
    pytest.param(b"[Infinity]", 400, id="infinity"),
    pytest.param(b"-Infinity", 400, id="minus-infinity"),
    pytest.param(b"[" * 200 + b"]" * 200, 200, id="200-deep"),
    pytest.param(b"[" * 201 + b"]" * 201, 400, id="201-deep"),
    pytest.param(b"[" * 100_000 + b"]" * 100_000, 400, id="100,000-deep"),
    pytest.param(b'{"a":' * 200_000, 400, id="200,000-deep"),
    pytest.param(b"[" + b"9" * 5_000 + b"]", 200, id="5,000-digits"),
    pytest.param(b"[1e9999]", 200, id="huge-exponent"),
    pytest.param(b'{"a": 1, "a": 2}', 200, id="key-twice"),
    pytest.param(b'["\\ud800"]', 200, id="lone-surrogate"),
    pytest.param('{"a": 1}'.encode("utf-16"), 400, id="utf-16"),
    pytest.param('{"a": 1}'.encode("utf-32-le"), 400, id="utf-32"),
    pytest.param(b"\xef\xbb\xbf{}", 400, id="byte-order-mark"),
    pytest.param(b"[" + b"[0]," * 100_000 + b"0]", 200, id="large-and-flat"),
]
NOT_UTF_8 = [
    pytest.param(b'["\xff"]', id="no-start"),
    pytest.param(b'["\xc3"]', id="cut-off"),
    pytest.param(b'["\xc0\xaf"]', id="overlong"),
    pytest.param(b'["\xed\xa0\x80"]', id="surrogate"),
    pytest.param(b'["gr\xfc\xdfe"]', id="latin-1"),
]


def bomb(inflated_bytes):
    """Compress zeros to about a thousandth of their size."""
    return gzip.compress(bytes(inflated_bytes), mtime=0)


@pytest.fixture(scope="module", name="sagemaker")
def _sagemaker():
    with SageMaker() as sagemaker:
        yield sagemaker


@pytest.fixture(name="gateway", params=CLIENTS)
def _gateway(request, sagemaker):
    return sagemaker.behind(request.param)


@pytest.fixture(name="unlimited", params=WITHOUT_LIMITS)
def _unlimited(request, sagemaker):
    return sagemaker.behind(request.param)


@row("C1")
@pytest.mark.parametrize("body", NOT_JSON)
def test_not_json(gateway, sagemaker, seen, body):
    """A model that takes only JSON gets only JSON; the refusal repeats nothing of the body."""
    received = gateway.predict("churn", body)

    problem = assert_problem(received, 400, "invalid-json")
    assert "at offset" in problem["detail"]
    assert CANARY not in received.body.decode()
    assert sagemaker.requests == []
    seen("400 invalid-json with the offset")


@row("C15")
@pytest.mark.parametrize(
    ("body", "reason"),
    [
        pytest.param(b"", "the body is empty", id="nothing"),
        pytest.param(b" \r\n", "the body is empty", id="white-space"),
        pytest.param(b"\xef\xbb\xbf{}", "it begins with a byte order mark", id="mark"),
    ],
)
def test_no_json_at_all(gateway, sagemaker, seen, body, reason):
    """What is easily sent by mistake is named, also where the model takes CSV, too."""
    for path in ("churn", "iris"):
        problem = assert_problem(gateway.predict(path, body), 400, "invalid-json")
        assert problem["detail"] == f"The body is not strict JSON: {reason}."
    assert sagemaker.requests == []
    seen(f"400 invalid-json: {reason}")


ROWS = b'{"instances": [' + b"[5.1, 3.5, 1.4, 0.2], " * 200_000
LARGE = [
    pytest.param(ROWS + b"[1]]}", None, id="numbers"),
    pytest.param(b'["' + "é😀[".encode() * 600_000 + b'"]', None, id="one-text"),
    pytest.param(b'["a[","{b"' + b',"\\"]"' * 700_000 + b"]", None, id="brackets-in-texts"),
    pytest.param(b"[" + b'{"a": "\\ud800"},' * 200_000 + b"0]", None, id="half-of-a-pair"),
    pytest.param(ROWS + b"[1]}", f"syntax error at offset {len(ROWS) + 3}", id="wrong-bracket"),
    pytest.param(ROWS, f"syntax error at offset {len(ROWS)}", id="cut-off"),
    pytest.param(ROWS + b"NaN]}", "NaN is not JSON", id="constant-at-the-end"),
    pytest.param(
        ROWS + b'"\xff"]}', f"the byte at offset {len(ROWS) + 1} is not UTF-8", id="utf-8"
    ),
    pytest.param(
        ROWS + b"[" * 199 + b"]" * 199 + b"]}", "it is nested more than 200 deep", id="201-deep"
    ),
    pytest.param(ROWS + b"[" * 198 + b"]" * 198 + b"]}", None, id="200-deep"),
    pytest.param(b"[" * 4_000_000, "it is nested more than 200 deep", id="only-brackets"),
]


@row("C14")
@pytest.mark.parametrize(("body", "reason"), LARGE)
def test_large_json(sagemaker, seen, body, reason):
    """A large body is checked as exactly as a small one."""
    gateway = sagemaker.behind(LambdaClient)

    received = gateway.predict("iris", body)

    if reason is None:
        assert (received.status, received.body == body) == (200, True)
    else:
        problem = assert_problem(received, 400, "invalid-json")
        assert problem["detail"] == f"The body is not strict JSON: {reason}."
    assert len(sagemaker.requests) == (reason is None)
    seen(f"{len(body) / 1e6:.1f} MB: {received.status}")


@row("C2")
@pytest.mark.parametrize(("body", "status"), STRANGE)
def test_strange_json(gateway, sagemaker, seen, body, status):
    """Input that Python's decoder accepts by mistake, or fails on, is taken or refused."""
    received = gateway.predict("churn", body)

    if status == 200:
        assert (received.status, received.body) == (200, body)
        assert [request.body for request in sagemaker.requests] == [body]
    else:
        assert_problem(received, 400, "invalid-json")
        assert sagemaker.requests == []
    seen(f"{received.status}")


@row("C4")
@pytest.mark.parametrize(
    ("coding", "encoded"),
    [
        ("gzip", gzip.compress),
        ("deflate", zlib.compress),
        ("br", bytes),
        ("zstd", bytes),
        ("identity", bytes),
        ("gzip, gzip", lambda body: gzip.compress(gzip.compress(body))),
        ("", bytes),
    ],
)
def test_compressed(unlimited, sagemaker, seen, coding, encoded):
    """Every Content-Encoding is refused; the gateway decompresses nothing."""
    received = unlimited.predict("churn", encoded(b"{}"), content_encoding=coding)

    assert_problem(received, 415, "unsupported-media-type")
    assert sagemaker.requests == []
    seen("415 unsupported-media-type")


@row("C4")
@pytest.mark.parametrize("kept", [True, False], ids=["header-stays", "header-goes"])
@pytest.mark.parametrize(
    ("inflated_mib", "statuses"),
    [
        pytest.param(4, {True: 415, False: 400}, id="lambda-can-carry"),
        pytest.param(9, {True: 413, False: 413}, id="api-gateway-can-carry"),
        pytest.param(11, {True: 413, False: 413}, id="nobody-can-carry"),
    ],
)
def test_bomb(sagemaker, seen, kept, inflated_mib, statuses):
    """Whatever API Gateway makes of a compressed body, no model is called."""
    gateway = sagemaker.behind(partial(UnverifiedClient, content_encoding_is_kept=kept))
    body = bomb(inflated_mib * MIB)

    received = gateway.predict("churn", body, content_encoding="gzip")

    assert received.status == statuses[kept]
    assert sagemaker.requests == []
    seen(f"{len(body) // 1024} kB that API Gateway makes {inflated_mib} MB: {received.status}")


@row("C4")
def test_compressed_file(gateway, sagemaker):
    """A compressed body without Content-Encoding is passed on as bytes."""
    body = bomb(MIB)

    assert gateway.post("/predict/picture", body, NPY).body == body
    assert_problem(gateway.post("/predict/churn", body, JSON), 400, "invalid-json")
    assert [len(request.body) for request in sagemaker.requests] == [len(body)]


@row("C5")
@pytest.mark.parametrize(
    ("more", "status"), [(-1, 200), (0, 200), (1, 413)], ids=["limit-1", "limit", "limit+1"]
)
def test_our_limit(gateway, sagemaker, seen, more, status):
    """A body of exactly the limit passes, and one byte more is refused, through every client."""
    body = b"\xff" * (MAX_BODY_BYTES + more)

    received = gateway.post("/predict/picture", body, NPY)

    assert [request.body for request in sagemaker.requests] == ([body] if status == 200 else [])
    if status == 200:
        assert (received.status, received.body) == (200, body)
    else:
        assert "4,600,000" in assert_problem(received, 413, "payload-too-large")["detail"]
    seen(f"{MAX_BODY_BYTES + more:,} bytes: {received.status}")


@row("C5")
@pytest.mark.parametrize("size", [4_800_000, 6_291_457, 10 * MIB, 10 * MIB + 1])
def test_others_limits(sagemaker, seen, size):
    """A body above the limits of Lambda or API Gateway is a 413 of API Gateway's."""
    gateway = sagemaker.behind(SimulatorClient)

    received = gateway.post("/predict/picture", bytes(size), NPY)

    assert received.status == 413
    assert sagemaker.requests == []
    seen(f"{size:,} bytes: 413 of API Gateway's")


@row("C5")
@pytest.mark.parametrize("size", [6_291_456, 6_291_457, 12 * MIB])
def test_local_server_has_the_same_limit(unlimited, sagemaker, size):
    """Without API Gateway in front, the gateway's own limit applies to the largest bodies."""
    received = unlimited.post("/predict/picture", bytes(size), NPY)

    assert_problem(received, 413, "payload-too-large")
    assert sagemaker.requests == []


@row("C5")
def test_wrong_content_length(unlimited, sagemaker):
    """A wrong Content-Length is ignored, and not passed on."""
    for length in ("0", "1", "999999999999", "-1", "many", "", "2, 2", "0x2"):
        received = unlimited.predict("churn", b"[1]", content_length=length)

        assert (received.status, received.body) == (200, b"[1]")
        assert sagemaker.requests[-1].headers.get_all("Content-Length") == ["3"]


@row("C6")
@pytest.mark.parametrize("body", NOT_UTF_8)
def test_no_utf_8(gateway, sagemaker, seen, body):
    """JSON must be UTF-8; a body of any other type may have any encoding."""
    assert_problem(gateway.post("/predict/churn", body, JSON), 400, "invalid-json")
    assert gateway.post("/predict/iris", body, CSV).body == body
    assert [request.body for request in sagemaker.requests] == [body]
    seen("JSON: 400 invalid-json; CSV: byte for byte")


@row("C6")
def test_any_bytes(gateway, sagemaker, seen):
    """Random bytes reach the model and the caller unchanged."""
    chance = random.Random(SEED)
    bodies = [chance.randbytes(chance.randrange(200)) for _ in range(RANDOM_BODIES)]

    responses = [gateway.post("/predict/picture", body, NPY) for body in bodies]

    assert [one.body for one in responses] == bodies
    assert [request.body for request in sagemaker.requests] == bodies
    seen(f"{len(bodies):,} random bodies: none changed")


@row("C5")
@pytest.mark.parametrize("missing", range(4))
def test_padding(sagemaker, missing):
    """The size is that of the bytes, however base64 pads them."""
    gateway = sagemaker.behind(LambdaClient)
    body = b"\xff" * (MAX_BODY_BYTES - missing)

    assert gateway.post("/predict/picture", body, NPY).status == 200
    assert gateway.log.requests[0]["bytes_in"] == len(body)


@row("C5")
def test_limit_fits_into_an_event():
    """A body of the limit, as base64, is smaller than the 6 MiB that Lambda takes."""
    assert len(base64.b64encode(b"?" * MAX_BODY_BYTES)) < 6 * 1024 * 1024
