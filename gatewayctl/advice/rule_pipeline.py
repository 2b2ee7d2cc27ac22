"""The rule for an inference pipeline: models that are called one after the other."""

from __future__ import annotations

from typing import TYPE_CHECKING

from gatewayctl.advice.facts import FOLLOWED
from gatewayctl.advice.lacking import needs
from gatewayctl.advice.rule import (
    GUIDE,
    MEASURE_TRAFFIC,
    Case,
    Condition,
    Option,
    Rule,
    measure_boundary,
    present_cost,
    shared_cost,
    size_text,
)
from gatewayctl.advice.sharing import by_type, endpoint_for, load_of, usable_memory
from gatewayctl.costs.money import LEAST
from gatewayctl.output import first_few, measured, percent, plural

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from gatewayctl.advice.facts import Account, AdvisedModel
    from gatewayctl.advice.sharing import Shared

FOLLOWING = (
    f"at least {percent(FOLLOWED)} of the calls come right before or after those of one other model"
)


def _pipeline(case: Case) -> Iterator[Condition]:
    if case.model.kind == "pipeline":
        text = "a call passes through several containers"
        yield Condition(text, True, "the endpoint has a pipeline")
    elif case.traffic is None:
        yield Condition(FOLLOWING, None, "unknown", MEASURE_TRAFFIC)
    elif (step := _step(case)) is None:
        yield Condition(FOLLOWING, False, "there is no such model")
    else:
        other, part = step
        yield Condition(FOLLOWING, True, f"{measured(part)}, {other.name}")
        yield _may_share(case, other)
        if steps := _steps(case):
            yield _is_free(steps, case.account)
            yield from _fits(case, steps)


def _step(case: Case) -> tuple[AdvisedModel, float] | None:
    """Return the other step, and which part of the calls of both belong together."""
    name, part = case.account.steps.get(case.model.name, ("", 0.0))
    return (case.account.by_name[name], part) if part >= FOLLOWED else None


def _steps(case: Case) -> Sequence[AdvisedModel]:
    """Return all steps of the pipeline; none if it is not known that they may share an endpoint."""
    return case.account.pipelines.get(case.model.name, ())


def _may_share(case: Case, other: AdvisedModel) -> Condition:
    own, its = case.endpoint.boundary, case.account.endpoint_of(other).boundary
    answer = own.admits(its)
    found = "unknown" if answer is None else "nothing separates them"
    less_known = case.model if own.unknown() else other
    return Condition(
        "both may share an endpoint",
        answer,
        ", ".join(own.differences(its)) or found,
        measure_boundary(less_known.endpoint),
    )


def _is_free(steps: Sequence[AdvisedModel], account: Account) -> Condition:
    """Return whether the pipeline can take the place of all endpoints of its steps."""
    names = sorted({one.endpoint for one in steps})
    kept = sorted({*names} - {*account.emptied_by(steps)})
    serverless = [name for name in names if account.endpoints[name].is_serverless]
    found = [f"{first_few(serverless)}: serverless"] if serverless else []
    found += [f"{first_few(kept)}: other models"] if kept else []
    return Condition(
        "the endpoints of the steps have instances, and serve nothing else",
        not found,
        ", ".join(found) or plural(len(names), "endpoint"),
    )


def _fits(case: Case, steps: Sequence[AdvisedModel]) -> Iterator[Condition]:
    """Yield whether one endpoint can hold all steps, for the money that they cost now."""
    text = "all steps fit into the memory of one instance"
    if case.shared is None:
        yield from [*needs(steps, case.account)] or [Condition(text, False, "they do not")]
        return
    like = case.shared.like
    usable = usable_memory(like)
    yield Condition(text, True, f"{percent(case.shared.size / usable)} of {size_text(usable)}")
    yield Condition(
        "the endpoint costs not more than now",
        case.shared.saves > -LEAST,
        f"{plural(case.shared.instances, 'instance')} {like.instance_type} for "
        f"{case.instead(case.shared.cost_now, case.shared.cost_a_month)}",
    )


def _endpoint(case: Case) -> Shared | None:
    """Return the endpoint of the pipeline: its instances take the calls of all steps."""
    steps, account = _steps(case), case.account
    if case.model.kind == "pipeline" or not steps or [*needs(steps, account)]:
        return None
    size = sum(one.memory_bytes or 0 for one in steps)
    found = [
        endpoint_for(steps, account, like, load_of(steps, like, account))
        for like in by_type(steps, account)
        if size <= usable_memory(like)
    ]
    return min(found, key=lambda one: (one.cost_a_month, one.like.name), default=None)


def _cost(case: Case) -> float | None:
    return present_cost(case) if case.model.kind == "pipeline" else shared_cost(case)


PIPELINE = Rule(
    Option.PIPELINE,
    "preprocessing or postprocessing around a model: an inference pipeline",
    "Inference pipelines in Amazon SageMaker AI",
    f"{GUIDE}inference-pipelines.html",
    _pipeline,
    to_confirm="nobody calls one of the steps alone",
    risks=("all steps have the same number of instances, of the same type",),
    cost_a_month=_cost,
    endpoint=_endpoint,
)
