"""The rule for serverless inference."""

from __future__ import annotations

from typing import TYPE_CHECKING

from gatewayctl.advice.facts import CPU, GIB
from gatewayctl.advice.rule import (
    GUIDE,
    MEASURE_PRICE,
    MEASURE_TRAFFIC,
    Case,
    Condition,
    Option,
    Rule,
    condition,
    measure_boundary,
    measure_memory,
    size_text,
)
from gatewayctl.costs.mathematics import peak_concurrency
from gatewayctl.output import measured, plural

if TYPE_CHECKING:
    from collections.abc import Iterator

    from gatewayctl.advice.facts import Host

IDLE_PART = 0.5
NO_CALLS = "there were no calls"
SERVERLESS_MEMORY = 6 * GIB
"""Source: API reference, ProductionVariantServerlessConfig, `MemorySizeInMB`: at most 6144."""

SERVERLESS_BODY = 4_000_000
SERVERLESS_MS = 60_000
"""Source: SageMaker developer guide, "Invoke a serverless endpoint": 4 MB and 60 seconds.

Of the two meanings of MB, the smaller one is the safe one, and that of `size_text`.
"""

SERVERLESS_CALLS = 200
"""The largest `MaxConcurrency`. Source: API reference, ProductionVariantServerlessConfig."""


def _serverless(case: Case) -> Iterator[Condition]:
    yield Condition(
        "the endpoint serves nothing else, so that it is no longer needed",
        case.is_alone and case.model.kind == "single",
        f"{plural(len(case.account.on(case.model.endpoint)), 'model')}, {case.model.kind}",
    )
    excluded = _excluded(case.endpoint)
    is_called = case.traffic is not None and case.traffic.calls > 0
    yield condition(
        "the endpoint has no GPU, no VPC, no network isolation, and one variant",
        excluded if excluded or None not in _looked_at(case.endpoint) else None,
        lambda one: not one,
        lambda one: ", ".join(one) or "nothing of that",
        measure_boundary(case.model.endpoint),
    )
    yield condition(
        "most hours have no call",
        case.active_hours,
        lambda one: one <= IDLE_PART * case.account.period_hours,
        lambda one: f"{measured(max(0, 1 - one / case.account.period_hours))} have none",
        case.measure_hours,
    )
    yield condition(
        "a call takes less than 60 s",
        case.traffic,
        lambda one: one.p99_ms < SERVERLESS_MS,
        lambda one: f"p99 {one.p99_ms:,.0f} ms" if one.calls else NO_CALLS,
        MEASURE_TRAFFIC,
    )
    yield condition(
        f"at most {SERVERLESS_CALLS} calls are at work at once",
        None if case.traffic is None else peak_concurrency(case.traffic.peak_busy),
        lambda one: one <= SERVERLESS_CALLS,
        lambda one: f"{max(one, 1):,} in the busiest minute" if is_called else NO_CALLS,
        MEASURE_TRAFFIC,
    )
    yield condition(
        "a request has at most 4 MB",
        None if case.traffic is None else case.traffic.largest_body_bytes,
        lambda one: one <= SERVERLESS_BODY,
        lambda one: f"at most {size_text(one)}" if one else NO_CALLS,
        MEASURE_TRAFFIC,
    )
    yield condition(
        "the model takes at most 6 GB of memory",
        case.model.memory_bytes,
        lambda one: one <= SERVERLESS_MEMORY,
        lambda one: f"{one / GIB:,.1f} GB",
        measure_memory(case.model.endpoint),
    )
    now, then = case.endpoint.cost_a_month, _serverless_cost(case)
    yield condition(
        "serverless inference costs less",
        None if now is None or then is None else (now, then),
        lambda one: one[1] < one[0] or case.endpoint.is_serverless,
        lambda one: case.instead(*one),
        MEASURE_PRICE,
    )


def _looked_at(endpoint: Host) -> tuple[str | None, ...]:
    return endpoint.boundary.accelerator, endpoint.boundary.network, endpoint.boundary.isolation


def _excluded(endpoint: Host) -> list[str]:
    """Return what the endpoint is known to have, and what serverless inference does not support.

    Multi-model endpoints and pipelines are excluded, too; they are no `single`.

    Source: SageMaker developer guide, "Deploy models with Amazon SageMaker Serverless Inference",
    "Feature exclusions".
    """
    accelerator, network, isolation = _looked_at(endpoint)
    found = [accelerator] if accelerator not in (None, CPU) else []
    found += ["in a VPC"] if network else []
    found += ["network isolation"] if isolation else []
    return found + ([plural(endpoint.variants, "variant")] if endpoint.variants > 1 else [])


def _serverless_cost(case: Case) -> float | None:
    """Return the price of the model's calls and data in a month; memory comes in whole GB."""
    price, memory = case.account.serverless_price, case.model.memory_bytes
    if price is None or memory is None or case.traffic is None:
        return None
    gigabytes = max(1, -int(-memory // GIB))
    at_work = case.traffic.busy_seconds * gigabytes * price
    data = case.traffic.data_bytes / GIB * case.account.serverless_price_of_data
    return case.a_month(at_work + data)


SERVERLESS = Rule(
    Option.SERVERLESS,
    "idle between bursts, and cold starts are tolerated: serverless inference",
    "Deploy models with Amazon SageMaker Serverless Inference",
    f"{GUIDE}serverless-endpoints.html",
    _serverless,
    to_confirm="callers can wait for a cold start after each idle time",
    risks=(
        "a cold start downloads the image and the artifact: seconds to minutes",
        "an endpoint on instances cannot be converted: it needs a new endpoint",
    ),
    cost_a_month=_serverless_cost,
)
