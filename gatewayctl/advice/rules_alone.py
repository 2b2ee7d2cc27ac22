"""The rules that look at one model: batch, asynchronous, pipeline, single, serverless.

They stand in the order in which they decide: the first one that is not ruled out. Numbers that AWS
gives have their source; the others are this project's (docs/which-option.md, "The rules").
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from chalicelib.payload.admission import MAX_PAYLOAD_BYTES
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
    size_text,
)
from gatewayctl.advice.rule_pipeline import PIPELINE
from gatewayctl.advice.rule_serverless import SERVERLESS
from gatewayctl.advice.sharing import alone_cost
from gatewayctl.output import percent, plural

if TYPE_CHECKING:
    from collections.abc import Iterator

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
    """Return the price of the endpoint's instances in the hours that had a call.

    That of a serverless endpoint does not say what instances would cost, nor which ones these are.
    """
    cost = None if case.endpoint.is_serverless else case.endpoint.cost_a_month
    if cost is None or case.active_hours is None:
        return None
    return cost * min(case.active_hours / case.account.period_hours, 1)


LONGEST_MS = 25_000
"""API Gateway ends a request after 29 s."""


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
            found += f", largest request {size_text(body)}"
        is_large = None if body is None else body > MAX_PAYLOAD_BYTES
        if 100 * traffic.too_large > traffic.calls:
            is_large, found = True, f"{found}, {traffic.too_large:,} refused because of their size"
        holds = True if is_long or is_large else is_large
        yield Condition(text, holds, found, MEASURE_TRAFFIC)


MUCH_HOTTER = 10
BUSY_PART = 0.5
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
        lambda one: one >= BUSY_PART,
        lambda one: f"{percent(one)} of {plural(vcpus or 0, 'vCPU')}",
        MEASURE_TRAFFIC if case.traffic is None else MEASURE_PRICE,
    )


MUCH_BUSIER = Rule(
    Option.SINGLE,
    "much more traffic, or stricter latency, than the others: an endpoint of its own",
    "Multi-model endpoints",
    f"{GUIDE}multi-model-endpoints.html",
    _single,
    risks=("another endpoint to pay for and to look after",),
    cost_a_month=lambda case: alone_cost(case.model, case.account),
)
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
    PIPELINE,
    MUCH_BUSIER,
    SERVERLESS,
)
