"""The SageMaker resources of one account and region, by name, with their tags."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from sagemaker_local.errors import InvalidInput
from sagemaker_local.hosting.hosted_container import HostingContext
from sagemaker_local.hosting.lifecycle import now
from sagemaker_local.refusals import EndpointNotFound

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from sagemaker_local.definitions import EndpointConfig, ModelDefinition
    from sagemaker_local.faults import Faults
    from sagemaker_local.hosting.artifacts import ArtifactStore
    from sagemaker_local.hosting.async_objects import AsyncObjects
    from sagemaker_local.hosting.components import InferenceComponent
    from sagemaker_local.hosting.endpoints import Endpoint
    from sagemaker_local.settings import AccountRegion, Options

T = TypeVar("T")

Tag = dict[str, str]

# Kinds of resource in an ARN, and what the texts of errors call them.
KINDS = {
    "model": "model",
    "endpoint-config": "endpoint configuration",
    "endpoint": "endpoint",
    "inference-component": "inference component",
}


@dataclass(frozen=True)
class Created(Generic[T]):
    """A model or an endpoint configuration, and when it was created."""

    definition: T
    created: float = field(default_factory=now)


class Table(Generic[T]):
    """All resources of one kind, and their tags.

    Names that differ in case only are one name, because an ARN has the name in lower case.

    Source for endpoints: API reference, CreateEndpoint: "The name is case-insensitive in
    CreateEndpoint, but the case is preserved and must be matched in InvokeEndpoint."
    """

    def __init__(self, account_region: AccountRegion, kind: str) -> None:
        self.kind = kind
        self._noun = KINDS[kind]
        self._account_region = account_region
        self._items: dict[str, T] = {}
        self._tags: dict[str, dict[str, str]] = {}

    def arn(self, name: str) -> str:
        return self._account_region.arn(self.kind, name)

    def check_name_is_free(self, name: str) -> None:
        """Check that no resource has this name.

        Raises:
            InvalidInput: A resource of this name exists.

        Source: texts in issues of terraform-provider-aws and sagemaker-python-sdk.
        """
        if name.lower() in self._items:
            raise InvalidInput(f'Cannot create already existing {self._noun} "{self.arn(name)}".')

    def add(self, name: str, item: T, tags: Iterable[Tag] = ()) -> None:
        """Add a resource.

        Raises:
            InvalidInput: A resource of this name exists.
        """
        self.check_name_is_free(name)
        self._items[name.lower()] = item
        self._tags[name.lower()] = {tag["Key"]: tag["Value"] for tag in tags}

    def get(self, name: str) -> T:
        """Return the resource.

        Raises:
            InvalidInput: There is no resource of this name.

        Source: sagemaker-python-sdk, terraform-provider-aws and amazon-sagemaker-operator-for-k8s
        compare the first words.
        """
        if name.lower() not in self._items:
            raise InvalidInput(f'Could not find {self._noun} "{self.arn(name)}".')
        return self._items[name.lower()]

    def find(self, name: str) -> T | None:
        return self._items.get(name.lower())

    def remove(self, name: str) -> None:
        """Remove the resource and its tags.

        Raises:
            InvalidInput: There is no resource of this name.
        """
        self.get(name)
        del self._items[name.lower()], self._tags[name.lower()]

    def tags(self, name: str) -> dict[str, str]:
        """Return the resource's tags, which the caller may change.

        Raises:
            InvalidInput: There is no resource of this name.
        """
        self.get(name)
        return self._tags[name.lower()]

    def items(self) -> Sequence[tuple[str, T]]:
        """Return each resource with its name in lower case."""
        return list(self._items.items())

    def values(self) -> Sequence[T]:
        return list(self._items.values())


class Resources:
    """Models, endpoint configurations, endpoints and inference components."""

    def __init__(
        self,
        account_region: AccountRegion,
        options: Options,
        artifacts: ArtifactStore,
        objects: AsyncObjects,
        faults: Faults,
    ) -> None:
        self.account_region = account_region
        self.options = options
        self.artifacts = artifacts
        self.objects = objects
        self.faults = faults
        self.models: Table[Created[ModelDefinition]] = Table(account_region, "model")
        self.endpoint_configs: Table[Created[EndpointConfig]] = Table(
            account_region, "endpoint-config"
        )
        self.endpoints: Table[Endpoint] = Table(account_region, "endpoint")
        self.components: Table[tuple[Endpoint, InferenceComponent]] = Table(
            account_region, "inference-component"
        )

    def tables(self) -> Iterator[Table[Any]]:
        yield from (self.models, self.endpoint_configs, self.endpoints, self.components)

    def hosting_context(self, endpoint: str) -> HostingContext:
        """Return what the containers of an endpoint share."""
        return HostingContext(
            endpoint=endpoint,
            account_region=self.account_region,
            options=self.options,
            artifacts=self.artifacts,
            objects=self.objects,
            delay_load=lambda: self.faults.delay_load(endpoint),
        )

    def invocable_endpoint(self, name: str) -> Endpoint:
        """Return the endpoint of an invocation, which names it in its own case.

        Raises:
            EndpointNotFound: There is no endpoint of this name.
        """
        endpoint = self.endpoints.find(name)
        if endpoint is None or endpoint.name != name:
            raise EndpointNotFound(name, self.account_region)
        return endpoint

    async def close(self) -> None:
        await asyncio.gather(*(endpoint.close() for endpoint in self.endpoints.values()))
