"""The rules that look at several models: components, multi-model, multi-container.

The models of such a case may share an endpoint: `gatewayctl.advice.grouping` has checked the
Region, the execution role, the VPC, the KMS key and the accelerator.
"""

from __future__ import annotations

from math import inf
from statistics import median
from typing import TYPE_CHECKING

from chalicelib.routing.targets import MOST_CONTAINERS
from gatewayctl.advice.alike import may_share
from gatewayctl.advice.rule import (
    GUIDE,
    MEASURE_PRICE,
    MEASURE_TRAFFIC,
    Case,
    Condition,
    Option,
    Rule,
    look_at_memory,
    measure_boundary,
    measure_memory,
    seen,
    size_text,
)
from gatewayctl.advice.rules_alone import BUSY_PART, FEWEST_OTHERS, MUCH_HOTTER
from gatewayctl.advice.sharing import alone_cost, share_text, usable_memory
from gatewayctl.output import first_few, measured, percent, plural

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from gatewayctl.advice.facts import Account, AdvisedModel, Host
    from gatewayctl.advice.sharing import Shared


MIXED_TYPES = (
    "give all variants of the endpoint the same type of instance, or compare with --what-if TABLE "
    "and --plan"
)

NO_INSTANCES = (
    "nobody knows which instances a model of a serverless endpoint needs: compare with --what-if "
    "TABLE and --plan"
)


def needs(models: Sequence[AdvisedModel], account: Account) -> Iterator[Condition]:
    """Yield what has to be known of the models before an endpoint for them can be judged."""
    without_size = [one for one in models if one.memory_bytes is None]
    if without_size:
        yield Condition(
            "the memory is enough for the models",
            None,
            f"unknown for {first_few([one.name for one in without_size])}",
            measure_memory(without_size[0].endpoint),
        )
    without_traffic = [one.name for one in models if one.traffic is None]
    if without_traffic:
        yield Condition(
            "the instances are enough for the calls",
            None,
            f"unknown for {first_few(without_traffic)}",
            MEASURE_TRAFFIC,
        )
    for one in models:
        yield from seen(one, account)
    hosts = [account.endpoint_of(one) for one in models]
    unpriced = [
        one.name for one in hosts if None in (one.cost_a_month, one.vcpus, one.memory_bytes)
    ]
    if unpriced:
        mixed = any(one.instance_type is None and one.instances for one in hosts)
        serverless = any(one.is_serverless for one in hosts)
        yield Condition(
            "the endpoint costs less than now",
            None,
            f"unknown for {first_few(unpriced)}",
            NO_INSTANCES if serverless else MIXED_TYPES if mixed else MEASURE_PRICE,
        )


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
        f"{plural(number, 'model')} take {size_text(size)} of {size_text(usable)}, and this one "
        f"takes {size_text(model.memory_bytes or 0)}",
    )


def no_accelerators(host: Host) -> Condition:
    """Return the condition that nobody knows how many components an instance may have."""
    return Condition(
        "an instance has an accelerator for each component",
        None,
        f"unknown for {host.instance_type}",
        f"write the number of accelerators of {host.instance_type} into the file of --prices, as "
        "its gpus",
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


def others_unknown(
    model: AdvisedModel,
    rest: Sequence[AdvisedModel],
    unsure: Sequence[AdvisedModel],
    account: Account,
) -> Iterator[Condition]:
    """Yield what is unknown of the question whether others may share an endpoint with a model.

    Args:
        rest: The models that no rule for one model claims.
        unsure: Those of which that is unknown.
    """
    text = "no other model may share an endpoint with this one"
    if account.endpoint_of(model).is_serverless:
        costs = "an endpoint on instances costs less than serverless inference"
        yield Condition(costs, None, "unknown", NO_INSTANCES)
    for other in rest:
        if other is model:
            continue
        may = may_share(model, other, account)
        if may is None or (may and None in (model.image, other.image)):
            how = measure_boundary(_less_known(model, other, account).endpoint)
            yield Condition(text, None, f"unknown for {other.name}", how)
            return
    for other in unsure:
        if may_share(model, other, account):
            found = f"{other.name} may, if no rule claims it alone"
            yield Condition(text, None, found, f"measure first what {other.name} lacks")
            return


def _less_known(model: AdvisedModel, other: AdvisedModel, account: Account) -> AdvisedModel:
    """Return the model if its image or its boundary is not known, else the other one."""
    is_unknown = model.image is None or account.endpoint_of(model).boundary.unknown()
    return model if is_unknown else other


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
            f"{share_text(shared.cold)} by the assumed memory, on as many instances as you like",
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


def _shared_cost(case: Case) -> float | None:
    """Return what the shared endpoint costs in a month."""
    return None if case.shared is None else case.shared.cost_a_month


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
    _costs,
    to_confirm="the accelerators of one instance are enough for all of them",
    cost_a_month=_shared_cost,
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
    cost_a_month=_shared_cost,
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
    cost_a_month=_shared_cost,
)
DEFAULT = Rule(
    Option.SINGLE,
    "no other rule holds: an endpoint of its own",
    "Real-time inference",
    f"{GUIDE}realtime-endpoints.html",
    lambda case: iter(()),
    cost_a_month=_own_cost,
)
