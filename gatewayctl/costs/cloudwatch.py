"""What CloudWatch knows of endpoints: invocations, latency, and how long instances were there.

Every metric is asked for by EndpointName and VariantName: without the variant there are no data
points, and an endpoint at work looks idle.

Source: SageMaker developer guide, "Amazon SageMaker AI metrics in Amazon CloudWatch".
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import accumulate
from typing import TYPE_CHECKING, Any, NamedTuple

from gatewayctl.account.calls import Pace, ReadClient

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from gatewayctl.costs.hosting import EndpointHosting
    from gatewayctl.costs.usage import Period

    Points = Mapping[int, float]

SERVICE = "cloudwatch"
CALLS_PER_SECOND = 10.0
"""Far below the 50 of GetMetricData's quota. Source: CloudWatch user guide, "service quotas"."""

MOST_QUERIES = 500
MOST_POINTS = 100_800
"""Source: API reference, GetMetricData: the most queries and data points of one response."""

STEP_SECONDS = 300
LONG_STEP_SECONDS = 3600
STEP_KEPT_DAYS = 63
"""CloudWatch keeps periods of 300 s so long. Source: API reference, GetMetricData, `Period`."""

INVOCATIONS = "AWS/SageMaker"
INSTANCES = "/aws/sagemaker/Endpoints"
MICROSECONDS = 1_000_000


class _Metric(NamedTuple):
    namespace: str
    name: str
    statistic: str


_METRICS = {
    "invocations": _Metric(INVOCATIONS, "Invocations", "Sum"),
    "latency": _Metric(INVOCATIONS, "ModelLatency", "Sum"),
    # Each request adds 1 / the number of instances, so that both sums together say that number.
    "normalized": _Metric(INVOCATIONS, "InvocationsPerInstance", "Sum"),
    # Instances write it, so that there is none while there are no instances.
    "alive": _Metric(INSTANCES, "CPUUtilization", "SampleCount"),
}


@dataclass(frozen=True, slots=True)
class VariantMetrics:
    """What CloudWatch counted for one variant in a period; None stands for no data."""

    invocations: int | None = None
    """All calls, also those that did not come through the gateway."""
    latency_seconds: float | None = None
    """The time that its containers took for all calls, added up."""
    instance_seconds: int | None = None
    """How long instances were there, added up, to the 5 minutes."""
    is_count_assumed: bool = False
    """Whether the number of instances is that of now, because no call told that of then."""


class CloudWatch:
    """Reads the metrics of endpoints.

    Args:
        client: A boto3 client of CloudWatch.
        progress: Is called with a line about the progress.
    """

    def __init__(
        self,
        client: Any,
        progress: Callable[[str], object] = lambda line: None,
        pace: Pace | None = None,
    ) -> None:
        self._client = ReadClient(SERVICE, client, pace or Pace(CALLS_PER_SECOND))
        self._progress = progress

    def metrics(
        self, endpoints: Mapping[str, EndpointHosting], period: Period
    ) -> dict[str, dict[str, VariantMetrics]]:
        """Return what CloudWatch says of a period, by endpoint and variant.

        Raises:
            NotReachable: CloudWatch does not answer.
            CannotRead: A permission is missing.
        """
        step = STEP_SECONDS
        if period.seconds > STEP_KEPT_DAYS * 86_400:
            step = LONG_STEP_SECONDS
        variants = [
            (name, variant.name, variant.instances)
            for name, endpoint in sorted(endpoints.items())
            for variant in endpoint.variants
        ]
        points_each = len(_METRICS) * (period.seconds // step + 2)
        size = max(1, min(MOST_QUERIES // len(_METRICS), MOST_POINTS // points_each))
        found: dict[str, dict[str, VariantMetrics]] = {}
        for start in range(0, len(variants), size):
            part = variants[start : start + size]
            points = self._points([one[:2] for one in part], period, step)
            for number, (endpoint, variant, instances) in enumerate(part):
                of_variant = {name: points[f"{name}_{number}"] for name in _METRICS}
                metrics = _variant_metrics(of_variant, step, instances)
                found.setdefault(endpoint, {})[variant] = metrics
            self._progress(f"metrics of {start + len(part):,} of {len(variants):,} variants read")
        return found

    def _points(
        self, variants: Sequence[tuple[str, str]], period: Period, step: int
    ) -> dict[str, dict[int, float]]:
        """Return the data points of each metric of each variant, by their times."""
        queries = [
            _query(f"{name}_{number}", metric, names, step)
            for number, names in enumerate(variants)
            for name, metric in _METRICS.items()
        ]
        found: dict[str, dict[int, float]] = {query["Id"]: {} for query in queries}
        for page in self._client.pages(
            "metrics of the endpoints",
            "get_metric_data",
            ("NextToken", "NextToken"),
            MetricDataQueries=queries,
            StartTime=datetime.fromtimestamp(period.first, UTC),
            EndTime=datetime.fromtimestamp(period.last, UTC),
        ):
            for result in page["MetricDataResults"]:
                times = (int(moment.timestamp()) for moment in result["Timestamps"])
                found[result["Id"]].update(zip(times, result["Values"], strict=True))
        return found


def _query(identifier: str, metric: _Metric, names: tuple[str, str], step: int) -> dict[str, Any]:
    dimensions = zip(("EndpointName", "VariantName"), names, strict=True)
    return {
        "Id": identifier,
        "MetricStat": {
            "Metric": {
                "Namespace": metric.namespace,
                "MetricName": metric.name,
                "Dimensions": [{"Name": name, "Value": value} for name, value in dimensions],
            },
            "Period": step,
            "Stat": metric.statistic,
        },
    }


def _variant_metrics(
    points: Mapping[str, Points], step: int, instances: int | None
) -> VariantMetrics:
    """Return what the data points say, if there are some of the variant at all."""
    if not any(points.values()):
        return VariantMetrics()
    counts = _instance_counts(points, instances)
    return VariantMetrics(
        invocations=round(sum(points["invocations"].values())),
        latency_seconds=sum(points["latency"].values()) / MICROSECONDS,
        instance_seconds=step * sum(counts) if points["alive"] else None,
        is_count_assumed=not _ratios(points),
    )


def _ratios(points: Mapping[str, Points]) -> dict[int, int]:
    """Return the number of instances at the times at which there were calls."""
    return {
        moment: max(1, round(calls / points["normalized"][moment]))
        for moment, calls in points["invocations"].items()
        if calls > 0 and points["normalized"].get(moment, 0) > 0
    }


def _instance_counts(points: Mapping[str, Points], instances: int | None) -> Iterator[int]:
    """Return the number of instances at each time at which there were some.

    A time without calls has the number of the time before it, and the first ones that of the
    first call; if there were no calls, all have the number of now.
    """
    ratios = _ratios(points)
    first = next((ratios[moment] for moment in sorted(ratios)), max(1, instances or 1))
    known = (ratios.get(moment, 0) for moment in sorted(points["alive"]))
    counts = accumulate(known, lambda before, now: now or before, initial=first)
    next(counts)
    return counts
