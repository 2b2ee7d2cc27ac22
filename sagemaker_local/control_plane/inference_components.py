"""Create, describe, scale, list and delete inference components."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sagemaker_local.control_plane.resources import check_name_is_free, list_page
from sagemaker_local.definitions import ContainerDefinition, ModelDefinition
from sagemaker_local.errors import InvalidInput
from sagemaker_local.hosting.endpoints import Endpoint, InferenceComponent

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sagemaker_local.control_plane.resources import Resources


def create(resources: Resources, request: Mapping[str, Any]) -> dict[str, Any]:
    name, endpoint = request["InferenceComponentName"], resources.endpoint(request["EndpointName"])
    arn = resources.arn("inference-component", name)
    existing = {key: 0 for other in resources.endpoints.values() for key in other.components}
    check_name_is_free(existing, "inference component", arn, name)
    variant = _variant(endpoint, request.get("VariantName"))
    _check_in_service(resources, endpoint)
    endpoint.components[name] = InferenceComponent(
        name,
        variant,
        _model(resources, request),
        request.get("RuntimeConfig", {}).get("CopyCount", 1),
        resources.hosting_context(endpoint.name),
        specification=request["Specification"],
    )
    return {"InferenceComponentArn": arn}


def describe(resources: Resources, request: Mapping[str, Any]) -> dict[str, Any]:
    endpoint, component = resources.component(request["InferenceComponentName"])
    description = {
        **_summary(resources, endpoint, component),
        "Specification": _described(component.specification),
        "RuntimeConfig": {
            "DesiredCopyCount": component.desired_copies,
            "CurrentCopyCount": component.copies,
        },
    }
    if component.failure_reason:
        description["FailureReason"] = component.failure_reason
    return description


def update_runtime_config(resources: Resources, request: Mapping[str, Any]) -> dict[str, Any]:
    _, component = resources.component(request["InferenceComponentName"])
    arn = resources.arn("inference-component", component.name)
    if component.status != "InService":
        raise InvalidInput(f'Cannot update in-progress inference component "{arn}".')  # UNVERIFIED
    component.update_copies(request["DesiredRuntimeConfig"]["CopyCount"])
    return {"InferenceComponentArn": arn}


def list_(resources: Resources, request: Mapping[str, Any]) -> dict[str, Any]:
    summaries = (
        _summary(resources, endpoint, component)
        for endpoint in resources.endpoints.values()
        for component in endpoint.components.values()
        if request.get("EndpointNameEquals", endpoint.name) == endpoint.name
        and request.get("VariantNameEquals", component.variant) == component.variant
    )
    return list_page(summaries, request, "InferenceComponent")


def delete(resources: Resources, request: Mapping[str, Any]) -> dict[str, Any]:
    endpoint, component = resources.component(request["InferenceComponentName"])
    component.delete(lambda: endpoint.components.pop(component.name, None))
    return {}


def _check_in_service(resources: Resources, endpoint: Endpoint) -> None:
    if endpoint.status != "InService":
        arn = resources.arn("endpoint", endpoint.name)
        # UNVERIFIED
        raise InvalidInput(
            f'Cannot create an inference component on endpoint "{arn}" in status {endpoint.status}.'
        )


def _variant(endpoint: Endpoint, name: str | None) -> str:
    if not endpoint.config.hosts_components:
        raise InvalidInput(
            f"Endpoint {endpoint.name} does not host inference components:"
            " its production variants have a ModelName."
        )
    names = [variant.name for variant in endpoint.config.variants]
    if name not in names:
        raise InvalidInput(f"VariantName {name} is not one of {', '.join(names)}.")
    return name


def _model(resources: Resources, request: Mapping[str, Any]) -> ModelDefinition:
    """Return the model of the specification, which names a model or describes a container."""
    specification = request.get("Specification")
    if specification is None:
        raise InvalidInput("Specification is required.")
    if "BaseInferenceComponentName" in specification:
        raise InvalidInput("The local SageMaker does not host adapters of a base component.")
    if ("ModelName" in specification) == ("Container" in specification):
        raise InvalidInput("Specify either ModelName or Container.")
    if "ModelName" in specification:
        model = resources.model(specification["ModelName"]).definition
        if model.multi_model or len(model.containers) > 1:
            raise InvalidInput("An inference component hosts one container with one model.")
        return model
    container = dict(specification["Container"])
    if "ArtifactUrl" in container:
        container["ModelDataUrl"] = container.pop("ArtifactUrl")
    definition = ContainerDefinition.parse(container)
    return ModelDefinition(request["InferenceComponentName"], (definition,))


def _described(specification: Mapping[str, Any]) -> dict[str, Any]:
    """Return the specification as Describe shows it, with a DeployedImage instead of the image."""
    if "Container" not in specification:
        return dict(specification)
    container = dict(specification["Container"])
    image = container.pop("Image")
    container["DeployedImage"] = {"SpecifiedImage": image, "ResolvedImage": image}
    return {**specification, "Container": container}


def _summary(
    resources: Resources, endpoint: Endpoint, component: InferenceComponent
) -> dict[str, Any]:
    return {
        "InferenceComponentName": component.name,
        "InferenceComponentArn": resources.arn("inference-component", component.name),
        "EndpointName": endpoint.name,
        "EndpointArn": resources.arn("endpoint", endpoint.name),
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
