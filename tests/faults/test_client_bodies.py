"""Bodies: what is no JSON, too large, compressed or in no known encoding."""

import gzip
import random
import zlib
from functools import partial

import pytest

from chalicelib.payload.admission import MAX_BODY_BYTES
from tests.api_gateway.door import SimulatorDoor
from tests.faults.rows import row
from tests.faults.ways import WAYS, WITHOUT_LIMITS, SageMaker, UncertainDoor
from tests.support.canary import CANARY
from tests.support.doors import ApiGatewayDoor
from tests.support.gateway import JSON
from tests.support.problems import assert_problem
from tests.support.profile import LONG

NPY = {"Content-Type": "application/x-npy"}
CSV = {"Content-Type": "text/csv"}
MIB = 1024 * 1024
SEED, RANDOM_BODIES = 5, 5_000 if LONG else 200

NOT_JSON = [
    pytest.param(b"", id="empty"),
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
]
NOT_UTF_8 = [
    pytest.param(b'["\xff"]', id="no-start"),
    pytest.param(b'["\xc3"]', id="cut-off"),
    pytest.param(b'["\xc0\xaf"]', id="overlong"),
    pytest.param(b'["\xed\xa0\x80"]', id="surrogate"),
    pytest.param(b'["gr\xfc\xdfe"]', id="latin-1"),
]


def bomb(inflated_bytes):
    """Zeros as gzip has them: about a thousandth of their size."""
    return gzip.compress(bytes(inflated_bytes), mtime=0)


@pytest.fixture(scope="module", name="sagemaker")
def _sagemaker():
    with SageMaker() as sagemaker:
        yield sagemaker


@pytest.fixture(name="gateway", params=WAYS)
def _gateway(request, sagemaker):
    return sagemaker.behind(request.param)


@pytest.fixture(name="unlimited", params=WITHOUT_LIMITS)
def _unlimited(request, sagemaker):
    return sagemaker.behind(request.param)


@row("C1")
@pytest.mark.parametrize("body", NOT_JSON)
def test_not_json(gateway, sagemaker, seen, body):
    """Where a model takes only JSON, what is none is refused; of its text nothing is repeated."""
    answer = gateway.predict("churn", body)

    problem = assert_problem(answer, 400, "invalid-json")
    assert "at offset" in problem["detail"]
    assert CANARY not in answer.body.decode()
    assert sagemaker.arrived == []
    seen("400 invalid-json with the offset")


@row("C2")
@pytest.mark.parametrize(("body", "status"), STRANGE)
def test_strange_json(gateway, sagemaker, seen, body, status):
    """What Python's decoder would let through, or fall over, is taken or refused."""
    answer = gateway.predict("churn", body)

    if status == 200:
        assert (answer.status, answer.body) == (200, body)
        assert [arrived.body for arrived in sagemaker.arrived] == [body]
    else:
        assert_problem(answer, 400, "invalid-json")
        assert sagemaker.arrived == []
    seen(f"{answer.status}")


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
    """Any Content-Encoding is refused, and nothing is inflated to find out what it hides."""
    answer = unlimited.predict("churn", encoded(b"{}"), content_encoding=coding)

    assert_problem(answer, 415, "unsupported-media-type")
    assert sagemaker.arrived == []
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
    """API Gateway inflates up to its own limit; whether it says so or not, no model is called."""
    gateway = sagemaker.behind(partial(UncertainDoor, content_encoding_is_kept=kept))
    body = bomb(inflated_mib * MIB)

    answer = gateway.predict("churn", body, content_encoding="gzip")

    assert answer.status == statuses[kept]
    assert sagemaker.arrived == []
    seen(f"{len(body) // 1024} kB that API Gateway makes {inflated_mib} MB: {answer.status}")


@row("C4")
def test_compressed_file(gateway, sagemaker):
    """What is compressed and says nothing of it is bytes: to a model that takes some, as it is."""
    body = bomb(MIB)

    assert gateway.post("/predict/picture", body, NPY).body == body
    assert_problem(gateway.post("/predict/churn", body, JSON), 400, "invalid-json")
    assert [len(arrived.body) for arrived in sagemaker.arrived] == [len(body)]


@row("C5")
@pytest.mark.parametrize(
    ("more", "status"), [(-1, 200), (0, 200), (1, 413)], ids=["limit-1", "limit", "limit+1"]
)
def test_our_limit(gateway, sagemaker, seen, more, status):
    """To the byte, behind every door, and before base64 is undone."""
    body = b"\xff" * (MAX_BODY_BYTES + more)

    answer = gateway.post("/predict/picture", body, NPY)

    assert [arrived.body for arrived in sagemaker.arrived] == ([body] if status == 200 else [])
    if status == 200:
        assert (answer.status, answer.body) == (200, body)
    else:
        assert "4,600,000" in assert_problem(answer, 413, "payload-too-large")["detail"]
    seen(f"{MAX_BODY_BYTES + more:,} bytes: {answer.status}")


@row("C5")
@pytest.mark.parametrize("size", [4_800_000, 6_291_457, 10 * MIB, 10 * MIB + 1])
def test_others_limits(sagemaker, seen, size):
    """Over what Lambda, SageMaker or API Gateway takes it is 413 too, from who sees it first."""
    gateway = sagemaker.behind(SimulatorDoor)

    answer = gateway.post("/predict/picture", bytes(size), NPY)

    assert answer.status == 413
    assert sagemaker.arrived == []
    seen(f"{size:,} bytes: 413 of API Gateway's")


@row("C5")
@pytest.mark.parametrize("size", [6_291_456, 6_291_457, 12 * MIB])
def test_local_server_has_the_same_limit(unlimited, sagemaker, size):
    """Where no API Gateway is in front, it is ours that counts."""
    answer = unlimited.post("/predict/picture", bytes(size), NPY)

    assert_problem(answer, 413, "payload-too-large")
    assert sagemaker.arrived == []


@row("C5")
@pytest.mark.parametrize("length", ["0", "1", "999999999999", "-1", "many", "", "2, 2", "0x2"])
def test_content_length_that_lies(unlimited, sagemaker, length):
    """What a header says of the size is not believed, and not passed on."""
    answer = unlimited.predict("churn", b"[1]", content_length=length)

    assert (answer.status, answer.body) == (200, b"[1]")
    (arrived,) = sagemaker.arrived
    assert arrived.headers.get_all("Content-Length") == ["3"]


@row("C6")
@pytest.mark.parametrize("body", NOT_UTF_8)
def test_no_utf_8(gateway, sagemaker, seen, body):
    """JSON is UTF-8; in every other type it is the model that knows the encoding."""
    assert_problem(gateway.post("/predict/churn", body, JSON), 400, "invalid-json")
    assert gateway.post("/predict/iris", body, CSV).body == body
    assert [arrived.body for arrived in sagemaker.arrived] == [body]
    seen("JSON: 400 invalid-json; CSV: byte for byte")


@row("C6")
def test_any_bytes(gateway, sagemaker, seen):
    """Random bytes come to the model and back as they are."""
    chance = random.Random(SEED)
    bodies = [chance.randbytes(chance.randrange(200)) for _ in range(RANDOM_BODIES)]

    answers = [gateway.post("/predict/picture", body, NPY) for body in bodies]

    assert [answer.body for answer in answers] == bodies
    assert [arrived.body for arrived in sagemaker.arrived] == bodies
    seen(f"{len(bodies):,} random bodies: none changed")


@row("C5")
@pytest.mark.parametrize("missing", range(4))
def test_padding(sagemaker, missing):
    """However base64 pads it, the size is that of the bytes."""
    gateway = sagemaker.behind(ApiGatewayDoor)
    body = b"\xff" * (MAX_BODY_BYTES - missing)

    assert gateway.post("/predict/picture", body, NPY).status == 200
    assert gateway.log.requests[0]["bytes_in"] == len(body)
