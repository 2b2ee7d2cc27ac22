"""Inference components: starting, serving requests, scaling, and updating."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

from sagemaker_local import refusals
from sagemaker_local.hosting.lifecycle import Lifecycle
from sagemaker_local.hosting.models import start_model

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sagemaker_local.definitions import ModelDefinition
    from sagemaker_local.hosting.container_client import ContainerResponse
    from sagemaker_local.hosting.hosted_container import HostedContainer, HostingContext
    from sagemaker_local.hosting.models import HostedModel, Invocation


class InferenceComponent(Lifecycle):
    """A model on an endpoint that hosts inference components."""

    def __init__(
        self,
        name: str,
        variant: str,
        model: ModelDefinition,
        copies: int,
        context: HostingContext,
        *,
        specification: Mapping[str, Any],
    ) -> None:
        super().__init__(name)
        self.variant = variant
        self.model = self.desired_model = model
        self.specification = self.desired_specification = specification
        self.copies = 0
        self.desired_copies = copies
        self._context = context
        self._hosted: HostedModel | None = None

    @property
    def containers(self) -> list[HostedContainer]:
        return self._hosted.containers if self._hosted else []

    def start(self) -> None:
        self.run_in_background(self._deploy(self.model, self.specification, self.desired_copies))

    def update_copies(self, copies: int) -> None:
        """Scale in the background; one process stands for any number of copies."""
        self._begin_update(copies)
        self.run_in_background(self._scale(copies))

    def update(self, model: ModelDefinition, specification: Mapping[str, Any], copies: int) -> None:
        """Deploy another model; the current one serves until the new one is ready."""
        self._begin_update(copies)
        self.desired_model, self.desired_specification = model, specification
        self.run_in_background(self._deploy(model, specification, copies))

    async def invoke(self, invocation: Invocation) -> ContainerResponse:
        """Pass the invocation to the model; errors are those of `Endpoint.invoke`."""
        if not self.is_serving:
            raise refusals.InferenceComponentUnknown(self.name, invocation.endpoint)
        if self._hosted is None:
            raise refusals.NoCapacity
        return await self._hosted.invoke(invocation)

    def fail(self, reason: str) -> None:
        super().fail(reason)
        if self.is_serving:
            self.desired_copies = self.copies
            self.desired_model, self.desired_specification = self.model, self.specification

    def _begin_update(self, copies: int) -> None:
        self.failure_reason = None
        self.desired_copies = copies
        self.set_status("Updating")

    async def _scale(self, copies: int) -> None:
        await asyncio.sleep(self._context.options.creating_seconds)
        if copies and self._hosted is None:
            self._hosted = await self._start(self.model, self.specification)
        if not copies:
            idle, self._hosted = self.containers, None
            await self.drain_and_stop(idle)
        self.copies = copies
        self.set_status("InService")

    async def _deploy(
        self, model: ModelDefinition, specification: Mapping[str, Any], copies: int
    ) -> None:
        await asyncio.sleep(self._context.options.creating_seconds)
        hosted = await self._start(model, specification) if copies else None
        previous, self._hosted = self.containers, hosted
        self.model, self.specification, self.copies = model, specification, copies
        self.set_status("InService")
        await self.drain_and_stop(previous)

    async def _start(self, model: ModelDefinition, specification: Mapping[str, Any]) -> HostedModel:
        timeout = specification.get("StartupParameters", {}).get(
            "ContainerStartupHealthCheckTimeoutInSeconds",
            self._context.options.startup_timeout_seconds,
        )
        return await start_model(model, self.variant, self._context, timeout)
