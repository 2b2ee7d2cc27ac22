"""The rules that look at several models: components, multi-model, multi-container.

The models of such a case may share an endpoint: `gatewayctl.advice.grouping` has checked the
Region, the execution role, the VPC, the KMS key and the accelerator.
"""

from __future__ import annotations

from math import inf
from statistics import median
from typing import TYPE_CHECKING

from chalicelib.routing.targets import MOST_CONTAINERS
from gatewayctl.advice.rule import (
    GUIDE,
    Case,
    Condition,
    Option,
    Rule,
    look_at_memory,
    shared_cost,
    size_text,
)
from gatewayctl.advice.rules_alone import BUSY_PART, FEWEST_OTHERS, MUCH_HOTTER
from gatewayctl.advice.sharing import alone_cost, share_text, usable_memory
from gatewayctl.output import measured, percent, plural

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from gatewayctl.advice.facts import Account, AdvisedModel, Host
    from gatewayctl.advice.sharing import Shared


ONE_IMAGE = Condition("they have several images", False, plural(1, "image"))


def no_room(model: AdvisedModel, usable: float) -> Condition:
    """Return the condition that the model fits on an instance."""
    size = size_text(model.memory_bytes or 0)
    found = f"it takes {size}, and models get {size_text(usable)} of an instance"
    return Condition("the model fits into the memory of an instance", False, found)


def no_place(model: AdvisedModel, like: Host, endpoints: Sequence[Shared]) -> Condition:
    """Return the condition that there is a place for the model beside others.

    Args:
        like: The endpoint whose type of instance was looked at.
        endpoints: The ones that have no place.
    """
    usable = usable_memory(like)
    taken = [(one.size, len(one.models)) for one in endpoints if model not in one.models]
    if not taken or (model.memory_bytes or 0) > usable:
        return no_room(model, usable)
    size, number = min(taken)
    return Condition(
        f"an endpoint has a place beside others: at most {MOST_CONTAINERS} models, and memory",
        False,
        f"{size_text(size)} of {size_text(usable)} are taken by {plural(number, 'model')}, and "
        f"this one takes {size_text(model.memory_bytes or 0)}",
    )


def much_busier(group: Sequence[AdvisedModel], account: Account) -> dict[str, Condition]:
    """Return the models that get much more traffic than the others of a group, and how much."""
    calls = [one.traffic.calls for one in group if one.traffic is not None]
    usual = max(median(calls), 1) if len(calls) > FEWEST_OTHERS else inf
    found = {}
    for one in group:
        vcpus = account.endpoint_of(one).vcpus
        if one.traffic is None or not vcpus:
            continue
        times, part = one.traffic.calls / usual, one.traffic.peak_busy / vcpus
        if times >= MUCH_HOTTER and part >= BUSY_PART:
            found[one.name] = Condition(
                "the model gets much more traffic than those that it could join",
                True,
                f"{times:,.1f} times the calls of the median, and its busiest minute keeps "
                f"{percent(part)} of {plural(vcpus, 'vCPU')} at work",
            )
    return found


def _costs(case: Case) -> Iterator[Condition]:
    if (shared := case.shared) is None:
        return
    then = f"{plural(shared.instances, 'instance')} {shared.like.instance_type}"
    is_there = {one.endpoint for one in shared.models} == {case.model.endpoint}
    yield Condition(
        "the endpoint is there already" if is_there else "the endpoint costs less than now",
        is_there or shared.saves > 0,
        f"{then} for {case.instead(shared.cost_now, shared.cost_a_month)}",
    )


GIVE_FACTOR = "see what the models take, and give the --memory-factor that fits: "


def _cold(case: Case) -> Iterator[Condition]:
    if (shared := case.shared) is None:
        return
    (low, high), target = shared.cold, case.cold_target
    text = f"at most {percent(target)} of the calls find their model not loaded"
    if shared.unexplained is not None:
        endpoint = case.model.endpoint
        yield Condition(
            text,
            None,
            f"{measured(shared.unexplained)} were measured on {endpoint}, more than the assumed "
            "memory explains",
            GIVE_FACTOR + look_at_memory(endpoint),
        )
        return
    is_there = {one.endpoint for one in shared.models} == {case.model.endpoint}
    if is_there and low > target:
        yield Condition(
            text,
            None,
            f"{share_text(shared.cold)} by the assumed memory, on any number of instances",
            f"{GIVE_FACTOR}{look_at_memory(case.model.endpoint)}; or compare a larger type of "
            "instance with --what-if TABLE and --plan",
        )
        return
    yield Condition(
        text,
        True if high <= target else None if low <= target else False,
        f"{share_text(shared.cold)} on {plural(shared.instances, 'instance')}"
        + ", measured" * shared.is_measured,
        "give it a part of the traffic, and look at the endpoint's ModelCacheHit in CloudWatch; or "
        "take an instance type whose memory holds all models",
    )


def _multi_model(case: Case) -> Iterator[Condition]:
    yield from _cold(case)
    yield from _costs(case)


def _all_loaded(case: Case) -> Iterator[Condition]:
    models = case.shared.models if case.shared else ()
    number, images = len(models), len({one.image for one in models})
    if images > 1 and len({one.endpoint for one in models}) > 1:
        yield Condition("they have several images", True, plural(images, "image"))
    yield Condition(
        f"there are at most {MOST_CONTAINERS} models",
        number <= MOST_CONTAINERS,
        plural(number, "model"),
    )
    yield from _costs(case)


def _components(case: Case) -> Iterator[Condition]:
    models = case.shared.models if case.shared else ()
    if case.shared and len({one.endpoint for one in models}) > 1:
        number = case.shared.like.accelerators or 0
        each = number * case.shared.instances >= len(models)
        found = f"{plural(number, 'accelerator')} on an instance"
        yield Condition("each component has an accelerator of its own", each, found)
    yield from _costs(case)


def _own_cost(case: Case) -> float | None:
    """Return what the model costs in a month on the endpoint that it has, or would have, alone."""
    return case.endpoint.cost_a_month if case.is_alone else alone_cost(case.model, case.account)


LABEL = "com.amazonaws.sagemaker.capabilities"
NEIGHBOURS = ("a burst of calls of one model makes those of the others wait",)
COMPONENTS = Rule(
    Option.COMPONENTS,
    "several models on accelerators, each with resources of its own: inference components",
    "Deploy models for real-time inference",
    f"{GUIDE}realtime-endpoints-deploy-models.html",
    _components,
    to_confirm="no component needs more than one accelerator",
    cost_a_month=shared_cost,
)
MULTI_MODEL = Rule(
    Option.MULTI_MODEL,
    "many models of one framework, of similar size and time: a multi-model endpoint",
    "Multi-model endpoints",
    f"{GUIDE}multi-model-endpoints.html",
    _multi_model,
    to_confirm=f"the image can load models on demand: its label {LABEL}.multi-models is true",
    risks=(
        "a model that was not called for long is loaded again, and its caller waits",
        *NEIGHBOURS,
    ),
    cost_a_month=shared_cost,
)
MULTI_CONTAINER = Rule(
    Option.MULTI_CONTAINER,
    "models of different frameworks: a multi-container endpoint",
    "Multi-container endpoints",
    f"{GUIDE}multi-container-endpoints.html",
    _all_loaded,
    to_confirm="the images listen on the port that SageMaker names: their label "
    f"{LABEL}.accept-bind-to-port is true",
    risks=NEIGHBOURS,
    cost_a_month=shared_cost,
)
SHARING = (COMPONENTS, MULTI_MODEL, MULTI_CONTAINER)
DEFAULT = Rule(
    Option.SINGLE,
    "no other rule holds: an endpoint of its own",
    "Real-time inference",
    f"{GUIDE}realtime-endpoints.html",
    lambda case: iter(()),
    cost_a_month=_own_cost,
)
