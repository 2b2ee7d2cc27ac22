"""The option that the rules point to, for each model of an account; or what to measure first."""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import takewhile
from typing import TYPE_CHECKING

from gatewayctl.advice.grouping import Groups
from gatewayctl.advice.rule import Case, Condition, Option, Verdict, seen, together
from gatewayctl.advice.rules_alone import MUCH_BUSIER, RULES
from gatewayctl.advice.rules_shared import DEFAULT

if TYPE_CHECKING:
    from gatewayctl.advice.facts import Account, AdvisedModel

NOW = {
    "single": Option.SINGLE,
    "mme": Option.MULTI_MODEL,
    "mce": Option.MULTI_CONTAINER,
    "pipeline": Option.PIPELINE,
    "component": Option.COMPONENTS,
    "async": Option.ASYNCHRONOUS,
}


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
        if self.option is None or self.deciding.rule is DEFAULT:
            return self.option is not None
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
    for name, found in Groups(account, cold_target, unsure).of(rest).items():
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
