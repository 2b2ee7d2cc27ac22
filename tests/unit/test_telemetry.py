"""What is written down, and what never is."""

import pytest

from chalicelib.routing.targets import (
    ComponentTarget,
    MultiContainerTarget,
    MultiModelTarget,
    PipelineTarget,
    SingleModelTarget,
)
from chalicelib.telemetry.record import RequestRecord
from tests.support.gateway import Log

CANARY = "canary-7f3a"
NAUGHTY = 'x"}\n{"level": "forged", "request_id": "forged"}\r\u2028\x1b[31m'


@pytest.mark.parametrize(
    ("target", "endpoint", "text"),
    [
        pytest.param(SingleModelTarget("churn"), "churn", None, id="single"),
        pytest.param(
            SingleModelTarget("churn", target_variant="green"),
            "churn",
            "TargetVariant=green",
            id="variant",
        ),
        pytest.param(MultiModelTarget("t", "a/b.tar.gz"), "t", "TargetModel=a/b.tar.gz", id="mme"),
        pytest.param(
            MultiModelTarget("t", "a.tar.gz", target_variant="green"),
            "t",
            "TargetVariant=green, TargetModel=a.tar.gz",
            id="mme-variant",
        ),
        pytest.param(
            MultiContainerTarget("nlp", "ner"), "nlp", "TargetContainerHostname=ner", id="mce"
        ),
        pytest.param(PipelineTarget("wine"), "wine", None, id="pipeline"),
        pytest.param(
            ComponentTarget("shared", "s-v2"),
            "shared",
            "InferenceComponentName=s-v2",
            id="component",
        ),
    ],
)
def test_aim(target, endpoint, text):
    """The endpoint, and in SageMaker's own words what on it is called."""
    record = RequestRecord("id")
    record.aim(target)

    assert (record.endpoint, record.target) == (endpoint, text)


def test_request():
    """One line with all that is known; what is not known is left out."""
    log = Log()
    record = RequestRecord("id-1", bytes_in=7, principal="web-shop", key_id="a1b2c3d4")
    record.aim(MultiModelTarget("tabular", "iris.tar.gz"))
    record.model, record.kind, record.table = "iris", "mme", "ab" * 32
    record.status, record.slug, record.bytes_out = 503, "model-not-ready", 99
    record.attempts, record.model_seconds, record.seconds = 2, 0.25, 0.3

    log.telemetry.request(record)

    (line,) = log.lines
    own = ("level", "location", "message", "timestamp", "service")
    assert {key: value for key, value in line.items() if key not in own} == {
        "request_id": "id-1",
        "principal": "web-shop",
        "key_id": "a1b2c3d4",
        "model": "iris",
        "kind": "mme",
        "endpoint": "tabular",
        "target": "TargetModel=iris.tar.gz",
        "status": 503,
        "slug": "model-not-ready",
        "model_ms": 250.0,
        "gateway_ms": 50.0,
        "bytes_in": 7,
        "bytes_out": 99,
        "attempts": 2,
        "cold_start": True,
        "table": "abababababab",
    }


def test_times():
    """The gateway's own is all that was not the model's."""
    record = RequestRecord("id")
    record.finish()
    record.model_seconds = record.seconds / 4

    assert record.gateway_ms == pytest.approx(record.seconds * 750, abs=0.1)


def test_one_line_whatever_is_in_it():
    """No value ends a line, or makes a key."""
    log = Log()

    log.telemetry.request(RequestRecord(NAUGHTY, principal=NAUGHTY, model=NAUGHTY))
    log.telemetry.table_refused([NAUGHTY])

    request, refused = log.lines
    assert request["request_id"] == request["principal"] == request["model"] == NAUGHTY
    assert request["level"] == "INFO"
    assert refused["problems"] == [NAUGHTY]


def test_bug():
    """Which exception, and where: every frame by file, line and function; never its text."""
    log = Log()
    try:
        raise LookupError(CANARY)
    except LookupError as error:
        log.telemetry.bug(error, "id-1")

    (line,) = log.lines
    assert (line["message"], line["level"]) == ("bug", "ERROR")
    assert (line["exception"], line["request_id"]) == ("LookupError", "id-1")
    (frame,) = line["where"]
    assert frame.endswith(" test_bug")
    assert __file__ in frame
    assert CANARY not in log.text
