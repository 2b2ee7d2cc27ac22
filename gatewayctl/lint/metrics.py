"""What metrics for each model cost at CloudWatch."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

    from gatewayctl.lint.subject import Remark, Subject

MANY_MODELS = 1_000
METRICS_PER_MODEL = 8
"""What `chalicelib.telemetry.metrics` can write of a model."""

METRICS_OF_A_HEALTHY_MODEL = 3
"""`Invocations` and the two latencies: zeros are not written."""

PRICES = "https://aws.amazon.com/cloudwatch/pricing/"
REGION = "us-east-1"
# Cents a month for a custom metric, and how many cost that much; then comes the next price.
TIERS = ((30, 10_000), (10, 240_000), (5, 750_000))
LAST_CENTS = 2


def price_of_metrics(subject: Subject) -> Iterator[Remark]:
    """A bill that nobody expects."""
    models = len(subject.table)
    if models > MANY_MODELS and subject.has_model_metrics():
        most = monthly_usd(models * METRICS_PER_MODEL)
        healthy = monthly_usd(models * METRICS_OF_A_HEALTHY_MODEL)
        yield (
            ("models",),
            f"metrics of {models:,} models cost up to {most:,.2f} USD a month when all are called "
            f"in every hour, {healthy:,.2f} while nothing fails ({METRICS_PER_MODEL} and "
            f"{METRICS_OF_A_HEALTHY_MODEL} custom metrics each; {REGION}, {PRICES}); "
            "GATEWAY_METRICS_PER_MODEL=off writes their sums alone",
        )


def monthly_usd(metrics: int) -> float:
    """The list price of so many custom metrics."""
    cents = 0
    for price, size in TIERS:
        cents += min(metrics, size) * price
        metrics = max(0, metrics - size)
    return (cents + metrics * LAST_CENTS) / 100
