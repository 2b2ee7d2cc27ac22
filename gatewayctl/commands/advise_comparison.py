"""What `gatewayctl advise --what-if` prints: how an account is, and how it would be."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from gatewayctl.advice.sharing import share_text
from gatewayctl.advice.what_if_risks import all_cold, risks
from gatewayctl.commands.advise_data import endpoint_data
from gatewayctl.commands.advise_text import UNKNOWN, cost, endpoints_lines, per_hour
from gatewayctl.output import aligned, first_few
from gatewayctl.statistics import Interval

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping

    from gatewayctl.advice.facts import Account
    from gatewayctl.advice.what_if import WhatIf


def comparison_data(present: Account, other: WhatIf, cold_target: float) -> dict[str, Any]:
    """Return how an account is, and how it would be with another table."""
    return {
        "currency": present.currency,
        "now": _sums(present, present.endpoints),
        "what_if": _sums(other.account, other.as_now),
        "not_there": list(other.lost),
        "new": list(other.new),
        "endpoints": [
            endpoint_data(other.account, other.account.endpoints[name])
            for name in sorted(other.account.endpoints)
        ],
        "risks": [*risks(present, other, cold_target)],
    }


def _sums(account: Account, measured: Collection[str]) -> dict[str, Any]:
    names = {one.endpoint for one in account.models}
    hosts = [account.endpoints[name] for name in names]
    share = all_cold(account, measured)
    return {
        "cost_a_month": account.cost_of(names),
        "endpoints": len(hosts),
        "instances": None
        if any(one.instances is None for one in hosts)
        else sum(one.instances or 0 for one in hosts),
        "cold_share": None if share is None else list(share),
        "most_models_on_one": max((len(account.on(name)) for name in names), default=0),
    }


def comparison_lines(
    name: str, present: Account, other: WhatIf, data: Mapping[str, Any]
) -> Iterator[str]:
    """Yield how an account is, and how it would be with another table.

    Args:
        name: The other table.
        present: The account as it is.
        other: The account as it would be.
        data: Both as `comparison_data` returns them.
    """
    now, then = data["now"], data["what_if"]
    yield f"the calls of {present.period_hours:,.0f} hours, if {name} were in force"
    yield ""
    yield from aligned(
        [
            ("", "now", "what if"),
            (f"{present.currency}/hour", *(per_hour(one["cost_a_month"]) for one in (now, then))),
            (f"{present.currency}/month", *(cost(one["cost_a_month"]) for one in (now, then))),
            ("endpoints", str(now["endpoints"]), str(then["endpoints"])),
            ("instances", *(str(_or_unknown(one["instances"])) for one in (now, then))),
            ("calls whose model is not loaded", *(_cold(one["cold_share"]) for one in (now, then))),
            (
                "models that fail together, at most",
                str(now["most_models_on_one"]),
                str(then["most_models_on_one"]),
            ),
        ]
    )
    if other.new:
        yield ""
        yield f"new, and without calls to compare: {first_few(other.new)}"
    if data["risks"]:
        yield ""
        yield from (f"risk: {one}" for one in data["risks"])
    yield ""
    yield from endpoints_lines(other.account)


def _or_unknown(value: object) -> object:
    return UNKNOWN if value is None else value


def _cold(share: list[float] | None) -> str:
    return UNKNOWN if share is None else share_text(Interval(*share))
