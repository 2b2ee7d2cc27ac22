"""The option that the rules point to, for each model of an account; or what to measure first."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, replace
from itertools import takewhile
from math import inf
from statistics import median
from typing import TYPE_CHECKING, NamedTuple

from gatewayctl.advice.facts import CPU, GPU, NEURON
from gatewayctl.advice.rule import Case, Condition, Option, Rule, measure_boundary, seen, together
from gatewayctl.advice.rules_alone import BUSY_PART, FEWEST_OTHERS, MUCH_BUSIER, MUCH_HOTTER, RULES
from gatewayctl.advice.rules_shared import (
    COMPONENTS,
    DEFAULT,
    MULTI_CONTAINER,
    MULTI_MODEL,
    NO_INSTANCES,
    needs,
)
from gatewayctl.advice.sharing import alike, groups, may_share, shared
from gatewayctl.output import percent, plural

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from gatewayctl.advice.facts import Account, AdvisedModel

STAYING = {"mce": MULTI_CONTAINER, "component": COMPONENTS}
NOW = {
    "single": Option.SINGLE,
    "mme": Option.MULTI_MODEL,
    "mce": Option.MULTI_CONTAINER,
    "pipeline": Option.PIPELINE,
    "component": Option.COMPONENTS,
    "async": Option.ASYNCHRONOUS,
}


class Verdict(NamedTuple):
    """What a rule says of a model."""

    rule: Rule
    conditions: tuple[Condition, ...]
    case: Case

    @property
    def holds(self) -> bool | None:
        return together(self.conditions)


@dataclass(frozen=True, slots=True)
class Decision:
    """The advice for one model."""

    model: AdvisedModel
    now: Option
    verdicts: tuple[Verdict, ...]
    """What the rules say, in the order in which they decide; the last one decides."""

    @property
    def deciding(self) -> Verdict:
        return self.verdicts[-1]

    @property
    def option(self) -> Option | None:
        """None if an input that decides is unknown."""
        return self.deciding.rule.option if self.deciding.holds else None

    @property
    def unknown(self) -> tuple[Condition, ...]:
        """What has to be measured first."""
        if self.option is not None:
            return ()
        return tuple(one for one in self.deciding.conditions if one.holds is None)

    @property
    def with_models(self) -> tuple[AdvisedModel, ...]:
        """The models of the endpoint that is meant, if it is a shared one."""
        case = self.deciding.case
        if case.shared is not None:
            return case.shared.models
        return (self.model,)

    @property
    def apart(self) -> dict[str, list[str]]:
        """What keeps the model apart from others with the same image, by their names."""
        account, image = self.deciding.case.account, self.model.image
        own = account.endpoint_of(self.model).boundary
        return {
            other.name: differences
            for other in account.models
            if image is not None
            and other.image == image
            and (differences := own.differences(account.endpoint_of(other).boundary))
        }

    @property
    def stays(self) -> bool:
        """Whether nothing has to be changed."""
        if self.option is not None and self.deciding.rule is DEFAULT:
            return self.deciding.case.is_alone
        if self.option is not self.now:
            return False
        others = {one.endpoint for one in self.with_models}
        return others == {self.model.endpoint} and self.deciding.rule is not MUCH_BUSIER


AS_THEY_ARE = ("async", "pipeline")
"""Kinds that do not depend on how many calls there are."""


def decide(account: Account, cold_target: float) -> dict[str, Decision]:
    """Return the advice for each model, by its name."""
    claimed = (one.name for one in account.models if _is_claimed(Case(one, account, cold_target)))
    account = replace(account, claimed=frozenset(claimed))
    verdicts = {one.name: _alone(Case(one, account, cold_target)) for one in account.models}
    rest = [one for one in account.models if verdicts[one.name][-1].holds is False]
    unsure = [one for one in account.models if verdicts[one.name][-1].holds is None]
    for name, found in _Sharing(account, cold_target, unsure).of(rest).items():
        verdicts[name] += found
    return {
        one.name: Decision(one, _now(one, account), tuple(verdicts[one.name]))
        for one in account.models
    }


def _is_claimed(case: Case) -> bool:
    """Whether a rule that stands before that of pipelines holds for a model."""
    before = takewhile(lambda rule: rule.option is not Option.PIPELINE, RULES)
    return any(together(rule.conditions(case)) for rule in before)


def _now(model: AdvisedModel, account: Account) -> Option:
    if account.endpoint_of(model).is_serverless:
        return Option.SERVERLESS
    return NOW.get(model.kind, Option.SINGLE)


def _alone(case: Case) -> list[Verdict]:
    """Return the verdicts up to the first rule that is not ruled out."""
    verdicts = []
    for rule in RULES:
        meant = case._replace(shared=rule.endpoint(case))
        conditions = [*rule.conditions(meant)]
        if case.model.kind not in AS_THEY_ARE:
            conditions += seen(case.model, case.account)
        verdicts.append(Verdict(rule, tuple(dict.fromkeys(conditions)), meant))
        if verdicts[-1].holds is not False:
            break
    return verdicts


class _Sharing:
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
            found = groups(able, self._account, by_image=by_image)
            if accelerator == CPU:
                found = [self._without_hot(group) for group in found]
            if by_image:
                found = [part for group in found for part in alike(group)]
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
