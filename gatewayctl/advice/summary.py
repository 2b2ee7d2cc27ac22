"""What the advice for all models means together: totals, and models that get the same advice."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from gatewayctl.advice.facts import summed
from gatewayctl.advice.sharing import alone_cost

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from gatewayctl.advice.decision import Decision
    from gatewayctl.advice.facts import Account
    from gatewayctl.advice.shared_endpoints import Shared


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
        if self.first.stays:
            return account.cost_of([self.first.model.endpoint])
        return account.cost_of(account.emptied_by(self.first.with_models))

    @property
    def cost_then(self) -> float | None:
        """What it would cost in a month."""
        deciding = self.first.deciding
        return deciding.rule.cost_a_month(deciding.case)

    @property
    def saves(self) -> float | None:
        """What it saves in a month; negative if it costs more. None if that is unknown."""
        if self.first.option is None or self.cost_now is None or self.cost_then is None:
            return None
        return self.cost_now - self.cost_then


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


def totals(account: Account, advice: Iterable[Advice]) -> Totals:
    """Return what the endpoints cost as they are, one for each model, and as advised.

    Args:
        account: The account.
        advice: That for all of its models.
    """
    kept: set[str] = set()
    staying: dict[str, float | None] = {}
    amounts: list[float | None] = []
    for one in advice:
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
    used = {one.endpoint for one in account.models}
    return Totals(
        now=account.cost_of(sorted(used)),
        each_alone=summed(alone_cost(one, account) for one in account.models),
        advised=summed([*amounts, account.cost_of(sorted(kept))]),
    )
