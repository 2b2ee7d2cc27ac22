"""Create, describe, update, list and delete endpoints."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sagemaker_local.control_plane.resources import check_name_is_free, list_page
from sagemaker_local.errors import InvalidInput
from sagemaker_local.hosting.endpoints import Endpoint

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sagemaker_local.control_plane.resources import Resources
    from sagemaker_local.definitions import EndpointConfig


def create(resources: Resources, request: Mapping[str, Any]) -> dict[str, Any]:
    name = request["EndpointName"]
    arn = resources.arn("endpoint", name)
    check_name_is_free(resources.endpoints, "endpoint", arn, name)
    config = _config(resources, request)
    resources.endpoints[name] = Endpoint(name, config, resources.hosting_context(name))
    return {"EndpointArn": arn}


def describe(resources: Resources, request: Mapping[str, Any]) -> dict[str, Any]:
    endpoint = resources.endpoint(request["EndpointName"])
    config = endpoint.config
    description = {**_summary(resources, endpoint), "EndpointConfigName": config.name}
    if endpoint.failure_reason:
        description["FailureReason"] = endpoint.failure_reason
    if "AsyncInferenceConfig" in config.request:
        description["AsyncInferenceConfig"] = config.request["AsyncInferenceConfig"]
    if endpoint.is_serving:
        description["ProductionVariants"] = [
            _variant_summary(variant) for variant in config.request["ProductionVariants"]
        ]
    return description


def update(resources: Resources, request: Mapping[str, Any]) -> dict[str, Any]:
    endpoint = resources.endpoint(request["EndpointName"])
    config = _config(resources, request)
    arn = resources.arn("endpoint", endpoint.name)
    if endpoint.status in ("Creating", "Updating"):
        raise InvalidInput(f'Cannot update in-progress endpoint "{arn}".')
    if endpoint.status != "InService":
        raise InvalidInput(f'Cannot update endpoint "{arn}" in status {endpoint.status}.')
    endpoint.update(config)
    return {"EndpointArn": arn}


def list_(resources: Resources, request: Mapping[str, Any]) -> dict[str, Any]:
    summaries = (_summary(resources, endpoint) for endpoint in resources.endpoints.values())
    return list_page(summaries, request, "Endpoint")


def delete(resources: Resources, request: Mapping[str, Any]) -> dict[str, Any]:
    """Begin the deletion; the endpoint is `Deleting` until its containers have ended."""
    endpoint = resources.endpoint(request["EndpointName"])
    endpoint.delete(lambda: resources.endpoints.pop(endpoint.name, None))
    return {}


def _config(resources: Resources, request: Mapping[str, Any]) -> EndpointConfig:
    """Return the named configuration, and check that its models still exist."""
    config = resources.endpoint_config(request["EndpointConfigName"]).definition
    for variant in config.variants:
        if variant.model is not None:
            resources.model(variant.model.name)
    return config


def _summary(resources: Resources, endpoint: Endpoint) -> dict[str, Any]:
    return {
        "EndpointName": endpoint.name,
        "EndpointArn": resources.arn("endpoint", endpoint.name),
        "CreationTime": endpoint.created,
        "LastModifiedTime": endpoint.modified,
        "EndpointStatus": endpoint.status,
    }


def _variant_summary(variant: Mapping[str, Any]) -> dict[str, Any]:
    weight = variant["InitialVariantWeight"]
    summary = {
        "VariantName": variant["VariantName"],
        "CurrentWeight": weight,
        "DesiredWeight": weight,
    }
    if "ServerlessConfig" in variant:
        return summary | {"CurrentServerlessConfig": variant["ServerlessConfig"]}
    count = variant.get("InitialInstanceCount", 1)
    return summary | {"CurrentInstanceCount": count, "DesiredInstanceCount": count}


OPERATIONS = {
    "CreateEndpoint": create,
    "DescribeEndpoint": describe,
    "UpdateEndpoint": update,
    "ListEndpoints": list_,
    "DeleteEndpoint": delete,
}
