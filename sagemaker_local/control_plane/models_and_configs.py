"""Create, describe, list and delete models and endpoint configurations.

The text of every InvalidInput here is UNVERIFIED: no public source shows SageMaker's.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sagemaker_local.control_plane.resources import Created, check_name_is_free, list_page
from sagemaker_local.definitions import EndpointConfig, ModelDefinition, Variant
from sagemaker_local.errors import InvalidInput

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from sagemaker_local.control_plane.resources import Resources


def create_model(resources: Resources, request: Mapping[str, Any]) -> dict[str, Any]:
    name = request["ModelName"]
    arn = resources.arn("model", name)
    check_name_is_free(resources.models, "model", arn, name)
    resources.models[name] = Created(request, ModelDefinition.parse(request))
    return {"ModelArn": arn}


def describe_model(resources: Resources, request: Mapping[str, Any]) -> dict[str, Any]:
    name = request["ModelName"]
    model = resources.model(name)
    return {
        "EnableNetworkIsolation": False,
        **_without_tags(model.request),
        "ModelArn": resources.arn("model", name),
        "CreationTime": model.created,
    }


def list_models(resources: Resources, request: Mapping[str, Any]) -> dict[str, Any]:
    summaries = (
        {"ModelName": name, "ModelArn": resources.arn("model", name), "CreationTime": model.created}
        for name, model in resources.models.items()
    )
    return list_page(summaries, request, "Model")


def delete_model(resources: Resources, request: Mapping[str, Any]) -> dict[str, Any]:
    """Delete a model; an endpoint that hosts it continues to serve."""
    resources.model(request["ModelName"])
    del resources.models[request["ModelName"]]
    return {}


def create_config(resources: Resources, request: Mapping[str, Any]) -> dict[str, Any]:
    name = request["EndpointConfigName"]
    arn = resources.arn("endpoint-config", name)
    check_name_is_free(resources.endpoint_configs, "endpoint configuration", arn, name)
    variants = [_variant(resources, variant) for variant in request["ProductionVariants"]]
    _check_combination(variants)
    request = _with_default_weights(request)
    config = EndpointConfig(name, tuple(variants), "AsyncInferenceConfig" in request, request)
    resources.endpoint_configs[name] = Created(request, config)
    return {"EndpointConfigArn": arn}


def describe_config(resources: Resources, request: Mapping[str, Any]) -> dict[str, Any]:
    name = request["EndpointConfigName"]
    config = resources.endpoint_config(name)
    return {
        **_without_tags(config.request),
        "EndpointConfigArn": resources.arn("endpoint-config", name),
        "CreationTime": config.created,
    }


def list_configs(resources: Resources, request: Mapping[str, Any]) -> dict[str, Any]:
    summaries = (
        {
            "EndpointConfigName": name,
            "EndpointConfigArn": resources.arn("endpoint-config", name),
            "CreationTime": config.created,
        }
        for name, config in resources.endpoint_configs.items()
    )
    return list_page(summaries, request, "EndpointConfig")


def delete_config(resources: Resources, request: Mapping[str, Any]) -> dict[str, Any]:
    """Delete a configuration; an endpoint that uses it continues to serve."""
    resources.endpoint_config(request["EndpointConfigName"])
    del resources.endpoint_configs[request["EndpointConfigName"]]
    return {}


def _without_tags(request: Mapping[str, Any]) -> dict[str, Any]:
    return {member: value for member, value in request.items() if member != "Tags"}


def _variant(resources: Resources, variant: Mapping[str, Any]) -> Variant:
    name = variant.get("ModelName")
    return Variant.parse(variant, resources.model(name).definition if name else None)


def _check_combination(variants: Sequence[Variant]) -> None:
    names = [variant.name for variant in variants]
    if len(set(names)) != len(names):
        raise InvalidInput(f"Variant names must be unique; got {', '.join(names)}.")
    if len({variant.model is None for variant in variants}) > 1:
        raise InvalidInput("Either every variant has a ModelName or none has.")
    if len(variants) > 1 and any(variant.serverless for variant in variants):
        raise InvalidInput("A serverless endpoint has one variant.")


def _with_default_weights(request: Mapping[str, Any]) -> dict[str, Any]:
    variants = [
        {"InitialVariantWeight": 1.0, **variant} for variant in request["ProductionVariants"]
    ]
    return {**request, "ProductionVariants": variants}


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
