"""The operations on inference components, with UpdateInferenceComponentRuntimeConfig."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sagemaker_local.control_plane.listing import page
from sagemaker_local.definitions import ContainerDefinition, ModelDefinition
from sagemaker_local.errors import InvalidInput
from sagemaker_local.hosting.endpoints import Endpoint, InferenceComponent

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sagemaker_local.control_plane.resources import Region


def create(region: Region, request: Mapping[str, Any]) -> dict[str, Any]:
    name, endpoint = request["InferenceComponentName"], region.endpoint(request["EndpointName"])
    arn = region.place.arn("inference-component", name)
    existing = {key: 0 for other in region.endpoints.values() for key in other.components}
    region.refuse_existing(existing, "inference component", arn, name)
    variant = _variant(endpoint, request.get("VariantName"))
    _check_in_service(region, endpoint)
    endpoint.components[name] = InferenceComponent(
        name,
        variant,
        _model(region, request),
        request.get("RuntimeConfig", {}).get("CopyCount", 1),
        region.surroundings(endpoint.name),
        specification=request["Specification"],
    )
    return {"InferenceComponentArn": arn}


def describe(region: Region, request: Mapping[str, Any]) -> dict[str, Any]:
    endpoint, component = region.component(request["InferenceComponentName"])
    description = {
        **_summary(region, endpoint, component),
        "Specification": _specification(component.specification),
        "RuntimeConfig": {
            "DesiredCopyCount": component.desired_copies,
            "CurrentCopyCount": component.copies,
        },
    }
    if component.failure_reason:
        description["FailureReason"] = component.failure_reason
    return description


def update_runtime_config(region: Region, request: Mapping[str, Any]) -> dict[str, Any]:
    _, component = region.component(request["InferenceComponentName"])
    arn = region.place.arn("inference-component", component.name)
    if component.status != "InService":
        raise InvalidInput(f'Cannot update in-progress inference component "{arn}".')  # UNVERIFIED
    component.update_copies(request["DesiredRuntimeConfig"]["CopyCount"])
    return {"InferenceComponentArn": arn}


def list_(region: Region, request: Mapping[str, Any]) -> dict[str, Any]:
    summaries = (
        _summary(region, endpoint, component)
        for endpoint in region.endpoints.values()
        for component in endpoint.components.values()
        if request.get("EndpointNameEquals", endpoint.name) == endpoint.name
        and request.get("VariantNameEquals", component.variant) == component.variant
    )
    return page(summaries, request, "InferenceComponent")


def delete(region: Region, request: Mapping[str, Any]) -> dict[str, Any]:
    endpoint, component = region.component(request["InferenceComponentName"])
    component.begin_deletion(lambda: endpoint.components.pop(component.name, None))
    return {}


def _check_in_service(region: Region, endpoint: Endpoint) -> None:
    if endpoint.status != "InService":
        arn = region.place.arn("endpoint", endpoint.name)
        # UNVERIFIED
        raise InvalidInput(
            f'Cannot create an inference component on endpoint "{arn}" in status {endpoint.status}.'
        )


def _variant(endpoint: Endpoint, name: str | None) -> str:
    if not endpoint.configuration.hosts_components:
        raise InvalidInput(
            f"Endpoint {endpoint.name} does not host inference components:"
            " its production variants have a ModelName."
        )
    names = [variant.name for variant in endpoint.configuration.variants]
    if name not in names:
        raise InvalidInput(f"VariantName {name} is not one of {', '.join(names)}.")
    return name


def _model(region: Region, request: Mapping[str, Any]) -> ModelDefinition:
    """A component hosts a model made by CreateModel, or a container of its own."""
    specification = request.get("Specification")
    if specification is None:
        raise InvalidInput("Specification is required.")
    if "BaseInferenceComponentName" in specification:
        raise InvalidInput("The local SageMaker does not host adapters of a base component.")
    if ("ModelName" in specification) == ("Container" in specification):
        raise InvalidInput("Specify either ModelName or Container.")
    if "ModelName" in specification:
        model = region.model(specification["ModelName"]).definition
        if model.multi_model or len(model.containers) > 1:
            raise InvalidInput("An inference component hosts one container with one model.")
        return model
    given = dict(specification["Container"])
    if "ArtifactUrl" in given:
        given["ModelDataUrl"] = given.pop("ArtifactUrl")
    container = ContainerDefinition.parse(given)
    return ModelDefinition(request["InferenceComponentName"], (container,))


def _specification(given: Mapping[str, Any]) -> dict[str, Any]:
    """As described: the image becomes a DeployedImage."""
    if "Container" not in given:
        return dict(given)
    container = dict(given["Container"])
    image = container.pop("Image")
    container["DeployedImage"] = {"SpecifiedImage": image, "ResolvedImage": image}
    return {**given, "Container": container}


def _summary(region: Region, endpoint: Endpoint, component: InferenceComponent) -> dict[str, Any]:
    return {
        "InferenceComponentName": component.name,
        "InferenceComponentArn": region.place.arn("inference-component", component.name),
        "EndpointName": endpoint.name,
        "EndpointArn": region.place.arn("endpoint", endpoint.name),
        "VariantName": component.variant,
        "InferenceComponentStatus": component.status,
        "CreationTime": component.created,
        "LastModifiedTime": component.modified,
    }


OPERATIONS = {
    "CreateInferenceComponent": create,
    "DescribeInferenceComponent": describe,
    "UpdateInferenceComponentRuntimeConfig": update_runtime_config,
    "ListInferenceComponents": list_,
    "DeleteInferenceComponent": delete,
}
