"""What a period costs: hours of instances, and what serverless inference takes."""

from __future__ import annotations

from fractions import Fraction
from typing import TYPE_CHECKING

from gatewayctl.costs.figures import Figure, Origin, calculated, unknown

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from gatewayctl.costs.cloudwatch import VariantMetrics
    from gatewayctl.costs.hosting import EndpointHosting, Serverless, VariantHosting
    from gatewayctl.costs.prices import Prices
    from gatewayctl.costs.usage import Period, Use

SECONDS_PER_HOUR = 3600
BYTES_PER_GB = 2**30

PRESENT_COUNT = "the instances that are there now were there all the time"
BILLED_AS_MEASURED = "serverless inference bills the time that the gateway has measured"
NO_DATA = "the data in and out costs nothing, because the prices do not say what it costs"
NO_PRICES = "give --prices FILE; gatewayctl prices --out FILE writes one"
NO_HOSTING = "the endpoint was not read: credentials or --endpoints FILE are needed"

NOTHING = Figure(Fraction(0), Origin.MEASURED)


def _variant_seconds(
    variant: VariantHosting, metrics: VariantMetrics | None, period: Period, created: float | None
) -> Figure[int]:
    """Return how long instances of a variant were there in a period, added up."""
    if variant.serverless is not None:
        return Figure(0, Origin.AWS)
    if metrics is not None and metrics.instance_seconds is not None:
        if metrics.is_count_assumed:
            return Figure(metrics.instance_seconds, Origin.ASSUMED, PRESENT_COUNT)
        return Figure(metrics.instance_seconds, Origin.AWS)
    if variant.instances is None:
        return unknown("the number of instances is not known")
    first = period.first if created is None else max(period.first, created)
    seconds = max(0, round(period.last - first))
    return Figure(variant.instances * seconds, Origin.ASSUMED, PRESENT_COUNT)


def instance_seconds(
    hosting: EndpointHosting, metrics: Mapping[str, VariantMetrics], period: Period
) -> Figure[int]:
    """Return how long instances of an endpoint were there in a period, added up."""
    if not hosting.variants:
        return unknown(NO_HOSTING)
    each = (
        _variant_seconds(one, metrics.get(one.name), period, hosting.created)
        for one in hosting.variants
    )
    return calculated(lambda *seconds: sum(seconds), *each)


def instance_cost(
    hosting: EndpointHosting,
    metrics: Mapping[str, VariantMetrics],
    period: Period,
    prices: Prices | None,
) -> Figure[Fraction]:
    """Return what the instances of an endpoint cost in a period."""
    if not hosting.variants:
        return unknown(NO_HOSTING)
    if prices is None:
        return unknown(NO_PRICES)
    costs = [
        calculated(
            lambda seconds, price: Fraction(seconds, SECONDS_PER_HOUR) * Fraction(price),
            _variant_seconds(one, metrics.get(one.name), period, hosting.created),
            prices.per_hour(one.instance_type),
        )
        for one in hosting.variants
        if one.serverless is None
    ]
    return summed(costs)


def per_hour(hosting: EndpointHosting, prices: Prices | None) -> Figure[Fraction]:
    """Return what an hour without calls costs, with the capacity that is there now."""
    if not hosting.variants:
        return unknown(NO_HOSTING)
    if prices is None:
        return unknown(NO_PRICES)
    costs = []
    for one in hosting.variants:
        if one.serverless is not None:
            costs.append(provisioned_cost(one.serverless, SECONDS_PER_HOUR, prices))
        elif one.instances is None:
            costs.append(unknown("the number of instances is not known"))
        else:
            count = Figure(one.instances, Origin.AWS)
            price = prices.per_hour(one.instance_type)
            costs.append(calculated(lambda n, each: n * Fraction(each), count, price))
    return summed(costs)


def provisioned_cost(
    serverless: Serverless, seconds: int, prices: Prices | None
) -> Figure[Fraction]:
    """Return what provisioned concurrency costs without calls."""
    if not serverless.provisioned:
        return NOTHING
    known = prices.serverless.provisioned_per_second if prices and prices.serverless else {}
    if prices is None or serverless.memory_mb not in known:
        return unknown(f"the prices have no provisioned concurrency of {serverless.memory_mb} MB")
    amount = serverless.provisioned * seconds * Fraction(known[serverless.memory_mb])
    return Figure(amount, prices.origin, prices.note)


def use_cost(serverless: Serverless, use: Use, prices: Prices | None) -> Figure[Fraction]:
    """Return what calls of a serverless variant cost: their time, and the data in and out."""
    if prices is None:
        return unknown(NO_PRICES)
    if prices.serverless is None:
        return unknown("the prices have none of serverless inference")
    by_size = (
        prices.serverless.provisioned_use_per_second
        if serverless.provisioned
        else prices.serverless.per_second
    )
    if serverless.memory_mb not in by_size:
        return unknown(f"the prices have no serverless inference of {serverless.memory_mb} MB")
    time = Fraction(use.busy_ms, 1000) * Fraction(by_size[serverless.memory_mb])
    per_gb = prices.serverless.per_gb_processed
    data = Fraction(use.bytes_in + use.bytes_out, BYTES_PER_GB) * Fraction(per_gb or 0)
    assumption = BILLED_AS_MEASURED if per_gb is not None else f"{BILLED_AS_MEASURED}; {NO_DATA}"
    return Figure(time + data, Origin.ASSUMED, f"{assumption}; {prices.note}")


def summed(figures: Iterable[Figure[Fraction]]) -> Figure[Fraction]:
    """Return the sum of amounts."""
    return calculated(lambda *amounts: sum(amounts, Fraction(0)), *figures)
