"""What the advice for all models means together: totals, and models that get the same advice."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from gatewayctl.advice.facts import summed
from gatewayctl.advice.sharing import alone_cost

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from gatewayctl.advice.decision import Decision
    from gatewayctl.advice.facts import Account
    from gatewayctl.advice.sharing import Shared


@dataclass(frozen=True, slots=True)
class Advice:
    """The same advice for one or several models."""

    decisions: tuple[Decision, ...]
    left: tuple[str, ...] = ()
    """Endpoints that go only if the models leave them that get other advice, too."""

    @property
    def first(self) -> Decision:
        return self.decisions[0]

    @property
    def names(self) -> list[str]:
        return [one.model.name for one in self.decisions]

    @property
    def account(self) -> Account:
        return self.first.deciding.case.account

    @property
    def currency(self) -> str:
        return self.account.currency

    @property
    def shared(self) -> Shared | None:
        return self.first.deciding.case.shared

    @property
    def to_confirm(self) -> list[str]:
        """What would have to be true, and what no log says."""
        of_rule = "" if self.first.stays else self.first.deciding.rule.to_confirm
        others = [f"the other models leave {name}, too, so that it goes" for name in self.left]
        return [*filter(None, [of_rule]), *others]

    @property
    def leaves(self) -> bool:
        """Whether the models leave their endpoints."""
        if self.first.option is None or self.shared is None:
            return self.first.option is not None and not self.first.stays
        return {one.endpoint for one in self.shared.models} != {self.first.model.endpoint}

    @property
    def replaced(self) -> Sequence[str]:
        """The endpoints that go, or that stay with other instances."""
        if self.shared is not None:
            return self.shared.replaced
        if self.first.stays:
            return [self.first.model.endpoint]
        return self.account.emptied_by(self.first.with_models)

    @property
    def cost_now(self) -> float | None:
        """What the endpoints cost in a month that this advice replaces.

        Of an endpoint that several pieces of advice replace together, each has the part of its
        models.
        """
        parts = [self.account.cost_of(self.replaced)]
        for name in self.left:
            cost, models = self.account.endpoints[name].cost_a_month, self.account.on(name)
            own = sum(one.model.endpoint == name for one in self.decisions)
            parts.append(None if cost is None else cost * own / len(models))
        return summed(parts)

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
    advice = [Advice(tuple(each)) for each in found.values()]
    alone = {name for piece in advice for name in piece.replaced}
    leaving = [each.model for piece in advice if piece.leaves for each in piece.decisions]
    together = advice[0].account.emptied_by(leaving) if leaving else []
    hosts = [{each.model.endpoint for each in piece.decisions} - alone for piece in advice]
    advice = [
        replace(piece, left=tuple(name for name in together if name in own))
        for piece, own in zip(advice, hosts, strict=True)
    ]
    return sorted(advice, key=lambda one: (one.first.option is None, -(one.saves or 0)))


def _same(one: Decision) -> object:
    """Return what the decisions of one piece of advice have in common."""
    option, shared = one.deciding.rule.option, one.deciding.case.shared
    if shared is not None:
        return option, tuple(each.name for each in shared.models), one.deciding.holds
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
        advice: That for its models; the endpoints of those without advice stay as they are.
    """
    advice = list(advice)
    named = {name for one in advice for name in one.names}
    kept = {one.endpoint for one in account.models if one.name not in named}
    staying: dict[str, float | None] = {}
    amounts: list[float | None] = []
    for one in advice:
        if one.leaves:
            amounts.append(one.cost_then)
        elif one.shared is not None and one.first.option is not None:
            staying[one.first.model.endpoint] = one.cost_then
        else:
            kept |= {each.model.endpoint for each in one.decisions}
    # If something on an endpoint is unknown, so is how many instances it needs.
    amounts += [cost for name, cost in staying.items() if name not in kept]
    used = {one.endpoint for one in account.models}
    return Totals(
        now=account.cost_of(sorted(used)),
        each_alone=summed(alone_cost(one, account) for one in account.models),
        advised=summed([*amounts, account.cost_of(sorted(kept))]),
    )
