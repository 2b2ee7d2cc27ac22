"""Models, endpoint configurations, endpoints and inference components as documents, and back.

A document has the requests that SageMaker's API takes, and is complete by itself: an endpoint goes
on after its configuration and its models are deleted.
"""

from __future__ import annotations

import asyncio
import logging
import os
from contextlib import nullcontext
from typing import TYPE_CHECKING, Any

from sagemaker_local.control_plane.resources import Created
from sagemaker_local.definitions import EndpointConfig, ModelDefinition
from sagemaker_local.hosting.components import InferenceComponent
from sagemaker_local.hosting.container_process import FRAMEWORK_IMAGE
from sagemaker_local.hosting.endpoints import Endpoint
from sagemaker_local.storage.folder import Name, reading

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Mapping
    from contextlib import AbstractAsyncContextManager

    from sagemaker_local.control_plane.resources import Resources, Table
    from sagemaker_local.storage.folder import DataFolder, Document

    Resumed = Endpoint | InferenceComponent

log = logging.getLogger(__name__)

MODEL, CONFIG, ENDPOINT, COMPONENT = KINDS = (
    "model",
    "endpoint-config",
    "endpoint",
    "inference-component",
)
STARTS_AT_ONCE = os.cpu_count() or 1
"""Model servers need a processor to start; more of them at once would be late for their check."""


class Hosting:
    """The hosting resources of all regions."""

    def __init__(
        self,
        resources: Callable[[str], Resources],
        regions: Callable[[], Collection[Resources]],
    ) -> None:
        self._resources = resources
        self._regions = regions
        self._restored: dict[Resumed, Document] = {}
        """What is not in service again yet; its document stays until then."""

    def documents(self) -> dict[Name, Document]:
        """Describe everything, except for what is being deleted."""
        found: dict[Name, Document] = {}
        regions = self._regions()
        for kind, describe in self._descriptions().items():
            for resources in regions:
                (table,) = [table for table in resources.tables() if table.kind == kind]
                found |= _described(table, resources.account_region.region, describe)
        return found

    def restore(self, folder: DataFolder) -> None:
        """Put all resources back, without starting anything.

        Raises:
            Unusable: A file is damaged.
        """
        restorers = (self._model, self._config, self._endpoint, self._component)
        for kind, restore in zip(KINDS, restorers, strict=True):
            for path, document in folder.read(kind, "CreationTime"):
                with reading(path):
                    restore(self._resources(document["Region"]), document)

    async def resume(self) -> None:
        """Start all endpoints and components again, and wait until each is in service or failed."""
        turns = asyncio.Semaphore(STARTS_AT_ONCE)
        await asyncio.gather(
            *(
                self._resume(resource, document, turns if _is_child(resource) else nullcontext())
                for resource, document in list(self._restored.items())
            )
        )

    def _descriptions(self) -> dict[str, Callable[[Any], Document | None]]:
        return {
            MODEL: lambda model: {
                "Request": model.definition.request,
                "CreationTime": model.created,
            },
            CONFIG: lambda config: {
                **_config_document(config.definition),
                "CreationTime": config.created,
            },
            ENDPOINT: lambda endpoint: self._restored.get(endpoint) or _endpoint_document(endpoint),
            COMPONENT: lambda item: self._restored.get(item[1]) or _component_document(*item),
        }

    def _model(self, resources: Resources, document: Document) -> None:
        model = ModelDefinition.parse(document["Request"])
        created = Created(model, document["CreationTime"])
        resources.models.add(model.name, created, _tags(document))

    def _config(self, resources: Resources, document: Document) -> None:
        config = _config(document)
        created = Created(config, document["CreationTime"])
        resources.endpoint_configs.add(config.name, created, _tags(document))

    def _endpoint(self, resources: Resources, document: Document) -> None:
        name = document["EndpointName"]
        endpoint = Endpoint(name, _config(document["Config"]), resources.hosting_context(name))
        endpoint.deployment_config = document["DeploymentConfig"]
        resources.endpoints.add(name, endpoint, _tags(document))
        self._take_over(endpoint, document)

    def _component(self, resources: Resources, document: Document) -> None:
        name, current = document["InferenceComponentName"], document["Current"]
        endpoint = resources.endpoints.find(document["EndpointName"])
        if endpoint is None:
            raise ValueError(f"its endpoint {document['EndpointName']!a} is not in {ENDPOINT}")
        component = InferenceComponent(
            name,
            document["VariantName"],
            ModelDefinition.parse(current["Model"]),
            current["CopyCount"],
            resources.hosting_context(endpoint.name),
            specification=current["Specification"],
        )
        resources.components.add(name, (endpoint, component), _tags(document))
        endpoint.components[name] = component
        self._take_over(component, document)

    def _take_over(self, resource: Resumed, document: Document) -> None:
        """Give a resource its times and its failure; one that has failed stays as it is."""
        resource.created, resource.modified = document["CreationTime"], document["LastModifiedTime"]
        resource.failure_reason = document["FailureReason"]
        if document["Failed"]:
            resource.status = "Failed"
        else:
            self._restored[resource] = document

    async def _resume(
        self, resource: Resumed, document: Document, turn: AbstractAsyncContextManager[object]
    ) -> None:
        async with turn:
            resource.start()
            await resource.settled()
        if resource.status != "InService":
            log.warning(
                "%s was in service before, and did not start again. Its files are not changed:"
                " correct the cause and start the local SageMaker again, or delete it.",
                resource.name,
            )
            return
        resource.modified = document["LastModifiedTime"]
        del self._restored[resource]
        if document["Desired"] is not None:
            _update(resource, document["Desired"])


def _described(
    table: Table[Any], region: str, describe: Callable[[Any], Document | None]
) -> dict[Name, Document]:
    return {
        Name(table.kind, f"{region}/{name}"): {
            **document,
            "Region": region,
            "Tags": dict(table.tags(name)),
        }
        for name, item in table.items()
        if (document := describe(item)) is not None
    }


def _config_document(config: EndpointConfig) -> Document:
    models = {
        given["ModelName"]: variant.model.request
        for given, variant in zip(config.request_variants, config.variants, strict=True)
        if variant.model is not None
    }
    return {"Request": config.request, "Models": models}


def _config(document: Document) -> EndpointConfig:
    models = document["Models"]
    return EndpointConfig.parse(
        document["Request"], lambda name: ModelDefinition.parse(models[name])
    )


def _endpoint_document(endpoint: Endpoint) -> Document | None:
    if endpoint.status == "Deleting":
        return None
    changes = endpoint.desired_config is not endpoint.config
    return {
        "EndpointName": endpoint.name,
        "Config": _config_document(endpoint.config),
        "Desired": _config_document(endpoint.desired_config) if changes else None,
        "DeploymentConfig": endpoint.deployment_config,
        **_lifecycle_members(endpoint),
    }


def _component_document(endpoint: Endpoint, component: InferenceComponent) -> Document | None:
    if component.status == "Deleting":
        return None
    desired = _deployed(
        component.desired_model, component.desired_specification, component.desired_copies
    )
    current = _deployed(component.model, component.specification, component.copies)
    if not component.is_serving:
        current = desired
    return {
        "InferenceComponentName": component.name,
        "EndpointName": endpoint.name,
        "VariantName": component.variant,
        "Current": current,
        "Desired": desired if desired != current else None,
        **_lifecycle_members(component),
    }


def _lifecycle_members(resource: Resumed) -> Document:
    return {
        "CreationTime": resource.created,
        "LastModifiedTime": resource.modified,
        "FailureReason": resource.failure_reason,
        "Failed": resource.status == "Failed",
    }


def _deployed(model: ModelDefinition, specification: Mapping[str, Any], copies: int) -> Document:
    return {"Model": model.request, "Specification": specification, "CopyCount": copies}


def _update(resource: Resumed, desired: Document) -> None:
    """Begin the update again during which the earlier process ended."""
    if isinstance(resource, Endpoint):
        resource.update(_config(desired))
    else:
        model = ModelDefinition.parse(desired["Model"])
        resource.update(model, desired["Specification"], desired["CopyCount"])


def _is_child(resource: Resumed) -> bool:
    """Whether model servers are started for the resource."""
    if isinstance(resource, Endpoint):
        models = [variant.model for variant in resource.config.variants if variant.model]
    else:
        models = [resource.model]
    images = (container.image for model in models for container in model.containers)
    return any(FRAMEWORK_IMAGE.fullmatch(image) for image in images)


def _tags(document: Document) -> Iterable[dict[str, str]]:
    return [{"Key": key, "Value": value} for key, value in document["Tags"].items()]
