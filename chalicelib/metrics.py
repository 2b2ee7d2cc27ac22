"""What is counted: SageMaker's own metrics, which it does not have per model of an endpoint.

One EMF blob for each request, made by Powertools. Its shared `Metrics` objects would mix the
requests of several threads, and `flush_metrics` writes a line in two pieces; hence a fresh
`EphemeralMetrics` each time, and one write. CloudWatch finds the blobs among the lines of the log.
"""

from __future__ import annotations

import json
import sys
from typing import TYPE_CHECKING

from aws_lambda_powertools.metrics import EphemeralMetrics
from aws_lambda_powertools.metrics.functions import is_metrics_disabled

from chalicelib.errors import ModelNotReady, UpstreamThrottled

if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import TextIO

    from chalicelib.record import RequestRecord

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

    def prediction(self, record: RequestRecord) -> None:
        """An authenticated call of a model, whatever became of it."""
        blob = self._blob()
        if self._per_model:
            blob.add_dimensions(service=self._service, model=record.model or UNKNOWN_MODEL)
        for name, value, unit in _measures(record):
            if value:
                blob.add_metric(name, unit, value)
        blob.add_metadata("request_id", record.request_id)  # no dimension: from a blob to its line
        self._write(blob)

    def gateway(self, name: str, value: float, unit: str = COUNT) -> None:
        """Something about the gateway as a whole."""
        blob = self._blob()
        blob.add_metric(name, unit, value)
        self._write(blob)

    def _blob(self) -> EphemeralMetrics:
        blob = EphemeralMetrics(namespace=NAMESPACE, service=self._service)
        blob.add_dimension("service", self._service)
        return blob

    def _write(self, blob: EphemeralMetrics) -> None:
        if not is_metrics_disabled():
            line = json.dumps(blob.serialize_metric_set(), separators=(",", ":"))
            self._stream.write(f"{line}\n")
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
