"""Puts together the page of `gatewayctl advise --html`."""

from __future__ import annotations

from collections import defaultdict
from fractions import Fraction
from typing import TYPE_CHECKING

from gatewayctl.advice.facts import HOURS_A_MONTH
from gatewayctl.advice.page import Bar, Card, Page
from gatewayctl.advice.summary import advices, totals
from gatewayctl.commands.advise_text import blocks, endpoint_rows, title
from gatewayctl.costs.attribution import NOT_ENTRIES, attributed
from gatewayctl.costs.mathematics import in_cents
from gatewayctl.output import clock_time, plural

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from gatewayctl.advice.decision import Decision
    from gatewayctl.advice.facts import Account
    from gatewayctl.advice.summary import Advice
    from gatewayctl.costs.inputs import Inputs


def page(
    found: Inputs, known: Account, decisions: Mapping[str, Decision], notes: Sequence[str]
) -> Page:
    """Return what the page shows."""
    advice = advices(decisions)
    sums = totals(known, advice)
    hours = found.usage.hours if found.usage else {}
    models = plural(len(known.models), "model")
    return Page(
        period=f"{models} on {plural(len(known.endpoints), 'endpoint')}, "
        f"{clock_time(found.period.first)} to {clock_time(found.period.last)}",
        currency=known.currency,
        totals=[
            Bar("one endpoint for each model", (sums.each_alone,)),
            Bar("as it is now", (sums.now,)),
            Bar("as advised", (sums.advised,)),
        ],
        cards=[_card(one) for one in advice],
        models=[*_costs(found, known)],
        hours={name: counts for name, counts in hours.items() if name in known.endpoints},
        endpoints=endpoint_rows(known),
        notes=notes,
    )


def _card(one: Advice) -> Card:
    sort = "open" if one.first.option is None else "" if one.first.stays else "change"
    return Card(title(one), blocks(one), sort)


def _costs(found: Inputs, known: Account) -> Iterator[Bar]:
    """Yield what each entry of the table costs in a month, on the endpoints that are shown.

    The amounts are cents, and each column adds up to the same sum.
    """
    seconds = found.period.seconds
    busy: defaultdict[str, Fraction] = defaultdict(Fraction)
    idle: defaultdict[str, Fraction] = defaultdict(Fraction)
    each = attributed(found.hosting, found.usage, found.period, found.prices, found.metrics)
    for cost in each:
        if cost.hosting.name not in known.endpoints:
            continue
        for share in cost.shares:
            if share.by_busy.value is None or share.with_idle.value is None or not seconds:
                continue
            factor = Fraction(HOURS_A_MONTH * 3600, seconds)
            model = share.user.model
            name = f"{cost.hosting.name} {model}" if model in NOT_ENTRIES else model
            busy[name] += factor * share.by_busy.value
            idle[name] += factor * share.with_idle.value
    busy_cents, idle_cents = in_cents(busy), in_cents(idle)
    for name in busy:
        yield Bar(name, (busy_cents[name] / 100, idle_cents[name] / 100))
