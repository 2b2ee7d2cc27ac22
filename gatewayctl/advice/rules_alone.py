"""The rules that look at one model: batch, asynchronous, pipeline, single, serverless.

They stand in the order in which they decide: the first one that is not ruled out.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from gatewayctl.advice.facts import CPU, FOLLOWED, GIB, NOTHING
from gatewayctl.advice.rule import (
    DAY,
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
)
from gatewayctl.costs.mathematics import peak_concurrency
from gatewayctl.output import measured, percent, plural

if TYPE_CHECKING:
    from collections.abc import Iterator

    from gatewayctl.advice.facts import Model

SHARED_KINDS = ("mme", "mce", "component")
FEW_HOURS_A_DAY = 3
RUN_CALLS_AN_HOUR = 1000


def _batch(case: Case) -> Iterator[Condition]:
    days = case.account.period_hours / DAY
    yield condition(
        "all calls are those of one principal",
        case.traffic,
        lambda one: one.principals == 1,
        lambda one: plural(one.principals, "principal"),
        MEASURE_TRAFFIC,
    )
    yield condition(
        f"the calls come in at most {FEW_HOURS_A_DAY} hours of a day",
        case.active_hours,
        lambda one: 0 < one <= FEW_HOURS_A_DAY * max(days, 1),
        lambda one: f"in {one / max(days, 1):.1f} hours of a day",
        case.measure_hours,
    )
    yield condition(
        f"an hour with calls has at least {RUN_CALLS_AN_HOUR:,} of them",
        case.calls_an_active_hour,
        lambda one: one >= RUN_CALLS_AN_HOUR,
        lambda one: f"{one:,.0f} an hour",
        case.measure_hours,
    )


def _only_when_called(case: Case) -> float | None:
    """Return the price of the endpoint's instances in the hours that had a call."""
    cost = case.endpoint.cost_a_month
    if cost is None or case.active_hours is None:
        return None
    return cost * min(case.active_hours / case.account.period_hours, 1)


def _size(count: float) -> str:
    """Write a number of bytes in a unit that fits."""
    for unit, bytes_of_unit in (("GB", 1e9), ("MB", 1e6), ("kB", 1e3)):
        if count >= bytes_of_unit:
            return f"{count / bytes_of_unit:,.1f} {unit}"
    return f"{count:,.0f} bytes"


LARGEST_BODY = 25 * 2**20
LONGEST_MS = 25_000


def _asynchronous(case: Case) -> Iterator[Condition]:
    text = "a request is larger than 25 MB, or a call takes longer than 25 s"
    if case.model.kind == "async":
        yield Condition("callers fetch the results later", True, "the endpoint is asynchronous")
    elif (traffic := case.traffic) is None:
        yield Condition(text, None, "unknown", MEASURE_TRAFFIC)
    else:
        is_long = traffic.p99_ms > LONGEST_MS or 100 * traffic.timed_out > traffic.calls
        body = traffic.largest_body_bytes
        found = f"p99 {traffic.p99_ms / 1000:,.1f} s, {traffic.timed_out:,} timed out"
        if body is not None:
            found += f", largest request {_size(body)}"
        is_large = None if body is None else body > LARGEST_BODY
        if 100 * traffic.too_large > traffic.calls:
            is_large, found = True, f"{found}, {traffic.too_large:,} refused because of their size"
        holds = True if is_long or is_large else is_large
        yield Condition(text, holds, found, MEASURE_TRAFFIC)


def _pipeline(case: Case) -> Iterator[Condition]:
    if case.model.kind == "pipeline":
        yield Condition(
            "a call passes through several containers", True, "the endpoint has a pipeline"
        )
        return
    text = (
        f"at least {percent(FOLLOWED)} of the calls come right before or after those of one other "
        "model"
    )
    if case.traffic is None:
        yield Condition(text, None, "unknown", MEASURE_TRAFFIC)
        return
    step = _step(case)
    if step is None:
        yield Condition(text, False, "there is no such model")
        return
    other, part = step
    yield Condition(text, True, f"{measured(part)}, {other.name}")
    boundary = case.endpoint.boundary.admits(case.account.endpoint_of(other).boundary)
    yield Condition(
        "both may share an endpoint",
        boundary,
        ", ".join(case.endpoint.boundary.differences(case.account.endpoint_of(other).boundary))
        or ("unknown" if boundary is None else "nothing separates them"),
        measure_boundary(case.model.endpoint),
    )


def _step(case: Case) -> tuple[Model, float] | None:
    """Return the other step, and which part of the calls of both belong together."""
    name, part = case.account.steps.get(case.model.name, ("", 0.0))
    return (case.account.by_name[name], part) if part >= FOLLOWED else None


MUCH_HOTTER = 10
HALF = 0.5
FEWEST_OTHERS = 2


def _single(case: Case) -> Iterator[Condition]:
    others = len(case.account.on(case.model.endpoint)) - 1
    is_shared = case.model.kind in SHARED_KINDS and others >= FEWEST_OTHERS
    text = f"the model shares its endpoint with at least {FEWEST_OTHERS} others"
    yield Condition(text, is_shared, plural(others, "other"))
    if not is_shared:
        return
    usual = case.account.median_calls(case.model.endpoint)
    yield condition(
        f"the model gets at least {MUCH_HOTTER} times the calls of the median there",
        None if usual is None or case.traffic is None else case.traffic.calls / max(usual, 1),
        lambda one: one >= MUCH_HOTTER,
        lambda one: f"{one:,.1f} times",
        MEASURE_TRAFFIC,
    )
    vcpus = case.endpoint.vcpus
    yield condition(
        "the busiest minute keeps half of an instance's vCPUs at work",
        None if vcpus is None or case.traffic is None else case.traffic.peak_busy / vcpus,
        lambda one: one >= HALF,
        lambda one: f"{percent(one)} of {plural(vcpus or 0, 'vCPU')}",
        MEASURE_TRAFFIC if case.traffic is None else MEASURE_PRICE,
    )


IDLE = 0.5
NO_CALLS = "there were no calls"
SERVERLESS_MEMORY = 6 * GIB
SERVERLESS_BODY = 4 * 2**20
SERVERLESS_MS = 60_000
SERVERLESS_CALLS = 200
"""The largest `MaxConcurrency`. Source: API reference, ProductionVariantServerlessConfig."""


def _serverless(case: Case) -> Iterator[Condition]:
    boundary = case.endpoint.boundary
    yield Condition(
        "the endpoint serves nothing else, so that it is no longer needed",
        case.is_alone and case.model.kind == "single",
        f"{plural(len(case.account.on(case.model.endpoint)), 'model')}, {case.model.kind}",
    )
    yield condition(
        "the model needs no GPU and no VPC",
        None if None in (boundary.accelerator, boundary.network) else boundary,
        lambda one: one.accelerator == CPU and one.network == NOTHING,
        lambda one: f"{one.accelerator}, {'in a VPC' if one.network else 'no VPC'}",
        measure_boundary(case.model.endpoint),
    )
    yield condition(
        "most hours have no call",
        case.active_hours,
        lambda one: one <= IDLE * case.account.period_hours,
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
        lambda one: f"{one:,} in the busiest minute",
        MEASURE_TRAFFIC,
    )
    yield condition(
        "a request has at most 4 MB",
        None if case.traffic is None else case.traffic.largest_body_bytes,
        lambda one: one <= SERVERLESS_BODY,
        lambda one: f"at most {_size(one)}" if one else NO_CALLS,
        MEASURE_TRAFFIC,
    )
    yield condition(
        "the model takes at most 6 GB of memory",
        case.model.memory_bytes,
        lambda one: one <= SERVERLESS_MEMORY,
        _size,
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


def _serverless_cost(case: Case) -> float | None:
    """Return the price of the model's calls and data in a month; memory comes in whole GB."""
    price, memory = case.account.serverless_price, case.model.memory_bytes
    if price is None or memory is None or case.traffic is None:
        return None
    gigabytes = max(1, -int(-memory // GIB))
    at_work = case.traffic.busy_seconds * gigabytes * price
    data = case.traffic.data_bytes / GIB * case.account.serverless_price_of_data
    return case.a_month(at_work + data)


RULES = (
    Rule(
        Option.BATCH,
        "a data set as a whole, for which nobody waits: batch transform",
        "Batch transform for inference with Amazon SageMaker AI",
        f"{GUIDE}batch-transform.html",
        _batch,
        to_confirm="nobody waits for a single answer, and the data is complete when the run starts",
        risks=(
            "the answers are there when the job has ended, and each job starts its own instances",
        ),
        cost_a_month=_only_when_called,
    ),
    Rule(
        Option.ASYNCHRONOUS,
        "requests of up to 1 GB, or calls of up to an hour: asynchronous inference",
        "Asynchronous inference",
        f"{GUIDE}async-inference.html",
        _asynchronous,
        to_confirm="callers can fetch the result later, and no instance runs while nobody calls",
        risks=(
            "the answer does not come in the request",
            "at zero instances, the first request waits minutes for an instance",
        ),
        cost_a_month=_only_when_called,
    ),
    Rule(
        Option.PIPELINE,
        "preprocessing or postprocessing around a model: an inference pipeline",
        "Inference pipelines in Amazon SageMaker AI",
        f"{GUIDE}inference-pipelines.html",
        _pipeline,
        to_confirm="nobody calls one of the steps alone",
        risks=("all steps have the same instances, and fail together",),
    ),
    Rule(
        Option.SINGLE,
        "much more traffic, or stricter latency, than the others: an endpoint of its own",
        "Multi-model endpoints",
        f"{GUIDE}multi-model-endpoints.html",
        _single,
        risks=("another endpoint to pay for and to look after",),
    ),
    Rule(
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
    ),
)
