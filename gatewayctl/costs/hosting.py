"""The endpoints of an account, with what they run on and what they hold.

`gatewayctl.costs.hosting_read` reads them from the account; a file holds them for a machine without
credentials, and may be written by hand.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

from chalicelib.errors import quoted
from gatewayctl.costs import json_file
from gatewayctl.report import WrongUse

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path


@dataclass(frozen=True, slots=True)
class Serverless:
    """The capacity of a serverless variant."""

    memory_mb: int
    provisioned: int = 0
    """Its provisioned concurrency, which costs money without calls, too."""


@dataclass(frozen=True, slots=True)
class VariantHosting:
    """What a production variant runs on: instances, or serverless."""

    name: str
    instance_type: str | None = None
    """None if it is serverless, or not known."""
    instances: int | None = None
    """How many there are now; None if it is serverless, or not known."""
    serverless: Serverless | None = None
    is_shadow: bool = False
    """Whether it gets copies of calls that others answer: it costs money, and has no callers."""


@dataclass(frozen=True, slots=True)
class Reserved:
    """What an inference component reserves on the instances, for all of its copies."""

    copies: int
    cpu_cores: float = 0.0
    accelerators: float = 0.0
    memory_mb: int = 0


@dataclass(frozen=True, slots=True)
class Occupant:
    """What takes memory on an endpoint: a model, an artifact, a container or a component."""

    target: str
    """As the member `target` of the log names it, such as `TargetModel=iris-v1.tar.gz`; empty for
    what a call of the endpoint alone reaches."""
    artifact_bytes: int | None = None
    """The size of its artifacts in S3, which are compressed; None if it is not known."""
    image: str | None = None
    """The image of its container."""
    is_resident: bool = True
    """Whether it is in memory all the time; an artifact of a multi-model container is not."""
    reserved: Reserved | None = None
    """For an inference component."""


@dataclass(frozen=True, slots=True)
class Boundary:
    """What separates an endpoint from others: models of different boundaries are not merged."""

    images: tuple[str, ...] = ()
    """The images of its containers, sorted."""
    roles: tuple[str, ...] = ()
    """The execution roles of its models, sorted."""
    networks: tuple[str, ...] = ()
    """The subnets and security groups of its models, sorted."""
    is_isolated: bool = False
    """Whether one of its models has no access to the network."""
    kms_key: str | None = None
    """The key that encrypts the storage of its instances."""
    is_known: bool = True
    """Whether all of this could be read."""


@dataclass(frozen=True, slots=True)
class EndpointHosting:
    """An endpoint: what it runs on, what it holds, and what separates it from others."""

    name: str
    kind: str | None
    """A kind of the routing table, such as `mme`; None if it is not known."""
    variants: tuple[VariantHosting, ...]
    occupants: tuple[Occupant, ...] = ()
    boundary: Boundary = Boundary(is_known=False)
    created: float | None = None
    """When it was created, in seconds since the epoch."""

    @property
    def serverless(self) -> Serverless | None:
        """The capacity of its first serverless variant; None if it has instances."""
        return next((one.serverless for one in self.variants if one.serverless is not None), None)

    def numbers(self) -> Iterator[float]:
        """Yield the numbers of what it runs on and of what it holds, which are not negative."""
        for variant in self.variants:
            serverless = variant.serverless or Serverless(0)
            yield from (variant.instances or 0, serverless.memory_mb, serverless.provisioned)
        for occupant in self.occupants:
            needs = occupant.reserved or Reserved(0)
            yield from (occupant.artifact_bytes or 0, needs.copies, needs.memory_mb)
            yield from (needs.cpu_cores, needs.accelerators)

    @property
    def answering(self) -> list[VariantHosting]:
        """The variants that answer calls: shadow variants get copies of them."""
        return [one for one in self.variants if not one.is_shadow]

    @property
    def instances(self) -> int | None:
        """How many instances answer calls now; None if that is not known."""
        counts = [one.instances for one in self.answering if one.serverless is None]
        return None if None in counts else sum(one or 0 for one in counts)


@dataclass(frozen=True)
class Hosting:
    """The endpoints of one account and Region."""

    region: str | None
    all: tuple[EndpointHosting, ...]
    unread: tuple[str, ...] = ()
    """What could not be read, and why."""

    @cached_property
    def endpoints(self) -> Mapping[str, EndpointHosting]:
        """The endpoints by name."""
        return {one.name: one for one in self.all}


@dataclass(frozen=True, slots=True)
class _File:
    """The content of a file of endpoints."""

    endpoints: tuple[EndpointHosting, ...]
    region: str | None = None
    unread: tuple[str, ...] = ()


def text(hosting: Hosting) -> str:
    """Return a file of endpoints."""
    return json_file.text(_File(hosting.all, hosting.region, hosting.unread))


def read_file(path: Path) -> Hosting:
    """Read a file of endpoints.

    Raises:
        WrongUse: It cannot be read, or is no file of endpoints of this version.
    """
    advice = "gatewayctl costs --endpoints-out FILE writes one"
    file = json_file.read(path, _File, "file of endpoints", advice)
    hosting = Hosting(file.region, file.endpoints, file.unread)
    if len(hosting.endpoints) < len(hosting.all):
        raise WrongUse(f"{path} is no file of endpoints: it has an endpoint twice; {advice}")
    for one in hosting.all:
        if any(number < 0 for number in one.numbers()):
            raise WrongUse(f"{path} has a negative number for endpoint {quoted(one.name)}")
    return hosting
