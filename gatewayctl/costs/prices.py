"""The prices of one Region, and the file that holds them.

Prices are `Decimal`, because a sum of money must not depend on binary rounding.
"""

from __future__ import annotations

from collections.abc import Mapping  # noqa: TC003  (msgspec reads the types of the members)
from dataclasses import dataclass, field
from decimal import Decimal
from itertools import chain
from pathlib import Path

from chalicelib.errors import quoted
from gatewayctl.costs import json_file
from gatewayctl.costs.figures import Figure, Origin, unknown
from gatewayctl.report import WrongUse

EXAMPLE = Path(__file__).with_name("example-prices.json")
"""Prices that an article used as an example; they are not those of any account."""

MB_PER_GB = 1024
"""SageMaker's sizes of memory are binary: MemorySizeInMB is 1024 for 1 GB."""

MOST, LEAST = Decimal(10**6), Decimal("1e-12")
"""No price and no size of memory is above or, if it is not 0, below these."""


@dataclass(frozen=True, slots=True)
class InstancePrice:
    """What an instance type costs, and what it has."""

    per_hour: Decimal
    vcpus: int | None = None
    memory_gib: Decimal | None = None
    gpus: int | None = None
    """None if it is not known; 0 if the type has none."""


@dataclass(frozen=True, slots=True)
class ServerlessPrices:
    """What serverless inference costs."""

    per_second: Mapping[int, Decimal]
    """The price of a second at work, by the memory size in MB."""
    per_gb_processed: Decimal | None = None
    """The price of 1 GB that goes in or comes out; None if it is not known."""
    provisioned_per_second: Mapping[int, Decimal] = field(default_factory=dict)
    """The price of a second of one provisioned concurrency, by the memory size in MB."""
    provisioned_use_per_second: Mapping[int, Decimal] = field(default_factory=dict)
    """The price of a second at work on provisioned concurrency, by the memory size in MB."""


@dataclass(frozen=True, slots=True)
class Prices:
    """The prices of SageMaker's hosting in one Region."""

    currency: str
    region: str
    date: str
    """When they were valid, as `2026-11-29`."""
    source: str
    """Where they are from, in words."""
    instances: Mapping[str, InstancePrice]
    """By instance type, such as `ml.c5.large`; those of asynchronous endpoints are the same."""
    serverless: ServerlessPrices | None = None
    is_example: bool = False
    """Whether they are an example, and no answer of AWS."""

    @property
    def origin(self) -> Origin:
        return Origin.ASSUMED if self.is_example else Origin.AWS

    @property
    def note(self) -> str:
        """Whose prices these are, in words."""
        return f"prices of {self.region}, {self.date}: {self.source}"

    def per_hour(self, instance_type: str | None) -> Figure[Decimal]:
        """Return the price of an hour of an instance type."""
        if instance_type is None:
            return unknown("the instance type is not known")
        if instance_type not in self.instances:
            return unknown(f"the prices have no {quoted(instance_type)}")
        return Figure(self.instances[instance_type].per_hour, self.origin, self.note)

    @property
    def _amounts(self) -> list[Decimal]:
        """All numbers."""
        serverless = self.serverless or ServerlessPrices({})
        by_size = (
            serverless.per_second,
            serverless.provisioned_per_second,
            serverless.provisioned_use_per_second,
        )
        return [
            *(one.per_hour for one in self.instances.values()),
            *(one.memory_gib or Decimal(0) for one in self.instances.values()),
            *(Decimal(one.vcpus or 0) for one in self.instances.values()),
            *(Decimal(one.gpus or 0) for one in self.instances.values()),
            *chain.from_iterable(sizes.values() for sizes in by_size),
            serverless.per_gb_processed or Decimal(0),
        ]


def text(prices: Prices) -> str:
    """Return a price file."""
    return json_file.text(prices)


def read(path: Path) -> Prices:
    """Read a price file.

    Raises:
        WrongUse: It cannot be read, or is no price file of this version.
    """
    advice = "gatewayctl prices --out FILE writes one"
    prices = json_file.read(path, Prices, "price file", advice)
    if wrong := [one for one in prices._amounts if not _is_amount(one)]:
        raise WrongUse(f"{path} is no price file: it has the number {wrong[0]}; {advice}")
    return prices


def _is_amount(number: Decimal) -> bool:
    return number.is_finite() and (number == 0 or LEAST <= number <= MOST)
