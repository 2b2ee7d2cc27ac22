"""The metrics of a request, as the line that CloudWatch reads."""

import io
import time

import pytest

from chalicelib.telemetry.log import RequestRecord, Telemetry
from tests.support.emf import NotEmf, check, read

SERVICE = "inference-gateway-local"


def record(**known):
    """Make the record of a prediction that took 300 ms, 250 of them in the model."""
    filled = {"status": 200, "model": "iris", "attempts": 1, "model_ms": 250.0, "gateway_ms": 50.0}
    return RequestRecord("id-1", is_prediction=True, **{**filled, **known})


def blob(metrics_record, **settings):
    stream = io.StringIO()
    Telemetry(metrics_to=stream, **settings).request(metrics_record)
    (only,) = read(stream.getvalue())
    return only


@pytest.mark.parametrize(
    ("known", "counted"),
    [
        pytest.param({}, {}, id="200"),
        pytest.param({"status": 400}, {"Invocation4XXErrors": 1}, id="400"),
        pytest.param({"status": 499}, {"Invocation4XXErrors": 1}, id="499"),
        pytest.param({"status": 500}, {"Invocation5XXErrors": 1}, id="500"),
        pytest.param(
            {"status": 503, "slug": "model-not-ready"},
            {"Invocation5XXErrors": 1, "ModelNotReady": 1},
            id="not-ready",
        ),
        pytest.param(
            {"status": 503, "slug": "upstream-throttled"},
            {"Invocation5XXErrors": 1, "Throttles": 1},
            id="throttled",
        ),
        pytest.param({"attempts": 2}, {"Retries": 1}, id="second-attempt"),
        pytest.param({"attempts": 3}, {"Retries": 2}, id="third-attempt"),
    ],
)
def test_values(known, counted):
    """A metric whose value is zero is not written."""
    always = {"Invocations": 1, "ModelLatency": 250.0, "OverheadLatency": 50.0}

    assert blob(record(**known)).values == {**always, **counted}


def test_no_call():
    """A request that was refused before SageMaker was called has no ModelLatency."""
    refused = record(status=404, attempts=0, model_ms=0.0, gateway_ms=300.0)

    assert blob(refused).values == {
        "Invocations": 1,
        "Invocation4XXErrors": 1,
        "OverheadLatency": 300.0,
    }


def test_units():
    """Counts have the unit Count, and times the unit Milliseconds."""
    everything = {
        **blob(record(status=503, slug="model-not-ready", attempts=2)).units,
        **blob(record(status=400)).units,
        **blob(record(status=503, slug="upstream-throttled")).units,
    }

    assert everything == {
        "Invocations": "Count",
        "Invocation4XXErrors": "Count",
        "Invocation5XXErrors": "Count",
        "ModelLatency": "Milliseconds",
        "OverheadLatency": "Milliseconds",
        "ModelNotReady": "Count",
        "Throttles": "Count",
        "Retries": "Count",
    }


@pytest.mark.parametrize(
    ("model", "value"),
    [
        pytest.param("iris", "iris", id="name"),
        pytest.param("house-price/{city}", "house-price/{city}", id="with-parameter"),
        pytest.param(None, "(unknown)", id="unknown"),
    ],
)
def test_dimensions(model, value):
    """The dimensions are the service and the entry of the table, never a text of the caller's."""
    written = blob(record(model=model))

    assert written.namespace == "InferenceGateway"
    assert written.dimensions == [["service"], ["service", "model"]]
    assert (written.members["service"], written.members["model"]) == (SERVICE, value)


def test_not_per_model():
    """Without metrics per model, only the sums are written and no model is named."""
    written = blob(record(), per_model=False)

    assert written.dimensions == [["service"]]
    assert "iris" not in written.members.values()


def test_request_id():
    """The metrics name the request whose log line they belong to, without a dimension."""
    assert blob(record()).members["request_id"] == "id-1"


def test_of_the_gateway():
    """A metric of the gateway as a whole has no model."""
    stream = io.StringIO()
    Telemetry(metrics_to=stream).key_store_age(12.5)

    (written,) = read(stream.getvalue())
    assert written.dimensions == [["service"]]
    assert (written.values, written.units) == (
        {"KeyStoreAgeSeconds": 12.5},
        {"KeyStoreAgeSeconds": "Seconds"},
    )


class Tape(io.StringIO):
    """A stream that remembers each write and flush."""

    def __init__(self):
        super().__init__()
        self.done = []

    def write(self, text):
        self.done.append(text)
        return super().write(text)

    def flush(self):
        self.done.append("flush")


def test_one_write():
    """A line is written with its end in one piece, so that lines of threads do not mix."""
    tape = Tape()
    Telemetry(metrics_to=tape).request(record())

    line, flush = tape.done
    assert line.endswith("}\n")
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

    (written,) = read(stream.getvalue())
    assert written.members["service"] == service


@pytest.mark.parametrize("seconds", [0.0, -3600.0])
def test_no_age(seconds):
    """An age of zero is not written, and neither is one that a clock error made negative."""
    stream = io.StringIO()
    Telemetry(metrics_to=stream).key_store_age(seconds)

    assert stream.getvalue() == ""


def document(directive=None, aws=None, **members):
    """A document that CloudWatch takes, but for these changes."""
    metrics = [{"Name": "Invocations", "Unit": "Count"}]
    good = {"Namespace": "N", "Dimensions": [["service"]], "Metrics": metrics, **(directive or {})}
    stamp = {"Timestamp": int(time.time() * 1000), "CloudWatchMetrics": [good], **(aws or {})}
    return {"_aws": stamp, "service": "s", "Invocations": [1.0], **members}


def test_a_document():
    """The one that the broken ones are made of is fine."""
    check(document())


@pytest.mark.parametrize(
    "broken",
    [
        pytest.param(document(aws={"Timestamp": time.time() * 1000}), id="timestamp-no-integer"),
        pytest.param(document(aws={"Timestamp": int(time.time())}), id="timestamp-in-seconds"),
        pytest.param(document(aws={"CloudWatchMetrics": []}), id="no-directive"),
        pytest.param(document({"Namespace": ""}), id="no-namespace"),
        pytest.param(document({"Dimensions": [["model"]]}), id="dimension-without-value"),
        pytest.param(document(service=""), id="empty-dimension"),
        pytest.param(document(service=7), id="dimension-no-text"),
        pytest.param(document({"Dimensions": [[f"d{n}" for n in range(31)]]}), id="31-dimensions"),
        pytest.param(
            document({"Metrics": [{"Name": "Other", "Unit": "Count"}]}), id="metric-without-value"
        ),
        pytest.param(
            document({"Metrics": [{"Name": "Invocations", "Unit": "Pieces"}]}), id="unknown-unit"
        ),
        pytest.param(
            document({"Metrics": [{"Name": f"m{n}", "Unit": "Count"} for n in range(101)]}),
            id="101-metrics",
        ),
        pytest.param(document(Invocations=["1"]), id="value-no-number"),
        pytest.param(document(Invocations=[True]), id="value-a-boolean"),
        pytest.param(document(Invocations=[1.0] * 101), id="101-values"),
        pytest.param([], id="no-object"),
    ],
)
def test_what_cloudwatch_would_drop(broken):
    """The check that every other test relies on finds what CloudWatch would not take."""
    with pytest.raises(NotEmf):
        check(broken)
