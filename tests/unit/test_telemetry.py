"""What the log says, and what it never says."""

import pytest

from chalicelib.routing.targets import (
    ComponentTarget,
    MultiContainerTarget,
    MultiModelTarget,
    PipelineTarget,
    SingleModelTarget,
)
from chalicelib.telemetry.log import RequestRecord
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
def test_target(target, endpoint, text):
    """The log names the endpoint and its target with the arguments of InvokeEndpoint."""
    record = RequestRecord("id")
    record.set_target(target.invoke_args())

    assert (record.endpoint, record.target) == (endpoint, text)


def test_request():
    """A request is one line with everything that is known of it."""
    log = Log()
    record = RequestRecord("id-1", bytes_in=7, principal="web-shop", key_id="a1b2c3d4")
    record.set_target({"EndpointName": "tabular", "TargetModel": "iris.tar.gz"})
    record.model, record.kind, record.table = "iris", "mme", "ab" * 32
    record.status, record.slug, record.bytes_out = 503, "model-not-ready", 99
    record.attempts, record.model_ms, record.gateway_ms = 2, 250.0, 50.0

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
    """The gateway's time is all of the request's time that was not the model's."""
    record = RequestRecord("id", model_seconds=0.25)
    record.started -= 1.0
    record.finish(200, 9)

    assert record.model_ms == 250.0
    assert record.gateway_ms == pytest.approx(750.0, rel=0.5)
    assert (record.status, record.bytes_out) == (200, 9)


def test_one_line_whatever_is_in_it():
    """No value can end a line or add a key."""
    log = Log()

    log.telemetry.request(RequestRecord(NAUGHTY, principal=NAUGHTY, model=NAUGHTY))
    log.telemetry.table_refused([NAUGHTY])

    request, refused = log.lines
    assert request["request_id"] == request["principal"] == request["model"] == NAUGHTY
    assert request["level"] == "INFO"
    assert refused["problems"] == [NAUGHTY]


def test_bug():
    """A bug is logged by its class and its frames, never with its text."""
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
