"""Metrics in CloudWatch's embedded metric format (EMF): one JSON line for each request.

CloudWatch finds these lines among the lines of the log. Powertools creates one template for each
set of metrics, and a request fills in its values. Powertools' shared `Metrics` object would mix the
requests of several threads, an `EphemeralMetrics` for each request costs more than all the rest of
the line, and `flush_metrics` writes a line in two pieces.
"""

from __future__ import annotations

import json
import sys
import time
from typing import TYPE_CHECKING, Any

from aws_lambda_powertools.metrics import EphemeralMetrics
from aws_lambda_powertools.metrics.functions import is_metrics_disabled

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from typing import Protocol, TextIO

    class Prediction(Protocol):
        """Whose metrics they are."""

        model: str | None
        """The entry's name in the table; None if the request named no known model."""
        target_name: str | None
        """The target that was called last; None for an entry without `targets`."""
        principal: str | None
        has_model_metrics: bool
        """Whether the entry has metrics of its own."""
        request_id: str
        """Leads from the metrics to the log line of the request; it is no dimension."""


NAMESPACE = "InferenceGateway"
UNKNOWN_MODEL = "(unknown)"
UNKNOWN_TARGET = "(unknown)"
UNKNOWN_PRINCIPAL = "(unknown)"
COUNT, MILLISECONDS, SECONDS = "Count", "Milliseconds", "Seconds"

_as_json = json.JSONEncoder(separators=(",", ":")).encode

Measure = tuple[str, float, str]
"""Name, value and unit."""


class Metrics:
    """Writes metrics by `service` and, if `per_model` is set, also by `service` and `model`.

    Those of a model with several targets are then also written by `service`, `model` and `target`.
    An entry can leave all of these out. With `per_principal`, there are metrics by `service` and
    `principal`.
    """

    def __init__(
        self,
        service: str,
        *,
        per_model: bool = True,
        per_principal: bool = False,
        stream: TextIO | None = None,
    ) -> None:
        self._service = service
        self._per_model = per_model
        self._per_principal = per_principal
        self._stream = stream or sys.stdout
        self._disabled = is_metrics_disabled()
        self._templates: dict[object, dict[str, Any]] = {}

    def prediction(self, measures: Sequence[Measure], prediction: Prediction) -> None:
        """Write the metrics of one prediction. Zeros are not written."""
        measures = [measure for measure in measures if measure[1]]
        has_model = self._per_model and prediction.has_model_metrics
        target = prediction.target_name if has_model else None
        template = self._template(
            tuple((name, unit) for name, _, unit in measures),
            has_model=has_model,
            has_target=target is not None,
        )
        line = {
            **template,
            "_aws": {**template["_aws"], "Timestamp": round(time.time() * 1000)},
            **{name: [float(value)] for name, value, _ in measures},
            "request_id": prediction.request_id,
        }
        if has_model:
            line["model"] = prediction.model or UNKNOWN_MODEL
        if target is not None:
            line["target"] = target
        if self._per_principal:
            line["principal"] = _dimension(prediction.principal or UNKNOWN_PRINCIPAL)
        self._write(line)

    def gateway(self, name: str, value: float, unit: str = COUNT) -> None:
        """Write a metric that belongs to no model."""
        metric_set = self._metric_set()
        metric_set.add_metric(name, unit, value)
        self._write(metric_set.serialize_metric_set())

    def _template(
        self, metrics: tuple[tuple[str, str], ...], *, has_model: bool, has_target: bool
    ) -> dict[str, Any]:
        """Return a line of these metrics without values; there are about a dozen such sets."""
        template = self._templates.get((metrics, has_model, has_target))
        if template is None:
            metric_set = self._metric_set()
            if has_model:
                metric_set.add_dimensions(service=self._service, model=UNKNOWN_MODEL)
            if has_target:
                metric_set.add_dimensions(
                    service=self._service, model=UNKNOWN_MODEL, target=UNKNOWN_TARGET
                )
            if self._per_principal:
                metric_set.add_dimensions(service=self._service, principal=UNKNOWN_PRINCIPAL)
            for name, unit in metrics:
                metric_set.add_metric(name, unit, 0)
            template = dict(metric_set.serialize_metric_set())
            self._templates[metrics, has_model, has_target] = template
        return template

    def _metric_set(self) -> EphemeralMetrics:
        metric_set = EphemeralMetrics(namespace=NAMESPACE, service=self._service)
        metric_set.add_dimension("service", self._service)
        return metric_set

    def _write(self, line: Mapping[str, object]) -> None:
        if not self._disabled:
            self._stream.write(f"{_as_json(line)}\n")
            self._stream.flush()


def _dimension(text: str) -> str:
    """Return a text as CloudWatch takes it for the value of a dimension: ASCII alone."""
    return text if text.isascii() else text.encode("ascii", "backslashreplace").decode()
