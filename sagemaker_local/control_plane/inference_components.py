"""Create, describe, update, list and delete inference components."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sagemaker_local.control_plane.listing import list_page
from sagemaker_local.control_plane.models_and_configs import check_artifacts
from sagemaker_local.definitions import ModelDefinition
from sagemaker_local.errors import InvalidInput, NotOffered
from sagemaker_local.hosting.components import InferenceComponent

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sagemaker_local.control_plane.resources import Resources
    from sagemaker_local.hosting.endpoints import Endpoint

# Source: hashicorp/terraform-provider-aws issue 40644.
COMPONENTS_NOT_SUPPORTED = (
    "Invalid request provided: Inference Components are not supported in this Endpoint."
    " Please make sure this endpoint can deploy inference components."
)

# Statuses in which a component cannot be deleted, and their names in the error's text.
# Source: terraform-provider-aws waits for DELETE_IN_PROGRESS; the other two are UNVERIFIED.
IN_PROGRESS = {
    "Creating": "CREATE_IN_PROGRESS",
    "Updating": "UPDATE_IN_PROGRESS",
    "Deleting": "DELETE_IN_PROGRESS",
}


async def create(resources: Resources, request: Mapping[str, Any]) -> dict[str, Any]:
    name, endpoint = request["InferenceComponentName"], _endpoint(resources, request)
    specification = _specification(request)
    if specification is None:
        raise InvalidInput("Specification is required.")
    model = _model(resources, name, specification)
    await check_artifacts(resources, model)
    _check_in_service(resources, endpoint)
    resources.components.check_name_is_free(name)
    component = InferenceComponent(
        name,
        _variant(endpoint, request.get("VariantName")),
        model,
        request.get("RuntimeConfig", {}).get("CopyCount", 1),
        resources.hosting_context(endpoint.name),
        specification=specification,
    )
    resources.components.add(name, (endpoint, component), request.get("Tags", ()))
    endpoint.components[name] = component
    component.start()
    return {"InferenceComponentArn": resources.components.arn(name)}


def describe(resources: Resources, request: Mapping[str, Any]) -> dict[str, Any]:
    endpoint, component = resources.components.get(request["InferenceComponentName"])
    description = {
        **_summary(resources, endpoint, component),
        "Specification": _described(component.specification, component.modified),
        "RuntimeConfig": {
            "DesiredCopyCount": component.desired_copies,
            "CurrentCopyCount": component.copies,
        },
    }
    if component.failure_reason:
        description["FailureReason"] = component.failure_reason
    return description


async def update(resources: Resources, request: Mapping[str, Any]) -> dict[str, Any]:
    _, component = resources.components.get(request["InferenceComponentName"])
    specification = _specification(request)
    if specification is None and "RuntimeConfig" not in request:
        # That it is refused: terraform-provider-aws. The text is UNVERIFIED.
        raise InvalidInput("Specify Specification or RuntimeConfig.")
    copies = request.get("RuntimeConfig", {}).get("CopyCount", component.desired_copies)
    if specification is None:
        _check_may_update(resources, component)
        component.update_copies(copies)
    else:
        specification = _merged(component.specification, specification)
        model = _model(resources, component.name, specification)
        await check_artifacts(resources, model)
        _check_may_update(resources, component)
        component.update(model, specification, copies)
    return {"InferenceComponentArn": resources.components.arn(component.name)}


def update_runtime_config(resources: Resources, request: Mapping[str, Any]) -> dict[str, Any]:
    _, component = resources.components.get(request["InferenceComponentName"])
    _check_may_update(resources, component)
    component.update_copies(request["DesiredRuntimeConfig"]["CopyCount"])
    return {"InferenceComponentArn": resources.components.arn(component.name)}


def list_(resources: Resources, request: Mapping[str, Any]) -> dict[str, Any]:
    summaries = (
        _summary(resources, endpoint, component)
        for endpoint, component in resources.components.values()
        if request.get("EndpointNameEquals", endpoint.name).lower() == endpoint.name.lower()
        and request.get("VariantNameEquals", component.variant) == component.variant
    )
    return list_page(summaries, request, "InferenceComponent")


def delete(resources: Resources, request: Mapping[str, Any]) -> dict[str, Any]:
    """Begin the deletion; the component is `Deleting` until its container has ended."""
    endpoint, component = resources.components.get(request["InferenceComponentName"])
    if component.status in IN_PROGRESS:
        arn = resources.components.arn(component.name)
        raise InvalidInput(
            f'Cannot delete inference component "{arn}" in status {IN_PROGRESS[component.status]}.'
        )

    def forget() -> None:
        resources.components.remove(component.name)
        del endpoint.components[component.name]

    component.delete(forget)
    return {}


def _endpoint(resources: Resources, request: Mapping[str, Any]) -> Endpoint:
    endpoint = resources.endpoints.get(request["EndpointName"])
    if not endpoint.config.hosts_components:
        raise InvalidInput(COMPONENTS_NOT_SUPPORTED)
    return endpoint


def _check_may_update(resources: Resources, component: InferenceComponent) -> None:
    if component.status != "InService":
        arn = resources.components.arn(component.name)
        raise InvalidInput(f'Cannot update in-progress inference component "{arn}".')  # UNVERIFIED


def _check_in_service(resources: Resources, endpoint: Endpoint) -> None:
    if endpoint.status != "InService":
        arn = resources.endpoints.arn(endpoint.name)
        # UNVERIFIED
        raise InvalidInput(
            f'Cannot create an inference component on endpoint "{arn}" in status {endpoint.status}.'
        )


def _variant(endpoint: Endpoint, name: str | None) -> str:
    names = [variant.name for variant in endpoint.config.variants]
    if name not in names:
        raise InvalidInput(f"VariantName {name} is not one of {', '.join(names)}.")
    return name


def _specification(request: Mapping[str, Any]) -> Mapping[str, Any] | None:
    """Return the specification, or None.

    Raises:
        NotOffered: The request has several specifications, or describes an adapter.
    """
    given = [request.get("Specification", {}), *request.get("Specifications", ())]
    if any("BaseInferenceComponentName" in specification for specification in given):
        raise NotOffered("adapters: inference components with a BaseInferenceComponentName")
    if "Specifications" in request:
        raise NotOffered("Specifications of an inference component; use Specification")
    return request.get("Specification")


def _merged(current: Mapping[str, Any], changes: Mapping[str, Any]) -> dict[str, Any]:
    """Return the specification after an update, which names only what changes.

    Source: sagemaker-python-sdk, `Predictor.update_predictor`.
    """
    merged = {**current, **changes}
    if "Container" in changes:
        merged["Container"] = {**current.get("Container", {}), **changes["Container"]}
        if "ModelName" not in changes:
            merged.pop("ModelName", None)
    elif "ModelName" in changes:
        merged.pop("Container", None)
    return merged


def _model(
    resources: Resources, component: str, specification: Mapping[str, Any]
) -> ModelDefinition:
    """Return the model of the specification, which names a model or describes a container."""
    if ("ModelName" in specification) == ("Container" in specification):
        raise InvalidInput("Specify either ModelName or Container.")
    if "ModelName" in specification:
        model = resources.models.get(specification["ModelName"]).definition
        if model.multi_model or len(model.containers) > 1:
            raise InvalidInput("An inference component hosts one container with one model.")
        return model
    container = dict(specification["Container"])
    if "ArtifactUrl" in container:
        container["ModelDataUrl"] = container.pop("ArtifactUrl")
    return ModelDefinition.parse({"ModelName": component, "PrimaryContainer": container})


def _described(specification: Mapping[str, Any], deployed: float) -> dict[str, Any]:
    """Return the specification as Describe shows it, with a DeployedImage instead of the image."""
    if "Container" not in specification:
        return dict(specification)
    container = dict(specification["Container"])
    image = container.pop("Image")
    container["DeployedImage"] = {
        "SpecifiedImage": image,
        "ResolvedImage": image,
        "ResolutionTime": deployed,
    }
    return {**specification, "Container": container}


def _summary(
    resources: Resources, endpoint: Endpoint, component: InferenceComponent
) -> dict[str, Any]:
    return {
        "InferenceComponentName": component.name,
        "InferenceComponentArn": resources.components.arn(component.name),
        "EndpointName": endpoint.name,
        "EndpointArn": resources.endpoints.arn(endpoint.name),
        "VariantName": component.variant,
        "InferenceComponentStatus": component.status,
        "CreationTime": component.created,
        "LastModifiedTime": component.modified,
    }


OPERATIONS = {
    "CreateInferenceComponent": create,
    "DescribeInferenceComponent": describe,
    "UpdateInferenceComponent": update,
    "UpdateInferenceComponentRuntimeConfig": update_runtime_config,
    "ListInferenceComponents": list_,
    "DeleteInferenceComponent": delete,
}
