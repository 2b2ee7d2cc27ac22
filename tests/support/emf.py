"""Reads metrics in CloudWatch's embedded metric format, and checks them against the specification.

Source: https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/CloudWatch_Embedded_Metric_Format_Specification.html
"""

from __future__ import annotations

import io
import json
import time
from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from aws_lambda_powertools import Logger

from chalicelib.telemetry.log import Telemetry
from tests.support.gateway import Log

if TYPE_CHECKING:
    from collections.abc import Iterable
    from typing import TextIO

MAX_DIMENSIONS = 30
MAX_METRICS = 100
MAX_VALUES = 100
MAX_NAME = 1024
OLDEST_MS, NEWEST_MS = 14 * 24 * 3600 * 1000, 2 * 3600 * 1000
UNITS = {"Count", "Milliseconds", "Seconds"}

Series = tuple[tuple[tuple[str, str], ...], str]
"""What CloudWatch bills separately: the dimensions with their values, and the metric's name."""


class NotEmf(AssertionError):
    """CloudWatch would take no metrics from a document."""


@dataclass(frozen=True)
class Blob:
    """One valid document."""

    members: dict[str, Any]

    @property
    def namespace(self) -> str:
        return str(self._directive["Namespace"])

    @property
    def dimensions(self) -> list[list[str]]:
        return list(self._directive["Dimensions"])

    @property
    def units(self) -> dict[str, str]:
        return {metric["Name"]: metric["Unit"] for metric in self._directive["Metrics"]}

    @property
    def values(self) -> dict[str, float]:
        return {name: sum(_values(self.members[name])) for name in self.units}

    @property
    def _directive(self) -> dict[str, Any]:
        (only,) = self.members["_aws"]["CloudWatchMetrics"]
        return dict(only)


def read(text: str) -> list[Blob]:
    """Read one document from each line.

    Raises:
        NotEmf: A line is not a valid document.
    """
    *lines, rest = text.split("\n")
    _must(rest == "", "the last line has no end")
    return [_blob(line) for line in lines]


def check(members: Any) -> None:
    """Check the rules of the specification.

    Raises:
        NotEmf: One of them is broken.
    """
    _must(isinstance(members, dict), "it is no object")
    aws = members.get("_aws")
    _must(isinstance(aws, dict), "it has no _aws")
    stamp = aws.get("Timestamp")
    _must(type(stamp) is int, "Timestamp is no whole number")
    now = time.time() * 1000
    _must(now - OLDEST_MS < stamp < now + NEWEST_MS, "Timestamp is no time in milliseconds")
    _must(bool(aws.get("CloudWatchMetrics")), "there is no directive")
    for directive in aws["CloudWatchMetrics"]:
        _must(0 < len(directive["Namespace"]) <= MAX_NAME, "the namespace's length")
        for names in directive["Dimensions"]:
            _must(0 < len(names) <= MAX_DIMENSIONS, "the number of dimensions")
            _must(len(set(names)) == len(names), "a dimension comes twice")
            for name in names:
                value = members.get(name)
                _must(isinstance(value, str), f"the dimension {name} is no text")
                _must(0 < len(value) <= MAX_NAME and value.isascii(), f"the value of {name}")
        metrics = directive["Metrics"]
        _must(0 < len(metrics) <= MAX_METRICS, "the number of metrics")
        _must(len({metric["Name"] for metric in metrics}) == len(metrics), "a name comes twice")
        for metric in metrics:
            _check_metric(metric, members)


def published(blobs: Iterable[Blob]) -> Counter[Series]:
    """Add up each metric in each of its dimension sets, as CloudWatch does."""
    sums: Counter[Series] = Counter()
    for blob in blobs:
        for names in blob.dimensions:
            dimensions = tuple((name, blob.members[name]) for name in names)
            for name, value in blob.values.items():
                sums[dimensions, name] += value
    return sums


class MetricsLog(Log):
    """The log and the metrics of a gateway, in two streams unless `stream` is given."""

    def __init__(
        self, *, per_model: bool = True, per_principal: bool = False, stream: TextIO | None = None
    ) -> None:
        super().__init__()
        self.service = f"gateway-{next(self._numbers)}"  # Powertools keeps a handler for each name
        self.metrics = io.StringIO()
        logger = Logger(service=self.service, stream=stream or self.stream)
        self.telemetry = Telemetry(
            logger,
            per_model=per_model,
            per_principal=per_principal,
            metrics_to=stream or self.metrics,
        )

    @property
    def blobs(self) -> list[Blob]:
        return read(self.metrics.getvalue())

    def sums(self, **dimensions: str) -> dict[str, float]:
        """Return by name what is published under the service and these dimensions."""
        wanted = (("service", self.service), *dimensions.items())
        sums = published(self.blobs)
        return {name: value for (found, name), value in sums.items() if found == wanted}


def _blob(line: str) -> Blob:
    try:
        members = json.loads(line)
    except ValueError as error:
        raise NotEmf(f"no JSON: {line!r}") from error
    check(members)
    return Blob(members)


def _check_metric(metric: dict[str, Any], members: dict[str, Any]) -> None:
    name = metric["Name"]
    _must(0 < len(name) <= MAX_NAME, "the length of a name")
    _must(metric["Unit"] in UNITS, f"the unit of {name}")
    _must(name in members, f"{name} has no value")
    values = _values(members[name])
    _must(0 < len(values) <= MAX_VALUES, f"the number of values of {name}")
    _must(all(type(value) in {int, float} for value in values), f"{name} is no number")


def _values(member: Any) -> list[Any]:
    return member if isinstance(member, list) else [member]


def _must(holds: bool, rule: str) -> None:
    if not holds:
        raise NotEmf(rule)
