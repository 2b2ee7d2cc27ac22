"""What is known of an account's endpoints, models and traffic. None stands for unknown."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from statistics import median
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

HOURS_A_MONTH = 730
"""Source: AWS Pricing Calculator, "Assumptions": 730 hours in a month."""

CPU, GPU, NEURON = "cpu", "gpu", "neuron"
MB, GIB = 2**20, 2**30
FOLLOWED = 0.9
"""From this part of the calls of two models on, those that belong together make a pipeline."""
ISOLATED = "isolated"
NOTHING = ""
"""A member of a boundary that is known not to be set, such as the VPC of a model without one."""


def summed(amounts: Iterable[float | None]) -> float | None:
    """Return the sum of amounts; None if one of them is unknown."""
    found = list(amounts)
    return None if None in found else sum(one or 0.0 for one in found)


class SharingBoundary(NamedTuple):
    """What two models must have in common before they may share an endpoint."""

    region_and_account: str | None = None
    """The Region, and the role of another account."""
    role: str | None = None
    """The execution role, which reads the artifacts."""
    network: str | None = None
    """Subnets and security groups."""
    key: str | None = None
    """The KMS key of the instances' volumes."""
    accelerator: str | None = None
    """`cpu`, `gpu`, or `neuron`, which is AWS Inferentia and Trainium."""
    isolation: str | None = None
    """Whether the containers have no network at all."""

    def admits(self, other: SharingBoundary) -> bool | None:
        """Whether models of both may share an endpoint; None if that is unknown."""
        if self.differences(other):
            return False
        return None if None in (*self, *other) else True

    def differences(self, other: SharingBoundary) -> list[str]:
        """Return in words what is known to differ."""
        return [
            WORDS[name]
            for name, one, another in zip(self._fields, self, other, strict=True)
            if None not in (one, another) and one != another
        ]

    def unknown(self) -> list[str]:
        """Return in words what is not known."""
        return [WORDS[name] for name, one in zip(self._fields, self, strict=True) if one is None]


WORDS = {
    "region_and_account": "the Region or account",
    "role": "the execution role",
    "network": "the VPC",
    "key": "the KMS key",
    "accelerator": "the accelerator",
    "isolation": "network isolation",
}


@dataclass(frozen=True, slots=True)
class Traffic:
    """The calls of one model in the period."""

    calls: int
    busy_seconds: float
    """The sum of the times in which a call was at work."""
    p50_ms: float
    p99_ms: float
    active_hours: int | None
    """How many clock hours had a call."""
    peak_busy: float
    """How many calls were at work at once in the busiest minute, on average over the minute."""
    principals: int
    largest_body_bytes: int | None
    """The largest request, also of those that were refused."""
    too_large: int = 0
    """Requests that were refused because of their size."""
    timed_out: int = 0
    data_bytes: float = 0
    """What all calls took in and gave out."""
    cold_loads: int = 0
    """Calls that waited for the load of their artifact, or that it made fail."""
    followed_by: Mapping[str, float] = field(default_factory=dict)
    """By another model: the part of the calls that the same principal followed with one of it."""


@dataclass(frozen=True, slots=True)
class AdvisedModel:
    """A model as callers name it, or one target of it."""

    name: str
    kind: str
    """A kind of the routing table: `single`, `mme`, and so on."""
    endpoint: str
    image: str | None
    """The image of its container; of a pipeline, of the first one."""
    memory_bytes: float | None
    """What it takes in memory, as an estimate from its artifact."""
    traffic: Traffic | None
    callers: Mapping[tuple[str, str | None], float] = field(default_factory=dict, hash=False)
    """By path, as after /predict/, and name of the target: their parts of the calls."""


@dataclass(frozen=True, slots=True)
class Host:
    """An endpoint."""

    name: str
    boundary: SharingBoundary
    instance_type: str | None = None
    instances: int | None = None
    price_an_hour: float | None = None
    """The price of one instance; of a serverless endpoint, what an hour cost on average."""
    vcpus: int | None = None
    """Of one instance."""
    memory_bytes: float | None = None
    """Of one instance."""
    is_serverless: bool = False
    variants: int = 1
    """Production variants, and shadow variants."""
    accelerators: int | None = None
    """Of one instance."""

    @property
    def cost_a_month(self) -> float | None:
        if self.price_an_hour is None or self.instances is None:
            return None
        return self.price_an_hour * self.instances * HOURS_A_MONTH


@dataclass(frozen=True)
class Account:
    """What is known of an account in a period."""

    period_hours: float
    models: tuple[AdvisedModel, ...]
    endpoints: Mapping[str, Host]
    currency: str = "USD"
    serverless_price: float | None = None
    """The price of a second of a serverless endpoint with 1 GB of memory."""
    serverless_price_of_data: float = 0.0
    """The price of 1 GB that goes into serverless endpoints or comes out; 0 if it is not known."""
    unseen: Mapping[str, float] = field(default_factory=dict)
    """By endpoint: the part of the calls that CloudWatch counts and that the log does not have."""
    claimed: frozenset[str] = frozenset()
    """Models that are no steps of a pipeline, because a rule before that one claims them."""

    def endpoint_of(self, model: AdvisedModel) -> Host:
        return self.endpoints[model.endpoint]

    def on(self, endpoint: str) -> Sequence[AdvisedModel]:
        """Return the models of an endpoint."""
        return self._by_endpoint.get(endpoint, ())

    def emptied_by(self, models: Sequence[AdvisedModel]) -> list[str]:
        """Return the endpoints that serve nothing but these models, sorted."""
        hosts, names = {one.endpoint for one in models}, {one.name for one in models}
        return sorted(host for host in hosts if all(one.name in names for one in self.on(host)))

    def cost_of(self, endpoints: Iterable[str]) -> float | None:
        """Return what these endpoints cost in a month together; None if one is unknown."""
        return summed(self.endpoints[name].cost_a_month for name in endpoints)

    def median_calls(self, endpoint: str) -> float | None:
        """Return the median of the calls of an endpoint's models; None if one is unknown."""
        return self._medians[endpoint]

    @cached_property
    def _medians(self) -> Mapping[str, float | None]:
        found: dict[str, float | None] = {}
        for name, models in self._by_endpoint.items():
            calls = [one.traffic.calls for one in models if one.traffic is not None]
            found[name] = median(calls) if len(calls) == len(models) else None
        return found

    @cached_property
    def by_name(self) -> Mapping[str, AdvisedModel]:
        """The models by name."""
        return {one.name: one for one in self.models}

    @cached_property
    def steps(self) -> Mapping[str, tuple[str, float]]:
        """By model: another one that the same principals call before or after it, and how often.

        It is the part of the calls of both that belong together.
        """
        found: dict[str, tuple[str, float]] = {}
        for pair, both in sorted(self._pairs.items()):
            for one, other in (pair, reversed(pair)):
                if both > found.get(one, ("", 0.0))[1]:
                    found[one] = other, both
        return found

    @cached_property
    def pipelines(self) -> Mapping[str, Sequence[AdvisedModel]]:
        """By model: all steps of the pipeline of which it would be one, sorted by name."""
        found: dict[str, list[str]] = {}
        for (name, other), part in self._pairs.items():
            hosts = (self.endpoint_of(self.by_name[one]) for one in (name, other))
            one, another = (host.boundary for host in hosts)
            ones, others = found.get(name, [name]), found.get(other, [other])
            if part >= FOLLOWED and one.admits(another) and ones is not others:
                found.update(dict.fromkeys(ones + others, sorted(ones + others)))
        return {name: [self.by_name[one] for one in names] for name, names in found.items()}

    @cached_property
    def _pairs(self) -> Mapping[tuple[str, str], float]:
        """The part of the calls of two models that belong together, the first before the second."""
        steps = {
            one.name: one.traffic
            for one in self.models
            if one.traffic is not None and one.kind != "pipeline" and one.name not in self.claimed
        }
        return {
            (name, other): min(part, part * before.calls / max(steps[other].calls, 1))
            for name, before in steps.items()
            for other, part in before.followed_by.items()
            if other in steps
        }

    @cached_property
    def _by_endpoint(self) -> Mapping[str, Sequence[AdvisedModel]]:
        found: dict[str, list[AdvisedModel]] = {}
        for one in self.models:
            found.setdefault(one.endpoint, []).append(one)
        return found
