"""Create, describe, list and delete models and endpoint configurations.

The text of every other InvalidInput here is UNVERIFIED: no public source shows SageMaker's.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sagemaker_local.control_plane.listing import list_page
from sagemaker_local.control_plane.resources import Created
from sagemaker_local.definitions import EndpointConfig, ModelDefinition
from sagemaker_local.errors import InvalidInput, NotOffered

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sagemaker_local.control_plane.resources import Resources

# An endpoint that ignored one of these would answer, and leave out what the caller asked for.
CONFIG_MEMBERS_NOT_OFFERED = (
    "ShadowProductionVariants",
    "ExplainerConfig",
    "CrossRegionTrafficConfig",
)


async def create_model(resources: Resources, request: Mapping[str, Any]) -> dict[str, Any]:
    name = request["ModelName"]
    resources.models.check_name_is_free(name)
    definition = ModelDefinition.parse(request)
    await check_artifacts(resources, definition)
    resources.models.add(name, Created(definition), request.get("Tags", ()))
    return {"ModelArn": resources.models.arn(name)}


async def check_artifacts(resources: Resources, model: ModelDefinition) -> None:
    """Check that the artifacts of all containers exist.

    For a multi-model container at least one object has to exist below its prefix.

    Raises:
        InvalidInput: An artifact does not exist.

    Source: aws/amazon-sagemaker-examples issues 2264 and 4479; for the prefix of a multi-model
    container aws/sagemaker-python-sdk pull request 1144.
    """
    for container in model.containers:
        if container.data is None:
            continue
        prefix = container.multi_model or not container.data.compressed
        if not await resources.artifacts.exists(container.data.url, prefix=prefix):
            raise InvalidInput(f"Could not find model data at {container.data.url}.")


def describe_model(resources: Resources, request: Mapping[str, Any]) -> dict[str, Any]:
    model = resources.models.get(request["ModelName"])
    return {
        "EnableNetworkIsolation": False,
        **model.definition.request,
        "ModelArn": resources.models.arn(request["ModelName"]),
        "CreationTime": model.created,
    }


def list_models(resources: Resources, request: Mapping[str, Any]) -> dict[str, Any]:
    summaries = (
        {
            "ModelName": model.definition.name,
            "ModelArn": resources.models.arn(model.definition.name),
            "CreationTime": model.created,
        }
        for model in resources.models.values()
    )
    return list_page(summaries, request, "Model")


def delete_model(resources: Resources, request: Mapping[str, Any]) -> dict[str, Any]:
    """Delete a model; an endpoint that hosts it continues to serve."""
    resources.models.remove(request["ModelName"])
    return {}


def create_config(resources: Resources, request: Mapping[str, Any]) -> dict[str, Any]:
    name = request["EndpointConfigName"]
    resources.endpoint_configs.check_name_is_free(name)
    for member in CONFIG_MEMBERS_NOT_OFFERED:
        if member in request:
            raise NotOffered(f"{member} of CreateEndpointConfig")
    config = EndpointConfig.parse(request, lambda model: resources.models.get(model).definition)
    resources.endpoint_configs.add(name, Created(config), request.get("Tags", ()))
    return {"EndpointConfigArn": resources.endpoint_configs.arn(name)}


def describe_config(resources: Resources, request: Mapping[str, Any]) -> dict[str, Any]:
    config = resources.endpoint_configs.get(request["EndpointConfigName"])
    return {
        **config.definition.request,
        "EndpointConfigArn": resources.endpoint_configs.arn(request["EndpointConfigName"]),
        "CreationTime": config.created,
    }


def list_configs(resources: Resources, request: Mapping[str, Any]) -> dict[str, Any]:
    summaries = (
        {
            "EndpointConfigName": config.definition.name,
            "EndpointConfigArn": resources.endpoint_configs.arn(config.definition.name),
            "CreationTime": config.created,
        }
        for config in resources.endpoint_configs.values()
    )
    return list_page(summaries, request, "EndpointConfig")


def delete_config(resources: Resources, request: Mapping[str, Any]) -> dict[str, Any]:
    """Delete a configuration; an endpoint that uses it continues to serve."""
    resources.endpoint_configs.remove(request["EndpointConfigName"])
    return {}


OPERATIONS = {
    "CreateModel": create_model,
    "DescribeModel": describe_model,
    "ListModels": list_models,
    "DeleteModel": delete_model,
    "CreateEndpointConfig": create_config,
    "DescribeEndpointConfig": describe_config,
    "ListEndpointConfigs": list_configs,
    "DeleteEndpointConfig": delete_config,
}
