"""Endpoints: starting, serving requests, updating, and deleting."""

from __future__ import annotations

import asyncio
import logging
import random
import time
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from sagemaker_local import errors, refusals
from sagemaker_local.hosting.async_objects import MAX_INPUT_BYTES
from sagemaker_local.hosting.async_queue import AsyncQueue
from sagemaker_local.hosting.lifecycle import Lifecycle
from sagemaker_local.hosting.models import start_model, stop_containers

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sagemaker_local.async_definitions import AsyncConfig
    from sagemaker_local.definitions import EndpointConfig, Variant
    from sagemaker_local.hosting.async_queue import AsyncRequest
    from sagemaker_local.hosting.components import InferenceComponent
    from sagemaker_local.hosting.container_client import ContainerResponse
    from sagemaker_local.hosting.hosted_container import HostedContainer, HostingContext
    from sagemaker_local.hosting.models import HostedModel, Invocation

log = logging.getLogger(__name__)

SERVERLESS_MAX_BODY_BYTES = 4 * 1024 * 1024
ASYNC_MAX_TIMEOUT_SECONDS = 3600


@dataclass
class _Deployment:
    """A configuration and its running models, by variant name."""

    config: EndpointConfig
    models: dict[str, HostedModel] = field(default_factory=dict)

    @property
    def containers(self) -> list[HostedContainer]:
        return [container for model in self.models.values() for container in model.containers]


class Endpoint(Lifecycle):
    """An endpoint: the running models of its current configuration, or its components."""

    def __init__(self, name: str, config: EndpointConfig, context: HostingContext) -> None:
        super().__init__(name)
        self.components: dict[str, InferenceComponent] = {}
        self.desired_config = config
        self.deployment_config: Mapping[str, Any] | None = None
        """How the caller asked for updates to be deployed; every update replaces all at once."""
        self._context = context
        self._deployment = _Deployment(config)
        self._queue = AsyncQueue(name, self._process, context.objects, self._async_capacity)

    @property
    def config(self) -> EndpointConfig:
        return self._deployment.config

    @property
    def containers(self) -> list[HostedContainer]:
        return self._deployment.containers

    @property
    def kind(self) -> str:
        """The kind, as the start-up table prints it."""
        models = [variant.model for variant in self.config.variants if variant.model]
        if not models:
            return "inference components"
        return " / ".join(sorted({model.kind for model in models}))

    @property
    def container_names(self) -> list[str]:
        return [c.name for c in self.containers] + list(self.components)

    def start(self) -> None:
        self.run_in_background(self._deploy(self.config))

    def update(self, config: EndpointConfig) -> None:
        """Deploy another configuration; the current one serves until the new one is ready."""
        self._begin_update(config)
        self.run_in_background(self._deploy(config))

    def update_capacities(self, config: EndpointConfig) -> None:
        """Take the weights and instance counts of a configuration of the same models.

        One process stands for any number of instances.
        """
        self._begin_update(config)
        self.run_in_background(self._take_capacities(config))

    def fail(self, reason: str) -> None:
        super().fail(reason)
        self.desired_config = self.config

    async def invoke(self, invocation: Invocation) -> tuple[ContainerResponse, str]:
        """Return the response, and the name of the variant that gave it.

        Raises:
            InvalidInvocation: The invocation does not fit the endpoint.
            ModelError: The container failed.
            ModelNotReady: The model is still loading.
        """
        config = self.config
        if not self.is_serving:
            raise refusals.EndpointNotFound(self.name, self._context.account_region)
        if config.asynchronous:
            raise refusals.SynchronousNotSupported(self.name)
        if config.hosts_components:
            return await self._invoke_component(invocation)
        if invocation.inference_component is not None:
            raise refusals.InferenceComponentNotSupported(self.name)
        variant = self._choose_variant(invocation)
        body = invocation.body
        too_large = isinstance(body, bytes) and len(body) > SERVERLESS_MAX_BODY_BYTES
        if variant.serverless and too_large:
            raise refusals.OversizeBody(invocation.request_id)
        return await self._deployment.models[variant.name].invoke(invocation), variant.name

    def async_config(self) -> AsyncConfig:
        """Return how the endpoint takes asynchronous requests.

        Raises:
            InvalidInvocation: It takes none.
        """
        if not self.is_serving:
            raise refusals.EndpointNotFound(self.name, self._context.account_region)
        if self.config.asynchronous is None:
            raise refusals.AsynchronousNotSupported(self.name)
        return self.config.asynchronous

    def enqueue(self, request: AsyncRequest) -> None:
        self._queue.add(request)

    def announce(self) -> None:
        """Send the notification with which an endpoint tries its topics in the background."""
        config = self.config.asynchronous
        if config is None:
            return
        message = {"eventVersion": "1.0", "eventSource": "aws:sagemaker"}
        message |= {"eventName": "TestNotification"}
        for topic in sorted({config.success_topic, config.error_topic} - {None}, key=str):
            self._queue.run(self._context.objects.publish(str(topic), message))

    async def _process(self, invocation: Invocation) -> ContainerResponse:
        """Pass an asynchronous request to the container; errors are those of `invoke`."""
        (model,) = self._deployment.models.values()
        response = await model.invoke(invocation)
        if "content-length" not in response.headers:
            # Source: github.com/deepjavalibrary/djl-serving, issue 2567; the status is UNVERIFIED.
            summary = (
                f"The response from container {model.containers[0].name} did not specify the"
                " required Content-Length header."
            )
            region = self._context.account_region
            raise errors.ModelError(self.name, region, status=response.status, summary=summary)
        return response

    def _async_capacity(self) -> int:
        """One process stands for all instances; without an instance, requests wait."""
        config = self.config
        if config.asynchronous is None or not self._deployment.models:
            return 0
        return config.asynchronous.concurrent_invocations * config.instances

    async def _close(self) -> None:
        await self._queue.close()
        await asyncio.gather(*(component.close() for component in self.components.values()))
        await super()._close()

    async def _invoke_component(self, invocation: Invocation) -> tuple[ContainerResponse, str]:
        name = invocation.inference_component
        if name is None:
            raise refusals.InferenceComponentMissing
        if name not in self.components:
            raise refusals.InferenceComponentUnknown(name, self.name)
        component = self.components[name]
        if invocation.target_variant not in (None, component.variant):
            raise refusals.TargetVariantUnknown(invocation.target_variant, self.name)  # UNVERIFIED
        return await component.invoke(invocation), component.variant

    def _choose_variant(self, invocation: Invocation) -> Variant:
        """Choose the variant that the caller named, otherwise one at random by weight."""
        variants = self.config.variants
        if invocation.target_variant is not None:
            for variant in variants:
                if variant.name == invocation.target_variant:
                    return variant
            raise refusals.TargetVariantUnknown(invocation.target_variant, self.name)
        weights = [variant.weight for variant in variants]
        return random.choices(variants, weights if any(weights) else None)[0]

    def _begin_update(self, config: EndpointConfig) -> None:
        self.failure_reason = None
        self.desired_config = config
        self.set_status("Updating")

    async def _take_capacities(self, config: EndpointConfig) -> None:
        await asyncio.sleep(self._context.options.creating_seconds)
        self._deployment = replace(self._deployment, config=config)
        self.set_status("InService")
        self._queue.capacity_changed()

    async def _deploy(self, config: EndpointConfig) -> None:
        started = time.monotonic()
        deployment = await self._start_models(config)
        remaining = self._context.options.creating_seconds - (time.monotonic() - started)
        try:
            await asyncio.sleep(max(0.0, remaining))
        except asyncio.CancelledError:
            await stop_containers(deployment.containers)
            raise
        previous, self._deployment = self._deployment, deployment
        self.set_status("InService")
        self._queue.capacity_changed()
        log.info("%s: in service", self.name)
        await self.drain_and_stop(previous.containers)

    async def _start_models(self, config: EndpointConfig) -> _Deployment:
        deployment = _Deployment(config)
        try:
            for variant in config.variants:
                if variant.model is not None:
                    context = self._variant_context(variant, config)
                    timeout = variant.startup_timeout_seconds
                    deployment.models[variant.name] = await start_model(
                        variant.model,
                        variant.name,
                        context,
                        timeout or context.options.startup_timeout_seconds,
                    )
        except BaseException:
            await stop_containers(deployment.containers)
            raise
        return deployment

    def _variant_context(self, variant: Variant, config: EndpointConfig) -> HostingContext:
        """Return the context of a variant, with other limits than those of real-time endpoints."""
        options = self._context.options
        if variant.serverless:
            options = replace(options, max_body_bytes=SERVERLESS_MAX_BODY_BYTES)
        if config.asynchronous:
            options = replace(
                options,
                max_body_bytes=MAX_INPUT_BYTES,  # UNVERIFIED for a response
                invocation_timeout_seconds=ASYNC_MAX_TIMEOUT_SECONDS,
            )
        return replace(self._context, options=options)
