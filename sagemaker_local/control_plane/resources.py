"""What an account has in one region."""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from sagemaker_local.errors import InvalidInput
from sagemaker_local.hosting.hosted_container import Surroundings
from sagemaker_local.refusals import EndpointNotFound

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sagemaker_local.definitions import ModelDefinition, Place
    from sagemaker_local.faults import Faults
    from sagemaker_local.hosting.artifacts import ArtifactStore
    from sagemaker_local.hosting.endpoints import Configuration, Endpoint, InferenceComponent
    from sagemaker_local.settings import Options

Definition = TypeVar("Definition")


@dataclass(frozen=True)
class Described(Generic[Definition]):
    """What was created, as it was sent, and what we made of it."""

    request: Mapping[str, Any]
    definition: Definition
    created: float = field(default_factory=time.time)


class Region:
    """Models, endpoint configurations, endpoints and inference components, by name."""

    def __init__(
        self, place: Place, options: Options, artifacts: ArtifactStore, faults: Faults
    ) -> None:
        self.place = place
        self.models: dict[str, Described[ModelDefinition]] = {}
        self.endpoint_configs: dict[str, Described[Configuration]] = {}
        self.endpoints: dict[str, Endpoint] = {}
        self._options = options
        self._artifacts = artifacts
        self._faults = faults

    def surroundings(self, endpoint: str) -> Surroundings:
        """What the models of an endpoint need to know of the world."""
        return Surroundings(
            endpoint=endpoint,
            place=self.place,
            options=self._options,
            artifacts=self._artifacts,
            delay_load=lambda: self._faults.delay_load(endpoint),
        )

    def model(self, name: str) -> Described[ModelDefinition]:
        return self._found(self.models, "model", "model", name)

    def endpoint_config(self, name: str) -> Described[Configuration]:
        kind = "endpoint configuration"
        return self._found(self.endpoint_configs, kind, "endpoint-config", name)

    def endpoint(self, name: str) -> Endpoint:
        return self._found(self.endpoints, "endpoint", "endpoint", name)

    def component(self, name: str) -> tuple[Endpoint, InferenceComponent]:
        for endpoint in self.endpoints.values():
            if name in endpoint.components:
                return endpoint, endpoint.components[name]
        arn = self.place.arn("inference-component", name)
        raise InvalidInput(f'Could not find inference component "{arn}".')  # UNVERIFIED

    def invocable(self, name: str) -> Endpoint:
        """The endpoint for an invocation. When there is none: EndpointNotFound."""
        if name not in self.endpoints:
            raise EndpointNotFound(name, self.place)
        return self.endpoints[name]

    def refuse_existing(self, table: Mapping[str, object], kind: str, arn: str, name: str) -> None:
        """Text: terraform-provider-aws and sagemaker-python-sdk issue reports."""
        if name in table:
            raise InvalidInput(f'Cannot create already existing {kind} "{arn}".')

    async def close(self) -> None:
        await asyncio.gather(*(endpoint.close() for endpoint in self.endpoints.values()))

    def _found(
        self, table: Mapping[str, Definition], kind: str, arn_kind: str, name: str
    ) -> Definition:
        if name not in table:
            arn = self.place.arn(arn_kind, name)
            raise InvalidInput(f'Could not find {kind} "{arn}".')
        return table[name]
