"""What is counted: SageMaker's own metrics, which it does not have per model of an endpoint.

One EMF blob for each request. Its form, which is the same for all requests that count the same
things, is made by Powertools, once; a request fills in what it has counted. Powertools' shared
`Metrics` objects would mix the requests of several threads, `EphemeralMetrics` costs more than all
the rest of a line, and `flush_metrics` writes one in two pieces. CloudWatch finds the blobs among
the lines of the log.
"""

from __future__ import annotations

import json
import sys
import time
from typing import TYPE_CHECKING, Any

from aws_lambda_powertools.metrics import EphemeralMetrics
from aws_lambda_powertools.metrics.functions import is_metrics_disabled

from chalicelib.errors import ModelNotReady, UpstreamThrottled

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from typing import TextIO

    from chalicelib.telemetry.record import RequestRecord

NAMESPACE = "InferenceGateway"
UNKNOWN_MODEL = "(unknown)"
COUNT, MILLISECONDS = "Count", "Milliseconds"

Measure = tuple[str, float, str]


class Metrics:
    """Writes blobs of metrics, each with the service it belongs to."""

    def __init__(
        self, service: str, *, per_model: bool = True, stream: TextIO | None = None
    ) -> None:
        self._service = service
        self._per_model = per_model
        self._stream = stream or sys.stdout
        self._disabled = is_metrics_disabled()
        self._forms: dict[tuple[tuple[str, str], ...], dict[str, Any]] = {}

    def prediction(self, record: RequestRecord) -> None:
        """An authenticated call of a model, whatever became of it."""
        measures = [measure for measure in _measures(record) if measure[1]]
        form = self._form(tuple((name, unit) for name, _, unit in measures))
        blob = {
            **form,
            "_aws": {**form["_aws"], "Timestamp": round(time.time() * 1000)},
            **{name: [float(value)] for name, value, _ in measures},
            "request_id": record.request_id,  # no dimension: it leads from a blob to its line
        }
        if self._per_model:
            blob["model"] = record.model or UNKNOWN_MODEL
        self._write(blob)

    def gateway(self, name: str, value: float, unit: str = COUNT) -> None:
        """Something about the gateway as a whole."""
        blob = self._blob()
        blob.add_metric(name, unit, value)
        self._write(blob.serialize_metric_set())

    def _form(self, metrics: tuple[tuple[str, str], ...]) -> dict[str, Any]:
        """A blob of these metrics with nothing filled in; there are a dozen sets of them."""
        form = self._forms.get(metrics)
        if form is None:
            blob = self._blob()
            if self._per_model:
                blob.add_dimensions(service=self._service, model=UNKNOWN_MODEL)
            for name, unit in metrics:
                blob.add_metric(name, unit, 0)
            form = self._forms[metrics] = dict(blob.serialize_metric_set())
        return form

    def _blob(self) -> EphemeralMetrics:
        blob = EphemeralMetrics(namespace=NAMESPACE, service=self._service)
        blob.add_dimension("service", self._service)
        return blob

    def _write(self, blob: Mapping[str, object]) -> None:
        if not self._disabled:
            self._stream.write(f"{json.dumps(blob, separators=(',', ':'))}\n")
            self._stream.flush()


def _measures(record: RequestRecord) -> Iterator[Measure]:
    """Zeros are not written."""
    yield "Invocations", 1, COUNT
    yield "Invocation4XXErrors", 400 <= record.status < 500, COUNT
    yield "Invocation5XXErrors", record.status >= 500, COUNT
    yield "ModelLatency", record.model_ms, MILLISECONDS
    yield "OverheadLatency", record.gateway_ms, MILLISECONDS
    yield "ModelNotReady", record.slug == ModelNotReady.slug, COUNT
    yield "Throttles", record.slug == UpstreamThrottled.slug, COUNT
    yield "Retries", max(0, record.attempts - 1), COUNT
