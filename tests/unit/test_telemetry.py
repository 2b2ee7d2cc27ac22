"""The metrics line and the log line of a request, where no request through HTTP shows them.

How requests are counted and logged is tested in tests/functional: test_metrics.py and test_log.py.
"""

import io
import time

import pytest

from chalicelib.routing.named_targets import NamedTarget
from chalicelib.routing.targets import MultiModelTarget, SingleModelTarget
from chalicelib.telemetry.log import Telemetry
from chalicelib.telemetry.request_record import RequestRecord
from tests.support.emf import NotEmf, check, read


def record(**known):
    """Make the record of a prediction that took 300 ms, 250 of them in the model."""
    filled = {"status": 200, "model": "iris", "attempts": 1, "model_ms": 250.0, "gateway_ms": 50.0}
    return RequestRecord("id-1", is_prediction=True, **{**filled, **known})


def written(request_record, **settings):
    """Return the metrics that are written for a record."""
    stream = io.StringIO()
    Telemetry(metrics_to=stream, **settings).request(request_record)
    (only,) = read(stream.getvalue())
    return only


@pytest.mark.parametrize(
    ("target", "text"),
    [
        (SingleModelTarget("churn"), None),
        (SingleModelTarget("churn", target_variant="green"), "TargetVariant=green"),
        (
            MultiModelTarget("churn", "a/b.tar.gz", target_variant="green"),
            "TargetVariant=green, TargetModel=a/b.tar.gz",
        ),
    ],
)
def test_target(target, text):
    """The log names the endpoint and its target with the arguments of InvokeEndpoint."""
    request_record = RequestRecord("id")
    request_record.set_target(NamedTarget.of(target))

    assert (request_record.endpoint, request_record.target) == ("churn", text)


def test_times():
    """The gateway's time is all of the request's time that was not the model's."""
    request_record = RequestRecord("id", model_seconds=0.25)
    request_record.started -= 1.0
    request_record.finish(200, 9)

    assert request_record.model_ms == 250.0
    assert request_record.gateway_ms == pytest.approx(750.0, rel=0.5)


def test_values():
    """Each metric has its value and its unit, and a line names the request that it is about."""
    metrics = written(record(status=503, slug="model-not-ready", attempts=3))

    assert metrics.namespace == "InferenceGateway"
    assert metrics.members["request_id"] == "id-1"
    assert {name: (metrics.values[name], unit) for name, unit in metrics.units.items()} == {
        "Invocations": (1, "Count"),
        "Invocation5XXErrors": (1, "Count"),
        "ModelLatency": (250.0, "Milliseconds"),
        "OverheadLatency": (50.0, "Milliseconds"),
        "ModelNotReady": (1, "Count"),
        "Retries": (2, "Count"),
    }


def test_load():
    """An answer that took a load counts, with the time from the first call to it."""
    loaded = record(attempts=2, artifact="loaded", load_ms=900.0)

    assert written(loaded).values == {
        "Invocations": 1,
        "ModelLatency": 250.0,
        "OverheadLatency": 50.0,
        "ColdLoads": 1,
        "ColdLoadLatency": 900.0,
        "Retries": 1,
    }
    assert not written(record(artifact="cold", status=503)).values.keys() & {
        "ColdLoads",
        "ColdLoadLatency",
    }


def test_attempts():
    """What one attempt leaves is gone with the next one, but not the time of the first one."""
    request_record = RequestRecord("id")
    first = request_record.begin_attempt()
    request_record.artifact, request_record.upstream_code = "cold", "ModelNotReadyException"
    request_record.begin_attempt()

    assert (request_record.artifact, request_record.upstream_code) == (None, None)
    assert (request_record.attempts, request_record.called) == (2, first)


def test_zeros():
    """A metric whose value is zero is not written, such as ModelLatency without a call."""
    refused = record(status=404, attempts=0, model_ms=0.0, gateway_ms=300.0)

    assert written(refused).values == {
        "Invocations": 1,
        "Invocation4XXErrors": 1,
        "OverheadLatency": 300.0,
    }


def test_not_per_model():
    """Without metrics per model, only the sums are written and no model is named."""
    metrics = written(record(), per_model=False)

    assert metrics.dimensions == [["service"]]
    assert "iris" not in metrics.members.values()


class RecordingStream(io.StringIO):
    """A stream that records each write and flush."""

    def __init__(self):
        super().__init__()
        self.calls = []

    def write(self, text):
        self.calls.append(text)
        return super().write(text)

    def flush(self):
        self.calls.append("flush")


def test_one_write():
    """A line is written with its end in one piece, so that lines of threads do not mix."""
    stream = RecordingStream()
    Telemetry(metrics_to=stream).request(record())

    line, flush = stream.calls
    assert line.endswith("}\n")
    assert line.count("\n") == 1
    assert flush == "flush"


@pytest.mark.parametrize("variable", ["POWERTOOLS_METRICS_DISABLED", "POWERTOOLS_DEV"])
def test_switched_off(monkeypatch, variable):
    """Powertools' own variables switch the metrics off."""
    monkeypatch.setenv(variable, "true")
    stream = io.StringIO()
    Telemetry(metrics_to=stream).request(record())

    assert stream.getvalue() == ""


@pytest.mark.parametrize(
    ("environment", "service"),
    [
        pytest.param(None, "inference-gateway-local", id="local"),
        pytest.param("inference-gateway-dev", "inference-gateway-dev", id="deployed"),
    ],
)
def test_service(monkeypatch, environment, service):
    """The service is that of the stage, the same as in the log."""
    monkeypatch.delenv("POWERTOOLS_SERVICE_NAME", raising=False)
    if environment:
        monkeypatch.setenv("POWERTOOLS_SERVICE_NAME", environment)
    stream = io.StringIO()
    Telemetry(metrics_to=stream).key_store_age(1.0)

    (metrics,) = read(stream.getvalue())
    assert metrics.members["service"] == service
    assert (metrics.values, metrics.units) == (
        {"KeyStoreAgeSeconds": 1.0},
        {"KeyStoreAgeSeconds": "Seconds"},
    )


@pytest.mark.parametrize("seconds", [0.0, -3600.0])
def test_no_age(seconds):
    """An age of zero is not written, and neither is one that a clock error made negative."""
    stream = io.StringIO()
    telemetry = Telemetry(metrics_to=stream)
    telemetry.key_store_age(seconds)
    telemetry.table_age(seconds)

    assert stream.getvalue() == ""


def test_metrics_checker():
    """The checker that these tests use takes a valid document and refuses each broken one."""

    def document(directive=None, aws=None, **members):
        metrics = [{"Name": "Invocations", "Unit": "Count"}]
        valid = {"Namespace": "N", "Dimensions": [["service"]], "Metrics": metrics}
        stamp = {"Timestamp": int(time.time() * 1000)}
        stamp |= {"CloudWatchMetrics": [valid | (directive or {})], **(aws or {})}
        return {"_aws": stamp, "service": "s", "Invocations": [1.0], **members}

    check(document())
    for broken in (
        document(aws={"Timestamp": int(time.time())}),
        document(aws={"CloudWatchMetrics": []}),
        document({"Namespace": ""}),
        document({"Dimensions": [["model"]]}),
        document({"Metrics": [{"Name": "Other", "Unit": "Count"}]}),
        document({"Metrics": [{"Name": "Invocations", "Unit": "Pieces"}]}),
        document(Invocations=["1"]),
        document(Invocations=[1.0] * 101),
    ):
        with pytest.raises(NotEmf):
            check(broken)
