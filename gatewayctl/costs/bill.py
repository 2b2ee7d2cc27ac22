"""Adds up the divided costs by endpoint, model, target or principal, in cents.

The exact amounts are rounded once, by largest remainders, so that the cents of the rows add up to
those of the bill, in both columns and in every way to group them.
"""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from typing import TYPE_CHECKING, NamedTuple

from gatewayctl.costs.attribution import NOT_ENTRIES, NOT_KNOWN, OTHERS
from gatewayctl.costs.figures import Figure, Origin, notes, unknown, weakest
from gatewayctl.costs.mathematics import cents, in_cents
from gatewayctl.costs.usage import Use

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from gatewayctl.costs.attribution import EndpointCost, Share

NO_PRINCIPAL = "(no principal)"


class Row(NamedTuple):
    """What one model, target, principal or endpoint bears of the bill."""

    name: str
    use: Use
    use_origin: Origin
    """Who counted its calls: the gateway, or CloudWatch."""
    by_busy: Figure[int]
    """In cents, by the time at work."""
    with_idle: Figure[int]
    """In cents, with the idle time by the memory that is taken."""
    lacking: tuple[str, ...]
    """The endpoints that it uses and whose costs are not known: they are missing in the sums."""


@dataclass(frozen=True, slots=True)
class Bill:
    """The costs of a period."""

    costs: Sequence[EndpointCost]
    rows: tuple[Row, ...]
    """Those that bear most come first."""
    cents: int
    """The sum of the costs that are known, and so that of each column."""
    lacking: tuple[str, ...]
    """The endpoints whose costs are not known."""
    per_hour: Figure[Fraction]
    """What an hour without calls costs, with the capacity that is there now."""

    @property
    def endpoint_cents(self) -> dict[str, int]:
        """The cost of each endpoint that is known; they add up to `cents`."""
        return in_cents(_known({one.hosting.name: one.amount for one in self.costs}))


def _counted_by(shares: Iterable[Share]) -> Origin:
    of_cloudwatch = any(one.user.model in {OTHERS, NOT_KNOWN} for one in shares)
    return Origin.AWS if of_cloudwatch else Origin.MEASURED


def _of_model(share: Share) -> str:
    return share.user.model or NO_PRINCIPAL


def _of_principal(share: Share) -> str:
    return share.user.principal or NO_PRINCIPAL


def _of_target(share: Share) -> str:
    return " ".join(part for part in share.user.place if part)


def _of_endpoint(share: Share) -> str:
    return share.user.place.endpoint


GROUPS: dict[str, Callable[[Share], str]] = {
    "model": _of_model,
    "principal": _of_principal,
    "target": _of_target,
    "endpoint": _of_endpoint,
}
"""How shares are named, by the value of `--by`."""


def bill(costs: Sequence[EndpointCost], by: str) -> Bill:
    """Add up costs.

    Args:
        costs: Those of all endpoints.
        by: A key of `GROUPS`.
    """
    shares: dict[str, list[Share]] = {}
    for cost in costs:
        for share in cost.shares:
            shares.setdefault(_name(share, by), []).append(share)
    busy = {name: _sum(one.by_busy for one in each) for name, each in shares.items()}
    idle = {name: _sum(one.with_idle for one in each) for name, each in shares.items()}
    busy_cents, idle_cents = in_cents(_known(busy)), in_cents(_known(idle))
    rows = [
        Row(
            name,
            _use(each),
            _counted_by(each),
            _in_cents(busy[name], busy_cents.get(name)),
            _in_cents(idle[name], idle_cents.get(name)),
            tuple(sorted({one.user.place.endpoint for one in each if one.by_busy.value is None})),
        )
        for name, each in shares.items()
    ]
    rows.sort(key=lambda row: (-(row.with_idle.value or 0), -row.use.busy_ms, row.name))
    known = _known({one.hosting.name: one.amount for one in costs})
    return Bill(
        costs,
        tuple(rows),
        cents(sum(known.values(), Fraction(0))),
        tuple(one.hosting.name for one in costs if one.amount.value is None),
        _sum(one.per_hour for one in costs),
    )


def _name(share: Share, by: str) -> str:
    """Return the name of the row of a share; what nobody bears has one for each endpoint."""
    if by != "endpoint" and share.user.model in NOT_ENTRIES:
        what = _of_target(share) if by == "target" else _of_endpoint(share)
        return f"{what} {share.user.model}"
    return GROUPS[by](share)


def _sum(figures: Iterable[Figure[Fraction]]) -> Figure[Fraction]:
    """Return the sum of the amounts that are known; it is unknown if none is."""
    each = list(figures)
    known = [one for one in each if one.value is not None]
    if not known:
        return unknown(notes(each)) if each else Figure(Fraction(0), Origin.MEASURED)
    amount = sum((one.value or Fraction(0) for one in known), Fraction(0))
    return Figure(amount, weakest(one.origin for one in known), notes(known))


def _in_cents(figure: Figure[Fraction], rounded: int | None) -> Figure[int]:
    return Figure(rounded, figure.origin, figure.note)


def _known(figures: Mapping[str, Figure[Fraction]]) -> dict[str, Fraction]:
    return {name: one.value for name, one in figures.items() if one.value is not None}


def _use(shares: Iterable[Share]) -> Use:
    use = Use()
    for share in shares:
        use = use.plus(share.use)
    return use
