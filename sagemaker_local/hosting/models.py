"""Running models: how an invocation passes through the containers of a model.

There is one class for each way in which SageMaker invokes a model's containers.
"""

from __future__ import annotations

import asyncio
from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import TYPE_CHECKING

from sagemaker_local import refusals
from sagemaker_local.hosting.hosted_container import HostedContainer

if TYPE_CHECKING:
    from sagemaker_local.definitions import ModelDefinition
    from sagemaker_local.hosting.container_client import Body, ContainerResponse
    from sagemaker_local.hosting.hosted_container import HostingContext

MAX_BETWEEN_CONTAINERS_BYTES = 5 * 1024 * 1024

# A container receives these headers; SageMaker drops every other header of a POST.
FORWARDED_HEADERS = {
    "content_type": "Content-Type",
    "accept": "Accept",
    "custom_attributes": "X-Amzn-SageMaker-Custom-Attributes",
    "inference_id": "X-Amzn-SageMaker-Inference-Id",
    "session_id": "X-Amzn-SageMaker-Session-Id",
}


@dataclass(frozen=True)
class Invocation:
    """The parameters of one request to an endpoint; None if the caller left one out."""

    endpoint: str
    request_id: str
    body: Body
    content_type: str | None = None
    accept: str | None = None
    custom_attributes: str | None = None
    target_model: str | None = None
    target_variant: str | None = None
    target_container_hostname: str | None = None
    inference_id: str | None = None
    inference_component: str | None = None
    session_id: str | None = None
    timeout_seconds: float | None = None
    """How long a container may take; None: as long as for a real-time endpoint."""

    def headers(self) -> dict[str, str]:
        """Return the headers that a container receives."""
        headers = {header: getattr(self, name) for name, header in FORWARDED_HEADERS.items()}
        return {header: value for header, value in headers.items() if value is not None}


class HostedModel(ABC):
    """A model whose containers run."""

    def __init__(self, containers: list[HostedContainer]) -> None:
        self.containers = containers

    @abstractmethod
    async def invoke(self, invocation: Invocation) -> ContainerResponse:
        """Pass the invocation through the containers.

        Raises:
            InvalidInvocation: The invocation does not fit the model.
            ModelError: A container failed.
            ModelNotReady: The model is still loading.
        """


class SingleModel(HostedModel):
    """A model of one container."""

    async def invoke(self, invocation: Invocation) -> ContainerResponse:
        _check_no_hostname(invocation)  # Which of two wrong headers is named is UNVERIFIED.
        _check_target_model(invocation, self.containers)
        return await self.containers[0].invoke(
            invocation.headers(),
            invocation.body,
            invocation.target_model,
            timeout_seconds=invocation.timeout_seconds,
        )


class DirectModel(HostedModel):
    """A model whose containers are invoked by hostname."""

    async def invoke(self, invocation: Invocation) -> ContainerResponse:
        hostname = invocation.target_container_hostname
        if hostname is None:
            raise refusals.TargetContainerMissing(invocation.endpoint)
        by_hostname = {container.name: container for container in self.containers}
        if hostname not in by_hostname:
            raise refusals.TargetContainerUnknown(hostname, invocation.endpoint)
        container = by_hostname[hostname]
        _check_target_model(invocation, [container])
        return await container.invoke(
            invocation.headers(), invocation.body, invocation.target_model
        )


class SerialModel(HostedModel):
    """A pipeline: the response of each container is the request of the next one.

    Each container receives the Content-Type of the body that it receives, and only the last
    container receives the caller's Accept. Both are UNVERIFIED: no public page describes them.
    """

    async def invoke(self, invocation: Invocation) -> ContainerResponse:
        _check_no_hostname(invocation)
        _check_target_model(invocation, self.containers)
        headers = invocation.headers()
        body: Body = invocation.body
        accept = headers.pop("Accept", None)
        for container, following in zip(self.containers, self.containers[1:], strict=False):
            response = await container.invoke(headers, body, invocation.target_model)
            if len(response.body) > MAX_BETWEEN_CONTAINERS_BYTES:
                raise container.oversize_hop_error(response, following)
            headers.pop("Content-Type", None)
            if "content-type" in response.headers:
                headers["Content-Type"] = response.headers["content-type"]
            body = response.body
        if accept is not None:
            headers["Accept"] = accept
        return await self.containers[-1].invoke(headers, body, invocation.target_model)


def _check_no_hostname(invocation: Invocation) -> None:
    if invocation.target_container_hostname is not None:
        raise refusals.TargetContainerNotSupported(invocation.endpoint)


def _check_target_model(invocation: Invocation, containers: list[HostedContainer]) -> None:
    multi_model = any(container.definition.multi_model for container in containers)
    if multi_model and invocation.target_model is None:
        raise refusals.TargetModelMissing(invocation.request_id, invocation.endpoint)
    if not multi_model and invocation.target_model is not None:
        raise refusals.TargetModelNotSupported(invocation.endpoint)


async def start_model(
    model: ModelDefinition, variant: str, context: HostingContext, timeout_seconds: float
) -> HostedModel:
    """Start all containers of a model in parallel.

    Raises:
        StartFailed: A container did not become healthy. All others are stopped.
    """
    containers = [
        HostedContainer(definition, name, context)
        for name, definition in zip(_container_names(model), model.containers, strict=True)
    ]
    starts = [asyncio.create_task(c.start(timeout_seconds, variant)) for c in containers]
    try:
        await asyncio.gather(*starts)
    except BaseException:
        for start in starts:
            start.cancel()
        await asyncio.wait(starts)
        await stop_containers(containers)
        raise
    if model.direct:
        return DirectModel(containers)
    return SerialModel(containers) if len(containers) > 1 else SingleModel(containers)


async def stop_containers(containers: list[HostedContainer]) -> None:
    """Stop all containers in parallel."""
    await asyncio.gather(*(container.stop() for container in containers))


def _container_names(model: ModelDefinition) -> list[str]:
    """Return the hostnames; a container without one is "primary", or has a number."""
    if len(model.containers) == 1:
        return [model.containers[0].hostname or "primary"]
    return [
        container.hostname or f"container_{number}"
        for number, container in enumerate(model.containers, start=1)
    ]
