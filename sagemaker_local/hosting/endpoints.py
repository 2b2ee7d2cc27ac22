"""Endpoints and inference components at work: coming into service, being invoked, going away."""

from __future__ import annotations

import asyncio
import logging
import random
import time
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from sagemaker_local import refusals
from sagemaker_local.hosting.lifecycle import Lifecycle
from sagemaker_local.hosting.models import host, stop

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from sagemaker_local.definitions import ModelDefinition, Variant
    from sagemaker_local.hosting.container_client import Answer
    from sagemaker_local.hosting.hosted_container import HostedContainer, Surroundings
    from sagemaker_local.hosting.invocation import Invocation
    from sagemaker_local.hosting.models import HostedModel

log = logging.getLogger(__name__)

SERVERLESS_MAX_BODY_BYTES = 4 * 1024 * 1024


@dataclass(frozen=True)
class Configuration:
    """What an endpoint configuration says of serving."""

    name: str
    variants: Sequence[Variant]
    asynchronous: bool = False
    request: Mapping[str, Any] = field(default_factory=dict)
    """As it was sent; it outlives DeleteEndpointConfig with the endpoint that uses it."""

    @property
    def hosts_components(self) -> bool:
        return any(variant.model is None for variant in self.variants)


class InferenceComponent(Lifecycle):
    """A model on an endpoint that hosts inference components."""

    def __init__(
        self,
        name: str,
        variant: str,
        model: ModelDefinition,
        copies: int,
        around: Surroundings,
        *,
        specification: Mapping[str, Any],
    ) -> None:
        super().__init__(name)
        self.variant = variant
        self.model = model
        self.specification = specification
        self.copies = 0
        self.desired_copies = copies
        self._around = around
        self._hosted: HostedModel | None = None
        self.begin(self._scale(copies))

    @property
    def containers(self) -> list[HostedContainer]:
        return self._hosted.containers if self._hosted else []

    def update_copies(self, copies: int) -> None:
        """Scale in the background; one process stands for any number of copies."""
        self.desired_copies = copies
        self.move_to("Updating")
        self.begin(self._scale(copies))

    async def invoke(self, invocation: Invocation) -> Answer:
        if self.status not in ("InService", "Updating"):
            raise refusals.InferenceComponentUnknown(self.name, invocation.endpoint)
        if self._hosted is None:
            raise refusals.NoCapacity
        return await self._hosted.invoke(invocation)

    async def _scale(self, copies: int) -> None:
        options = self._around.options
        await asyncio.sleep(options.creating_seconds)
        if copies and self._hosted is None:
            self._hosted = await host(
                self.model, self.variant, self._around, options.startup_timeout_seconds
            )
        if not copies:
            idle, self._hosted = self.containers, None
            await self.retire(idle)
        self.copies = copies
        self.move_to("InService")


@dataclass
class _Deployment:
    """A configuration and the models that it put to work."""

    configuration: Configuration
    models: dict[str, HostedModel] = field(default_factory=dict)

    @property
    def containers(self) -> list[HostedContainer]:
        return [container for model in self.models.values() for container in model.containers]


class Endpoint(Lifecycle):
    """A name that can be invoked."""

    def __init__(self, name: str, configuration: Configuration, around: Surroundings) -> None:
        super().__init__(name)
        self.components: dict[str, InferenceComponent] = {}
        self._around = around
        self._deployment = _Deployment(configuration)
        self.begin(self._deploy(configuration))

    @property
    def configuration(self) -> Configuration:
        return self._deployment.configuration

    @property
    def containers(self) -> list[HostedContainer]:
        return self._deployment.containers

    @property
    def kind(self) -> str:
        """What a person would call it."""
        models = [variant.model for variant in self.configuration.variants if variant.model]
        if not models:
            return "inference components"
        return " / ".join(sorted({model.kind for model in models}))

    @property
    def container_names(self) -> list[str]:
        components = self.components.values()
        return [c.name for c in self.containers] + [x.name for x in components]

    @property
    def is_serving(self) -> bool:
        return self.status in ("InService", "Updating")

    def update(self, configuration: Configuration) -> None:
        """Put another configuration to work; the old one answers until the new one can."""
        self.failure_reason = None
        self.move_to("Updating")
        self.begin(self._deploy(configuration))

    def fail(self, reason: str) -> None:
        """A new endpoint is Failed; one that was serving goes on with what it had."""
        was_serving = self.is_serving
        super().fail(reason)
        if was_serving:
            self.move_to("InService")

    async def invoke(self, invocation: Invocation) -> tuple[Answer, str]:
        """The answer and the variant that gave it.

        When the invocation does not fit the endpoint: InvalidInvocation. When the container
        fails: ModelError. When the model is still being loaded: ModelNotReady.
        """
        configuration = self.configuration
        if not self.is_serving:
            raise refusals.EndpointNotFound(self.name, self._around.place)
        if configuration.asynchronous:
            raise refusals.SynchronousNotSupported(self.name)
        if configuration.hosts_components:
            return await self._invoke_component(invocation)
        if invocation.inference_component is not None:
            raise refusals.InferenceComponentNotSupported(self.name)
        variant = self._choose(invocation)
        if variant.serverless and len(invocation.body) > SERVERLESS_MAX_BODY_BYTES:
            raise refusals.OversizeBody(invocation.request_id)
        return await self._deployment.models[variant.name].invoke(invocation), variant.name

    async def _close(self) -> None:
        await asyncio.gather(*(component.close() for component in self.components.values()))
        await super()._close()

    async def _invoke_component(self, invocation: Invocation) -> tuple[Answer, str]:
        name = invocation.inference_component
        if name is None:
            raise refusals.InferenceComponentMissing
        if name not in self.components:
            raise refusals.InferenceComponentUnknown(name, self.name)
        component = self.components[name]
        if invocation.target_variant not in (None, component.variant):
            raise refusals.TargetVariantUnknown(invocation.target_variant, self.name)  # UNVERIFIED
        return await component.invoke(invocation), component.variant

    def _choose(self, invocation: Invocation) -> Variant:
        """The named variant, else one by weight."""
        variants = self.configuration.variants
        if invocation.target_variant is not None:
            for variant in variants:
                if variant.name == invocation.target_variant:
                    return variant
            raise refusals.TargetVariantUnknown(invocation.target_variant, self.name)
        weights = [variant.weight for variant in variants]
        return random.choices(variants, weights if any(weights) else None)[0]

    async def _deploy(self, configuration: Configuration) -> None:
        options = self._around.options
        started = time.monotonic()
        deployment = await self._start(configuration)
        rest = options.creating_seconds - (time.monotonic() - started)
        try:
            await asyncio.sleep(max(0.0, rest))
        except asyncio.CancelledError:
            await stop(deployment.containers)
            raise
        former, self._deployment = self._deployment, deployment
        self.move_to("InService")
        log.info("%s: in service", self.name)
        await self.retire(former.containers)

    def _around_variant(self, variant: Variant) -> Surroundings:
        """A serverless variant carries less, in both directions."""
        if not variant.serverless:
            return self._around
        options = replace(self._around.options, max_body_bytes=SERVERLESS_MAX_BODY_BYTES)
        return replace(self._around, options=options)

    async def _start(self, configuration: Configuration) -> _Deployment:
        deployment = _Deployment(configuration)
        try:
            for variant in configuration.variants:
                if variant.model is not None:
                    around = self._around_variant(variant)
                    timeout = variant.startup_timeout_seconds
                    deployment.models[variant.name] = await host(
                        variant.model,
                        variant.name,
                        around,
                        timeout or around.options.startup_timeout_seconds,
                    )
        except BaseException:
            await stop(deployment.containers)
            raise
        return deployment
