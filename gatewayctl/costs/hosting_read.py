"""Reads endpoints from an AWS account: what they run on, what they hold, what separates them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from gatewayctl.account.values import Component, Model, Unread
from gatewayctl.costs.hosting import (
    Boundary,
    EndpointHosting,
    Hosting,
    Occupant,
    Reserved,
    Serverless,
    VariantHosting,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from gatewayctl.account.reader import AccountReader
    from gatewayctl.account.values import Capacity, Container, Endpoint

ASYNC = "async"
FAILED = "Failed"
"""The status of an endpoint that could not be created: it has no instances."""


def read(account: AccountReader, named: Iterable[str] = ()) -> Hosting:
    """Read all endpoints of an account and Region.

    Args:
        named: The endpoints that are read if nobody may list them all.

    Raises:
        NotReachable: AWS does not answer.
    """
    names = account.endpoint_names()
    unread = {str(names): None} if isinstance(names, Unread) else {}
    endpoints = []
    for endpoint in account.endpoints(named if isinstance(names, Unread) else names).values():
        if isinstance(endpoint, Unread):
            unread[str(endpoint)] = None
        else:
            found = _EndpointReading(account, endpoint)
            endpoints.append(found.hosting())
            unread.update(dict.fromkeys(found.unread))
    return Hosting(account.region, tuple(endpoints), tuple(unread))


class _EndpointReading:
    """Reads what is on one endpoint."""

    def __init__(self, account: AccountReader, endpoint: Endpoint) -> None:
        self._account = account
        self._endpoint = endpoint
        self.unread: list[str] = []

    def hosting(self) -> EndpointHosting:
        one = self._endpoint
        components = list(self._components())
        models = [model for model in self._models(components) if model is not None]
        occupants = [
            *(occupant for model in one.models for occupant in self._of_model(model)),
            *(self._of_component(component) for component in components),
        ]
        kinds = [variant.kind for variant in one.variants if variant.kind is not None]
        return EndpointHosting(
            one.name,
            ASYNC if one.async_only else next(iter(kinds), None),
            self._variants(),
            tuple(occupants),
            self._boundary(models, occupants),
            one.created,
        )

    def _variants(self) -> tuple[VariantHosting, ...]:
        one = self._endpoint
        is_there = one.status != FAILED
        each = ((variant.name, variant.capacity, False) for variant in one.variants)
        shadows = ((name, capacity, True) for name, capacity in one.shadows)
        return tuple(_variant(*found, is_there=is_there) for found in (*each, *shadows))

    def _models(self, components: Sequence[Component]) -> Iterator[Model | None]:
        """Yield the models of the variants and of the components; None for an unread one."""
        found = [
            *(one.model for one in self._endpoint.variants if one.model is not None),
            *(self._account.model(one.model) for one in components if one.model is not None),
        ]
        for model in found:
            if isinstance(model, Unread):
                self.unread.append(str(model))
                yield None
            else:
                yield model

    def _components(self) -> Iterator[Component]:
        names = self._endpoint.components
        if isinstance(names, Unread):
            self.unread.append(str(names))
            return
        for name in names:
            component = self._account.component(name)
            if isinstance(component, Unread):
                self.unread.append(str(component))
            else:
                yield component

    def _of_model(self, model: Model) -> Iterator[Occupant]:
        if model.multi_model is not None:
            yield from self._artifacts(model.multi_model)
        elif model.direct:
            for one in model.containers:
                target = f"TargetContainerHostname={one.hostname}"
                yield Occupant(target, self._size([one]), one.image)
        else:
            image = next((one.image for one in model.containers), None)
            yield Occupant("", self._size(model.containers), image)

    def _artifacts(self, container: Container) -> Iterator[Occupant]:
        listed = self._account.artifacts(container.model_data or "")
        if isinstance(listed, Unread):
            self.unread.append(str(listed))
            return
        for name in listed.loadable:
            target = f"TargetModel={name}"
            yield Occupant(target, listed.sizes.get(name), container.image, is_resident=False)

    def _of_component(self, one: Component) -> Occupant:
        copies = one.copies or 0
        reserved = Reserved(
            copies, copies * one.cpu_cores, copies * one.accelerators, copies * one.memory_mb
        )
        size = None if one.model_data is None else self._size_of(one.model_data)
        return Occupant(f"InferenceComponentName={one.name}", size, one.image, reserved=reserved)

    def _size(self, containers: Sequence[Container]) -> int | None:
        """Return the size of the artifacts of containers together; None if one is not known."""
        urls = [one.model_data for one in containers]
        sizes = [None if url is None else self._size_of(url) for url in urls]
        known = [size for size in sizes if size is not None]
        return sum(known) if known and len(known) == len(sizes) else None

    def _size_of(self, url: str) -> int | None:
        if url.endswith("/"):
            listed = self._account.artifacts(url)
            size: int | Unread | None = (
                listed if isinstance(listed, Unread) else sum(listed.sizes.values())
            )
        else:
            size = self._account.object_size(url)
        if isinstance(size, Unread):
            self.unread.append(str(size))
            return None
        return size

    def _boundary(self, models: Sequence[Model], occupants: Sequence[Occupant]) -> Boundary:
        one = self._endpoint
        images = {container.image for model in models for container in model.containers}
        roles = {one.role, *(model.role for model in models)}
        networks = {*one.network, *(part for model in models for part in model.network)}
        return Boundary(
            images=_sorted({*images, *(occupant.image for occupant in occupants)}),
            roles=_sorted(roles),
            networks=_sorted(networks),
            is_isolated=any(model.is_isolated for model in models),
            kms_key=one.kms_key,
            is_known=not self.unread,
        )


def _sorted(values: Iterable[str | None]) -> tuple[str, ...]:
    return tuple(sorted(value for value in values if value is not None))


def _variant(name: str, capacity: Capacity, is_shadow: bool, *, is_there: bool) -> VariantHosting:
    if capacity.memory_mb is None:
        instances = capacity.instances if is_there else 0
        return VariantHosting(name, capacity.instance_type, instances, is_shadow=is_shadow)
    serverless = Serverless(capacity.memory_mb, capacity.provisioned_concurrency)
    return VariantHosting(name, serverless=serverless, is_shadow=is_shadow)
