"""Models being hosted: how an invocation passes through their containers.

One class for each way that SageMaker calls a model's containers; `host` chooses.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Protocol

from sagemaker_local import refusals
from sagemaker_local.hosting.hosted_container import HostedContainer

if TYPE_CHECKING:
    from sagemaker_local.definitions import ModelDefinition
    from sagemaker_local.hosting.container_client import Answer
    from sagemaker_local.hosting.hosted_container import Surroundings
    from sagemaker_local.hosting.invocation import Invocation

MAX_BETWEEN_CONTAINERS_BYTES = 5 * 1024 * 1024


class HostedModel(Protocol):
    """A model whose containers run."""

    containers: list[HostedContainer]

    async def invoke(self, invocation: Invocation) -> Answer:
        """When the invocation does not fit the model: InvalidInvocation."""


class SingleModel:
    """One container."""

    def __init__(self, containers: list[HostedContainer]) -> None:
        self.containers = containers

    async def invoke(self, invocation: Invocation) -> Answer:
        _refuse_hostname(invocation)  # which of two wrong headers is named is UNVERIFIED
        _check_target_model(invocation, self.containers)
        return await self.containers[0].invoke(
            invocation.headers(), invocation.body, invocation.target_model
        )


class DirectModel:
    """Containers that a caller names."""

    def __init__(self, containers: list[HostedContainer]) -> None:
        self.containers = containers
        self._by_hostname = {container.name: container for container in containers}

    async def invoke(self, invocation: Invocation) -> Answer:
        hostname = invocation.target_container_hostname
        if hostname is None:
            raise refusals.TargetContainerMissing(invocation.endpoint)
        if hostname not in self._by_hostname:
            raise refusals.TargetContainerUnknown(hostname, invocation.endpoint)
        container = self._by_hostname[hostname]
        _check_target_model(invocation, [container])
        return await container.invoke(
            invocation.headers(), invocation.body, invocation.target_model
        )


class SerialModel:
    """A pipeline: each answer is the next container's request.

    A hop carries the Content-Type of the answer it carries; the caller's Accept is for the last
    container alone. Both are UNVERIFIED: no public page says.
    """

    def __init__(self, containers: list[HostedContainer]) -> None:
        self.containers = containers

    async def invoke(self, invocation: Invocation) -> Answer:
        _refuse_hostname(invocation)
        _check_target_model(invocation, self.containers)
        headers, body = invocation.headers(), invocation.body
        accept = headers.pop("Accept", None)
        for container, following in zip(self.containers, self.containers[1:], strict=False):
            answer = await container.invoke(headers, body, invocation.target_model)
            if len(answer.body) > MAX_BETWEEN_CONTAINERS_BYTES:
                raise container.hop_too_large(answer, following)
            headers.pop("Content-Type", None)
            if "content-type" in answer.headers:
                headers["Content-Type"] = answer.headers["content-type"]
            body = answer.body
        if accept is not None:
            headers["Accept"] = accept
        return await self.containers[-1].invoke(headers, body, invocation.target_model)


def _refuse_hostname(invocation: Invocation) -> None:
    if invocation.target_container_hostname is not None:
        raise refusals.TargetContainerNotSupported(invocation.endpoint)


def _check_target_model(invocation: Invocation, containers: list[HostedContainer]) -> None:
    multi_model = any(container.definition.multi_model for container in containers)
    if multi_model and invocation.target_model is None:
        raise refusals.TargetModelMissing(invocation.request_id, invocation.endpoint)
    if not multi_model and invocation.target_model is not None:
        raise refusals.TargetModelNotSupported(invocation.endpoint)


async def host(
    model: ModelDefinition, variant: str, around: Surroundings, timeout_seconds: float
) -> HostedModel:
    """Start a model's containers, all at once. When one does not come up: StartFailed."""
    containers = [
        HostedContainer(definition, name, around)
        for name, definition in zip(_names(model), model.containers, strict=True)
    ]
    starts = [asyncio.create_task(c.start(timeout_seconds, variant)) for c in containers]
    try:
        await asyncio.gather(*starts)
    except BaseException:
        for start in starts:
            start.cancel()
        await asyncio.wait(starts)
        await stop(containers)
        raise
    if model.direct:
        return DirectModel(containers)
    return SerialModel(containers) if len(containers) > 1 else SingleModel(containers)


async def stop(containers: list[HostedContainer]) -> None:
    """Stop them all, at once."""
    await asyncio.gather(*(container.stop() for container in containers))


def _names(model: ModelDefinition) -> list[str]:
    """Hostnames; without them "primary", or names by position in a pipeline."""
    if len(model.containers) == 1:
        return [model.containers[0].hostname or "primary"]
    return [
        container.hostname or f"container_{number}"
        for number, container in enumerate(model.containers, start=1)
    ]
