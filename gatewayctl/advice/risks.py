"""What may go wrong with an advice, also with the one to change nothing."""

from __future__ import annotations

from typing import TYPE_CHECKING

from gatewayctl.advice.rule import seen
from gatewayctl.advice.rules_shared import DEFAULT
from gatewayctl.advice.sharing import for_load, peak_of
from gatewayctl.costs.mathematics import peak_concurrency
from gatewayctl.costs.money import with_cents
from gatewayctl.output import plural

if TYPE_CHECKING:
    from collections.abc import Iterator

    from gatewayctl.advice.sharing import Shared
    from gatewayctl.advice.summary import Advice

ON_EACH_INSTANCE = ("single", "mce")
"""Kinds whose endpoints have all models on each instance, so that the load says how many do."""


def risks(advice: Advice) -> Iterator[str]:
    """Yield what may go wrong if an advice is followed."""
    rule, shared = advice.first.deciding.rule, advice.shared
    if rule is not DEFAULT:
        yield from rule.risks
    if shared is not None:
        yield from _together(shared)
        yield from _fewer(advice, shared)
    if advice.first.stays:
        yield from _of_instances(advice)


def _together(shared: Shared) -> Iterator[str]:
    """Yield how many models an endpoint's failure hits, and how slow the slowest of them is."""
    if len(shared.models) == 1:
        return
    number = plural(len(shared.models), "model")
    slow = sorted(one.traffic.p99_ms for one in shared.models if one.traffic and one.traffic.p99_ms)
    if not slow:
        yield f"{number} fail together"
        return
    fastest, slowest = f"{slow[0]:,.0f}", f"{slow[-1]:,.0f}"
    p99 = slowest if fastest == slowest else f"{fastest} to {slowest}"
    yield f"{number} fail together, and each can wait for the slowest: their p99 is {p99} ms"


def _fewer(advice: Advice, shared: Shared) -> Iterator[str]:
    """Yield what models lose that are on more instances now."""
    now = max(advice.account.endpoints[name].instances or 0 for name in shared.replaced)
    if shared.instances >= now:
        return
    if shared.instances == 1:
        yield (
            f"1 instance instead of {now}: nothing answers while it is replaced, and it is in one "
            "Availability Zone"
        )
    else:
        yield f"{shared.instances} instances instead of {now}: fewer are left when one fails"


def _of_instances(advice: Advice) -> Iterator[str]:
    """Yield whether an endpoint that stays has too few instances for its load, or too many."""
    account, model = advice.account, advice.first.model
    host, models = account.endpoint_of(model), account.on(model.endpoint)
    unknown = any(one.traffic is None for one in models) or any(seen(model, account))
    if unknown or host.vcpus is None or not host.instances:
        return
    peak, vcpus = peak_of(models), host.vcpus * host.instances
    if (calls := peak_concurrency(peak)) > vcpus:
        yield (
            f"{calls:,} calls at once in the busiest minute, and {plural(vcpus, 'vCPU')}: some wait"
        )
    variants = len(models) if model.kind == "single" else 1
    needed = max(variants, for_load(peak, host, [host.name], account))
    if needed < host.instances and model.kind in ON_EACH_INSTANCE and host.price_an_hour:
        cost = (host.cost_a_month or 0) / host.instances * needed
        yield (
            f"it has {plural(host.instances, 'instance')}, and its load needs {needed:,}, for "
            f"{with_cents(cost)} {advice.currency} a month; the others are there if one fails"
        )
