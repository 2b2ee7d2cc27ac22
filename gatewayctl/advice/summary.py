"""What the advice for all models means together: totals, and models that get the same advice."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from gatewayctl.advice.decision import MOVES
from gatewayctl.advice.facts import HOURS_A_MONTH
from gatewayctl.advice.rule import Option
from gatewayctl.advice.rules_shared import DEFAULT
from gatewayctl.advice.sharing import for_load

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from gatewayctl.advice.decision import Decision
    from gatewayctl.advice.facts import Account, Model
    from gatewayctl.advice.sharing import Shared


@dataclass(frozen=True, slots=True)
class Advice:
    """The same advice for one or several models."""

    decisions: tuple[Decision, ...]

    @property
    def first(self) -> Decision:
        return self.decisions[0]

    @property
    def names(self) -> list[str]:
        return [one.model.name for one in self.decisions]

    @property
    def currency(self) -> str:
        return self.first.deciding.case.account.currency

    @property
    def shared(self) -> Shared | None:
        return self.first.deciding.case.shared

    @property
    def cost_now(self) -> float | None:
        """What the endpoints cost in a month that this advice replaces."""
        if self.shared is not None:
            return self.shared.cost_now
        account = self.first.deciding.case.account
        names = {one.endpoint for one in self.first.with_models}
        gone = [
            account.endpoints[name].cost_a_month
            for name in names
            if len(account.on(name)) == 1 or self.first.model.kind == "pipeline"
        ]
        return summed(gone)

    @property
    def cost_then(self) -> float | None:
        """What it would cost in a month."""
        first = self.first
        rule, case = first.deciding.rule, first.deciding.case
        if rule in MOVES or (rule is DEFAULT and not case.is_alone):
            return alone_cost(first.model, case.account)
        if rule.option is Option.PIPELINE:
            hosts = (case.account.endpoint_of(one).cost_a_month for one in first.with_models)
            known = [one for one in hosts if one is not None]
            return max(known) if len(known) == len(first.with_models) else None
        return rule.cost_a_month(case)

    @property
    def saves(self) -> float | None:
        """What it saves in a month; negative if it costs more. None if that is unknown."""
        if self.first.option is None or self.cost_now is None or self.cost_then is None:
            return None
        return self.cost_now - self.cost_then


def summed(amounts: Iterable[float | None]) -> float | None:
    """Return the sum of amounts; None if one of them is unknown."""
    total = 0.0
    for one in amounts:
        if one is None:
            return None
        total += one
    return total


def alone_cost(model: Model, account: Account) -> float | None:
    """Return what the model would cost in a month on an endpoint of its own, like the present."""
    host = account.endpoint_of(model)
    if (
        host.is_serverless
        or host.price_an_hour is None
        or host.vcpus is None
        or model.traffic is None
    ):
        return None
    instances = for_load(model.traffic.peak_busy, host, [host.name], account)
    return (host.price_an_hour or 0.0) * instances * HOURS_A_MONTH


def advices(decisions: Mapping[str, Decision]) -> list[Advice]:
    """Put the models together that get the same advice; what saves most comes first."""
    found: dict[object, list[Decision]] = {}
    for one in decisions.values():
        found.setdefault(_same(one), []).append(one)
    advice = [Advice(tuple(one)) for one in found.values()]
    return sorted(advice, key=lambda one: (one.first.option is None, -(one.saves or 0)))


def _same(one: Decision) -> object:
    """Return what the decisions of one piece of advice have in common."""
    option, shared = one.deciding.rule.option, one.deciding.case.shared
    if shared is not None:
        return option, id(shared), one.deciding.holds
    if one.option is None:
        return option, one.unknown
    return tuple(sorted(other.name for other in one.with_models))


@dataclass(frozen=True, slots=True)
class Totals:
    """What all endpoints cost in a month; None stands for unknown."""

    now: float | None
    each_alone: float | None
    """With an endpoint for each model."""
    advised: float | None
    """With all that is advised; what is unknown stays as it is."""


def totals(account: Account, decisions: Mapping[str, Decision]) -> Totals:
    """Return what the endpoints cost as they are, one for each model, and as advised."""
    kept: set[str] = set()
    staying: dict[str, float | None] = {}
    amounts: list[float | None] = []
    for one in advices(decisions):
        decision = one.first
        if decision.option is None or (decision.stays and one.shared is None):
            kept |= {each.model.endpoint for each in one.decisions}
        elif one.shared is not None and {each.endpoint for each in one.shared.models} == {
            decision.model.endpoint
        }:
            staying[decision.model.endpoint] = one.cost_then
        else:
            amounts.append(one.cost_then)
    # If something on an endpoint is unknown, so is how many instances it needs.
    amounts += [cost for name, cost in staying.items() if name not in kept]
    kept_cost = [account.endpoints[name].cost_a_month for name in sorted(kept)]
    used = {one.endpoint for one in account.models}
    return Totals(
        now=summed(account.endpoints[name].cost_a_month for name in sorted(used)),
        each_alone=summed(alone_cost(one, account) for one in account.models),
        advised=summed([*amounts, *kept_cost]),
    )
