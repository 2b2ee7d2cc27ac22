"""What may go wrong with another routing table: what is too much, mixed, or lost."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING

from chalicelib.routing.targets import MOST_CONTAINERS
from gatewayctl.advice.alike import may_share
from gatewayctl.advice.facts import CPU, GPU, NEURON
from gatewayctl.advice.rule import size_text
from gatewayctl.advice.sharing import USABLE_MEMORY, demands_of, measured_cold, share_text
from gatewayctl.costs.mathematics import cold_interval, peak_concurrency
from gatewayctl.output import first_few, plural
from gatewayctl.statistics import Interval

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Sequence

    from gatewayctl.advice.facts import Account, AdvisedModel, Host
    from gatewayctl.advice.what_if import WhatIf

ACCELERATORS = {CPU: "a CPU", GPU: "a GPU", NEURON: "Inferentia or Trainium"}


def cold(account: Account, endpoint: str, *, is_measured: bool) -> Interval | None:
    """Return the share of an endpoint's calls that find their model not loaded.

    Only models of a multi-model endpoint can be not loaded. None if it is unknown.

    Args:
        account: The account.
        endpoint: The name of the endpoint.
        is_measured: Whether the calls of the period were those of this endpoint.
    """
    models = [one for one in account.on(endpoint) if one.kind == "mme"]
    host = account.endpoints[endpoint]
    if not models:
        return Interval(0.0, 0.0)
    if is_measured and (share := measured_cold(models)) is not None:
        return Interval(share, share)
    if host.memory_bytes is None or host.instances is None:
        return None
    demands = demands_of(models, account)
    if demands is None:
        return None
    return cold_interval(demands, host.memory_bytes * USABLE_MEMORY, host.instances).all


def all_cold(account: Account, measured: Collection[str]) -> Interval | None:
    """Return the share of all calls that find their model not loaded; None if it is unknown.

    Args:
        account: The account.
        measured: The endpoints whose calls were those of the period.
    """
    low = high = 0.0
    total = 0
    for name in account.endpoints:
        found = cold(account, name, is_measured=name in measured)
        if found is None:
            return None
        calls = sum(one.traffic.calls for one in account.on(name) if one.traffic)
        total += calls
        low, high = low + calls * found.low, high + calls * found.high
    return Interval(low / total, high / total) if total else Interval(0.0, 0.0)


def risks(present: Account, other: WhatIf, cold_target: float) -> Iterator[str]:
    """Yield what may go wrong with the other table."""
    if other.lost:
        yield f"callers get a 404: the table does not have {first_few(other.lost)}"
    was = {path: one for one in present.models for path, _ in one.callers}
    for name in sorted(other.account.endpoints):
        models, host = other.account.on(name), other.account.endpoints[name]
        before = {path: was[path] for one in models for path, _ in one.callers if path in was}
        yield from _mixed(name, models, list(before.values()), present)
        if name not in other.as_now:
            yield from _accelerators(host, list(before.values()), present)
            yield from _resident(host, [one for one in models if one.kind != "mme"])
        yield from _too_much(name, other, cold_target)


def _mixed(
    name: str, models: Sequence[AdvisedModel], before: Sequence[AdvisedModel], present: Account
) -> Iterator[str]:
    """Yield which models an endpoint would bring together that are apart today."""
    images = {one.image for one in before}
    if models[0].kind == "mme" and len(images) > 1:
        yield f"{name}: a multi-model endpoint has one image, and these models have several"
    reasons: dict[str, list[str]] = {}
    for other in before[1:]:
        if may_share(before[0], other, present) is False:
            one = present.endpoint_of(before[0]).boundary
            apart = one.differences(present.endpoint_of(other).boundary)
            reasons.setdefault(", ".join(apart), []).append(other.name)
    for why, names in reasons.items():
        yield f"{name}: {first_few(names)} is apart from {before[0].name} today by {why}"


def _accelerators(host: Host, before: Sequence[AdvisedModel], present: Account) -> Iterator[str]:
    """Yield which models run on another kind of instance today."""
    has = host.boundary.accelerator
    found: defaultdict[str, list[str]] = defaultdict(list)
    for one in before:
        needs = present.endpoint_of(one).boundary.accelerator
        if needs is not None and has is not None and needs != has:
            found[needs].append(one.name)
    for needs, names in found.items():
        yield (
            f"{host.name}: these run on {ACCELERATORS[needs]} today, and would run on "
            f"{ACCELERATORS[has or CPU]}: {first_few(sorted({*names}))}"
        )


def _resident(host: Host, models: Sequence[AdvisedModel]) -> Iterator[str]:
    """Yield whether containers and components are too many, or too large for memory."""
    containers = sum(one.kind == "mce" for one in models)
    if containers > MOST_CONTAINERS:
        yield f"{host.name}: {containers} containers, and at most {MOST_CONTAINERS} are possible"
    if host.memory_bytes is None or host.instances is None or not models:
        return
    kind, sizes = models[0].kind, [one.memory_bytes or 0 for one in models]
    # Each instance has all containers; a component is on one of them, and so is a variant.
    holding = host.instances if kind == "component" else 1
    room = holding * host.memory_bytes * (1 if host.is_serverless else USABLE_MEMORY)
    taken = sum(sizes) if kind in ("mce", "component") else max(sizes)
    if taken > room:
        yield (
            f"{host.name}: {plural(len(models), 'model')} with {size_text(taken)}, and memory for "
            f"{size_text(room)}"
        )
    elif any(one.memory_bytes is None for one in models):
        yield f"{host.name}: unknown whether the memory is enough"


def _too_much(name: str, other: WhatIf, cold_target: float) -> Iterator[str]:
    """Yield what is too much for the instances of an endpoint."""
    host, models = other.account.endpoints[name], other.account.on(name)
    if host.instances is None:
        yield f"{name}: unknown instances; name them: --plan {name}=ml.c5.large"
        return
    share = cold(other.account, name, is_measured=name in other.as_now)
    if share is None:
        yield f"{name}: unknown how often a model is not loaded"
    elif share.high > cold_target:
        yield f"{name}: {share_text(share)} of the calls find their model not loaded"
    peak = sum(one.traffic.peak_busy for one in models if one.traffic)
    if host.vcpus and (needed := peak_concurrency(peak)) > host.vcpus * host.instances:
        has = plural(host.vcpus * host.instances, "vCPU")
        yield f"{name}: {needed:,} calls at once in the busiest minute, and {has}"
