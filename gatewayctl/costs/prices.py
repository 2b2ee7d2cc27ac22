"""The prices of one Region, and the file that holds them.

Prices are `Decimal`, because a sum of money must not depend on binary rounding.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import TYPE_CHECKING, Any

from chalicelib.errors import quoted
from gatewayctl.costs.figures import Figure, Origin, unknown
from gatewayctl.output import json_text
from gatewayctl.report import WrongUse

if TYPE_CHECKING:
    from collections.abc import Mapping

VERSION = 1
EXAMPLE = Path(__file__).with_name("example-prices.json")
"""Prices that an article used as an example; they are not those of any account."""

MB_PER_GB = 1024


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

    def as_data(self) -> dict[str, Any]:
        """Return the content of a price file."""
        return {
            "version": VERSION,
            "currency": self.currency,
            "region": self.region,
            "date": self.date,
            "source": self.source,
            "example": self.is_example,
            "instances": {
                name: _known(
                    per_hour=str(one.per_hour),
                    vcpus=one.vcpus,
                    memory_gib=None if one.memory_gib is None else str(one.memory_gib),
                    gpus=one.gpus,
                )
                for name, one in sorted(self.instances.items())
            },
            "serverless": self.serverless and _serverless_data(self.serverless),
        }


def _serverless_data(prices: ServerlessPrices) -> dict[str, Any]:
    by_size = {name: getattr(prices, name) for name in _BY_SIZE}
    return {
        **{
            name: {str(size): str(price) for size, price in sorted(sizes.items())}
            for name, sizes in by_size.items()
        },
        "per_gb_processed": (
            None if prices.per_gb_processed is None else str(prices.per_gb_processed)
        ),
    }


_BY_SIZE = ("per_second", "provisioned_per_second", "provisioned_use_per_second")


def _known(**members: object) -> dict[str, object]:
    return {name: value for name, value in members.items() if value is not None}


def text(prices: Prices) -> str:
    """Return a price file."""
    return f"{json_text(prices.as_data())}\n"


def read(path: Path) -> Prices:
    """Read a price file.

    Raises:
        WrongUse: It cannot be read, or is no price file of this version.
    """
    try:
        data = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise WrongUse(f"the prices in {path} cannot be read: {error.strerror}") from error
    except (ValueError, RecursionError) as error:
        raise WrongUse(f"{path} is no price file: it is not JSON") from error
    return parsed(data, str(path))


def parsed(data: Any, name: str) -> Prices:
    """Return the prices in the content of a price file.

    Args:
        data: The content.
        name: How messages name the file.

    Raises:
        WrongUse: It is no price file of this version.
    """
    reader = _Reader(name)
    file = reader.members(data, "the file")
    if file.get("version") != VERSION:
        raise reader.wrong(f"version is {file.get('version')!r}, and {VERSION} is expected")
    return Prices(
        currency=reader.text(file, "currency"),
        region=reader.text(file, "region"),
        date=reader.text(file, "date"),
        source=reader.text(file, "source"),
        is_example=file.get("example") is True,
        instances={
            kind: reader.instance(one, kind)
            for kind, one in reader.members(file.get("instances"), "instances").items()
        },
        serverless=reader.serverless(file.get("serverless")),
    )


@dataclass(frozen=True, slots=True)
class _Reader:
    """Reads the members of a price file."""

    name: str

    def wrong(self, what: str) -> WrongUse:
        return WrongUse(
            f"{self.name} is no price file: {what}; gatewayctl prices --out FILE writes one"
        )

    def members(self, value: Any, what: str) -> dict[str, Any]:
        if not isinstance(value, dict):
            raise self.wrong(f"{what} is no object")
        return value

    def text(self, data: dict[str, Any], key: str) -> str:
        value = data.get(key)
        if not isinstance(value, str) or not value:
            raise self.wrong(f"{key} is missing")
        return value

    def price(self, value: Any, what: str) -> Decimal:
        try:
            price = Decimal(value) if isinstance(value, str) else None
        except InvalidOperation:
            price = None
        if price is None or not price.is_finite() or price < 0:
            raise self.wrong(f"{what} is {value!r}, and a price in quotes is expected")
        return price

    def whole(self, value: Any, what: str) -> int | None:
        if value is None or (isinstance(value, int) and value >= 0):
            return value
        raise self.wrong(f"{what} is {value!r}, and a whole number is expected")

    def instance(self, value: Any, kind: str) -> InstancePrice:
        data = self.members(value, f"instances.{kind}")
        memory = data.get("memory_gib")
        return InstancePrice(
            self.price(data.get("per_hour"), f"instances.{kind}.per_hour"),
            self.whole(data.get("vcpus"), f"instances.{kind}.vcpus"),
            None if memory is None else self.price(memory, f"instances.{kind}.memory_gib"),
            self.whole(data.get("gpus"), f"instances.{kind}.gpus"),
        )

    def serverless(self, value: Any) -> ServerlessPrices | None:
        if value is None:
            return None
        data = self.members(value, "serverless")
        processed = data.get("per_gb_processed")
        return ServerlessPrices(
            per_gb_processed=(
                None if processed is None else self.price(processed, "serverless.per_gb_processed")
            ),
            **{name: self.by_size(data.get(name, {}), f"serverless.{name}") for name in _BY_SIZE},
        )

    def by_size(self, value: Any, what: str) -> dict[int, Decimal]:
        found = {}
        for size, price in self.members(value, what).items():
            if not (size.isascii() and size.isdecimal()):
                raise self.wrong(f"{what} has the key {size!r}, and a size in MB is expected")
            found[int(size)] = self.price(price, f"{what}.{size}")
        return found
