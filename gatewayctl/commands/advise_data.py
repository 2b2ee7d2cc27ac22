"""What `gatewayctl advise --format json` prints: the same numbers as the text, for programs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from gatewayctl.advice.risks import risks

if TYPE_CHECKING:
    from collections.abc import Sequence

    from gatewayctl.advice.facts import Account, Host
    from gatewayctl.advice.sharing import Shared
    from gatewayctl.advice.summary import Advice, Totals


def as_data(advice: Sequence[Advice], found: Totals, account: Account) -> dict[str, Any]:
    """Return the endpoints, the totals and the advice."""
    names = sorted({one.endpoint for one in account.models})
    return {
        "period_hours": account.period_hours,
        "currency": account.currency,
        "cost_a_month": {
            "each_alone": found.each_alone,
            "now": found.now,
            "advised": found.advised,
        },
        "endpoints": [endpoint_data(account, account.endpoints[name]) for name in names],
        "advice": [_advice_data(one) for one in advice],
    }


def _advice_data(one: Advice) -> dict[str, Any]:
    first, shared = one.first, one.shared
    rule = first.deciding.rule
    return {
        "models": one.names,
        "now": first.now,
        "option": first.option,
        "stays": first.stays,
        "rule": rule.says,
        "page": {"title": rule.page, "url": rule.url},
        "cost_a_month": {"now": one.cost_now, "then": one.cost_then, "saves": one.saves},
        "would_have_to_be_true": "; ".join(one.to_confirm) or None,
        "risks": list(risks(one)),
        "measure": [{"unknown": each.text, "how": each.measure} for each in first.unknown],
        "endpoint": None if shared is None else _shared_data(shared),
        "rules": [
            {
                "option": verdict.rule.option,
                "holds": verdict.holds,
                "conditions": [
                    {"text": each.text, "holds": each.holds, "found": each.found}
                    for each in verdict.conditions
                ],
            }
            for verdict in first.verdicts
        ],
        "apart": first.apart,
    }


def _shared_data(shared: Shared) -> dict[str, Any]:
    return {
        "models": [one.name for one in shared.models],
        "instance_type": shared.like.instance_type,
        "instances": shared.instances,
        "cold_share": list(shared.cold),
        "replaces": list(shared.replaced),
        "most_calls_a_second": shared.most_calls_a_second,
        "times_the_load": shared.times_the_load,
    }


def endpoint_data(account: Account, one: Host) -> dict[str, Any]:
    """Return the numbers of an endpoint: its price, its load, and how often a model was cold.

    `busy_share` is the part of the vCPUs' time in which a call was at work.
    """
    models = account.on(one.name)
    traffic = [each.traffic for each in models if each.traffic is not None]
    calls = sum(each.calls for each in traffic)
    places = (one.instances or 0) * (one.vcpus or 0)
    seconds = places * account.period_hours * 3600
    is_known = len(traffic) == len(models)
    loads_artifacts = any(each.kind == "mme" for each in models)
    return {
        "name": one.name,
        "instance_type": one.instance_type,
        "instances": one.instances,
        "models": len(models),
        "cost_a_month": one.cost_a_month,
        "calls": calls if is_known else None,
        "busy_share": sum(each.busy_seconds for each in traffic) / seconds
        if seconds and is_known
        else None,
        "peak_at_work": sum(each.peak_busy for each in traffic) if is_known else None,
        "p99_ms": max(each.p99_ms for each in traffic) if calls and is_known else None,
        "cold_share": sum(each.cold_loads for each in traffic) / calls
        if calls and loads_artifacts
        else None,
    }
