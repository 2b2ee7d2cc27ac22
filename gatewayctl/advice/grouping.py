"""Puts models into groups that may share an endpoint, and judges the rules for each group."""

from __future__ import annotations

from collections import defaultdict
from math import inf
from statistics import median
from typing import TYPE_CHECKING

from gatewayctl.advice.facts import CPU, GPU, NEURON
from gatewayctl.advice.rule import Case, Condition, Rule, Verdict, measure_boundary, seen
from gatewayctl.advice.rules_alone import BUSY_PART, FEWEST_OTHERS, MUCH_HOTTER
from gatewayctl.advice.rules_shared import (
    COMPONENTS,
    DEFAULT,
    MULTI_CONTAINER,
    MULTI_MODEL,
    NO_INSTANCES,
    needs,
)
from gatewayctl.advice.sharing import shared
from gatewayctl.output import percent, plural

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from gatewayctl.advice.facts import Account, AdvisedModel

STAYING = {"mce": MULTI_CONTAINER, "component": COMPONENTS}
SIMILAR = 10
"""Models are similar if none takes more than so many times the time or memory of the median."""

MEASURES: tuple[Callable[[AdvisedModel], float | None], ...] = (
    lambda one: one.memory_bytes,
    lambda one: None if one.traffic is None else one.traffic.p50_ms,
)


class Groups:
    """Finds endpoints for several models, among those that no rule for one model claims.

    Args:
        unsure: The models of which it is unknown whether a rule for one model claims them.
    """

    def __init__(
        self, account: Account, cold_target: float, unsure: Sequence[AdvisedModel]
    ) -> None:
        self._account = account
        self._cold_target = cold_target
        self._unsure = unsure
        self._found: defaultdict[str, list[Verdict]] = defaultdict(list)
        self._hot: dict[str, Condition] = {}
        """Why a model is in no group, by its name."""

    def of(self, models: Sequence[AdvisedModel]) -> dict[str, list[Verdict]]:
        """Return the verdicts for each of the models."""
        left = list(models)
        for kind, rule in STAYING.items():
            left = self._offer(rule, _on_one_endpoint(kind, left), left)
        for accelerator, rule, by_image in (
            (GPU, COMPONENTS, False),
            (NEURON, COMPONENTS, False),
            (CPU, MULTI_MODEL, True),
            (CPU, MULTI_CONTAINER, False),
        ):
            able = [one for one in left if self._accelerator(one) == accelerator]
            found = _groups(able, self._account, by_image=by_image)
            if accelerator == CPU:
                found = [self._without_hot(group) for group in found]
            if by_image:
                found = [part for group in found for part in _alike(group)]
            left = self._offer(rule, found, left)
        for one in left:
            case = Case(one, self._account, self._cold_target)
            conditions = tuple(self._nothing_to_share(one, models))
            self._found[one.name].append(Verdict(DEFAULT, conditions, case))
        return self._found

    def _accelerator(self, model: AdvisedModel) -> str | None:
        return self._account.endpoint_of(model).boundary.accelerator

    def _without_hot(self, group: Sequence[AdvisedModel]) -> list[AdvisedModel]:
        """Return a group without the models that get much more traffic than the others."""
        calls = [one.traffic.calls for one in group if one.traffic is not None]
        usual = max(median(calls), 1) if len(calls) > FEWEST_OTHERS else inf
        cool = []
        for one in group:
            vcpus = self._account.endpoint_of(one).vcpus
            times = one.traffic.calls / usual if one.traffic else 0.0
            if one.traffic and vcpus and times >= MUCH_HOTTER:
                part = one.traffic.peak_busy / vcpus
                if part >= BUSY_PART:
                    self._hot[one.name] = Condition(
                        "the model gets much more traffic than those that it could join",
                        True,
                        f"{times:,.1f} times the calls of the median, and its busiest minute keeps "
                        f"{percent(part)} of {plural(vcpus, 'vCPU')} at work",
                    )
                    continue
            cool.append(one)
        return cool

    def _offer(
        self, rule: Rule, found: Sequence[Sequence[AdvisedModel]], left: Sequence[AdvisedModel]
    ) -> list[AdvisedModel]:
        """Judge a rule for groups of models, and return those that it leaves."""
        taken = set()
        for group in found:
            if len(group) < 2:
                continue
            for one, verdict in zip(group, self._verdicts(rule, group), strict=True):
                self._found[one.name].append(verdict)
                if verdict.holds is not False:
                    taken.add(one.name)
        return [one for one in left if one.name not in taken]

    def _verdicts(self, rule: Rule, group: Sequence[AdvisedModel]) -> Iterator[Verdict]:
        """Judge the models of which enough is known together, and each of the others alone."""
        account = self._account
        lacking = {one.name: one for one in group if [*needs([one], account)]}
        known = [one for one in group if one.name not in lacking]
        all_loaded = rule is not MULTI_MODEL
        meant = None
        if len(known) > 1:
            meant = shared(known, account, self._cold_target, all_loaded=all_loaded)
        for one in group:
            case = Case(one, account, self._cold_target)
            if one.name in lacking or len(known) < 2:
                unknown = [one] if one.name in lacking else [*lacking.values()]
                conditions = [*needs(unknown, account)]
            elif meant is None:
                conditions = [
                    Condition(
                        "all models fit into the memory of one instance", False, "they do not"
                    )
                ]
            else:
                case = case._replace(shared=meant)
                conditions = [*rule.conditions(case)]
            yield Verdict(rule, tuple(conditions), case)

    def _nothing_to_share(
        self, model: AdvisedModel, rest: Sequence[AdvisedModel]
    ) -> Iterator[Condition]:
        """Yield what is unknown of the question whether others may share an endpoint with it."""
        yield from seen(model, self._account)
        if self._account.endpoint_of(model).is_serverless:
            text = "an endpoint on instances costs less than serverless inference"
            yield Condition(text, None, "unknown", NO_INSTANCES)
        if model.name in self._hot:
            yield self._hot[model.name]
            return
        for other in rest:
            if other is model:
                continue
            may = may_share(model, other, self._account)
            if may is None or (may and None in (model.image, other.image)):
                less_known = self._less_known(model, other)
                yield Condition(
                    "no other model may share an endpoint with this one",
                    None,
                    f"unknown for {other.name}",
                    measure_boundary(less_known.endpoint),
                )
                return
        for other in self._unsure:
            if may_share(model, other, self._account):
                yield Condition(
                    "no other model may share an endpoint with this one",
                    None,
                    f"{other.name} may, if no rule claims it alone",
                    f"measure first what {other.name} lacks",
                )
                return

    def _less_known(self, model: AdvisedModel, other: AdvisedModel) -> AdvisedModel:
        """Return the model if its image or its boundary is not known, else the other one."""
        is_unknown = model.image is None or self._account.endpoint_of(model).boundary.unknown()
        return model if is_unknown else other


def _on_one_endpoint(kind: str, models: Sequence[AdvisedModel]) -> list[list[AdvisedModel]]:
    found: defaultdict[str, list[AdvisedModel]] = defaultdict(list)
    for one in models:
        if one.kind == kind:
            found[one.endpoint].append(one)
    return list(found.values())


def _groups(
    models: Iterable[AdvisedModel], account: Account, *, by_image: bool
) -> list[list[AdvisedModel]]:
    """Divide models into those that are known to be able to share an endpoint.

    Models of which the image or the boundary is unknown are in no group.
    """
    found: dict[object, list[AdvisedModel]] = {}
    for one in models:
        boundary = account.endpoint_of(one).boundary
        if one.image is None or None in boundary:
            continue
        found.setdefault((boundary, one.image if by_image else None), []).append(one)
    return list(found.values())


def may_share(one: AdvisedModel, other: AdvisedModel, account: Account) -> bool | None:
    """Whether two models may share an endpoint at all; None if that is unknown."""
    return account.endpoint_of(one).boundary.admits(account.endpoint_of(other).boundary)


def _alike(models: Sequence[AdvisedModel]) -> list[list[AdvisedModel]]:
    """Divide models into those that are similar to each other.

    Models that have one endpoint already stay together: what they do there was measured.
    """
    if len({one.endpoint for one in models}) == 1:
        return [list(models)]
    found, left = [], list(models)
    while left:
        found.append(_similar(left))
        taken = {one.name for one in found[-1]}
        left = [one for one in left if one.name not in taken]
    return found


def _similar(models: Sequence[AdvisedModel]) -> list[AdvisedModel]:
    """Return the models without those that take much more time or memory than the median."""
    kept = list(models)
    for measure in MEASURES:
        values = sorted(value for value in map(measure, kept) if value)
        if values:
            middle = values[len(values) // 2]
            kept = [
                one
                for one in kept
                if not (value := measure(one)) or middle / SIMILAR <= value <= middle * SIMILAR
            ]
    return kept
