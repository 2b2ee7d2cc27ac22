"""CreateEndpoint, DescribeEndpoint, UpdateEndpoint, ListEndpoints, DeleteEndpoint."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sagemaker_local.control_plane.listing import page
from sagemaker_local.errors import InvalidInput
from sagemaker_local.hosting.endpoints import Endpoint

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sagemaker_local.control_plane.resources import Region
    from sagemaker_local.hosting.endpoints import Configuration


def create(region: Region, request: Mapping[str, Any]) -> dict[str, Any]:
    name = request["EndpointName"]
    arn = region.place.arn("endpoint", name)
    region.refuse_existing(region.endpoints, "endpoint", arn, name)
    configuration = _configuration(region, request)
    region.endpoints[name] = Endpoint(name, configuration, region.surroundings(name))
    return {"EndpointArn": arn}


def describe(region: Region, request: Mapping[str, Any]) -> dict[str, Any]:
    endpoint = region.endpoint(request["EndpointName"])
    configuration = endpoint.configuration
    description = {
        **_summary(region, endpoint),
        "EndpointConfigName": configuration.name,
    }
    if endpoint.failure_reason:
        description["FailureReason"] = endpoint.failure_reason
    given = configuration.request
    if "AsyncInferenceConfig" in given:
        description["AsyncInferenceConfig"] = given["AsyncInferenceConfig"]
    if endpoint.is_serving:
        description["ProductionVariants"] = [
            _variant_summary(variant) for variant in given["ProductionVariants"]
        ]
    return description


def update(region: Region, request: Mapping[str, Any]) -> dict[str, Any]:
    endpoint = region.endpoint(request["EndpointName"])
    configuration = _configuration(region, request)
    arn = region.place.arn("endpoint", endpoint.name)
    if endpoint.status in ("Creating", "Updating"):
        raise InvalidInput(f'Cannot update in-progress endpoint "{arn}".')
    if endpoint.status != "InService":
        raise InvalidInput(f'Cannot update endpoint "{arn}" in status {endpoint.status}.')
    endpoint.update(configuration)
    return {"EndpointArn": arn}


def list_(region: Region, request: Mapping[str, Any]) -> dict[str, Any]:
    summaries = (_summary(region, endpoint) for endpoint in region.endpoints.values())
    return page(summaries, request, "Endpoint")


def delete(region: Region, request: Mapping[str, Any]) -> dict[str, Any]:
    """Answers at once; the endpoint is `Deleting` until its containers have ended."""
    endpoint = region.endpoint(request["EndpointName"])
    endpoint.begin_deletion(lambda: region.endpoints.pop(endpoint.name, None))
    return {}


def _configuration(region: Region, request: Mapping[str, Any]) -> Configuration:
    """The named configuration, whose models must still be there."""
    configuration = region.endpoint_config(request["EndpointConfigName"]).definition
    for variant in configuration.variants:
        if variant.model is not None:
            region.model(variant.model.name)
    return configuration


def _summary(region: Region, endpoint: Endpoint) -> dict[str, Any]:
    return {
        "EndpointName": endpoint.name,
        "EndpointArn": region.place.arn("endpoint", endpoint.name),
        "CreationTime": endpoint.created,
        "LastModifiedTime": endpoint.modified,
        "EndpointStatus": endpoint.status,
    }


def _variant_summary(given: Mapping[str, Any]) -> dict[str, Any]:
    weight = given["InitialVariantWeight"]
    summary = {
        "VariantName": given["VariantName"],
        "CurrentWeight": weight,
        "DesiredWeight": weight,
    }
    if "ServerlessConfig" in given:
        serverless = given["ServerlessConfig"]
        return summary | {"CurrentServerlessConfig": serverless}
    count = given.get("InitialInstanceCount", 1)
    return summary | {"CurrentInstanceCount": count, "DesiredInstanceCount": count}


OPERATIONS = {
    "CreateEndpoint": create,
    "DescribeEndpoint": describe,
    "UpdateEndpoint": update,
    "ListEndpoints": list_,
    "DeleteEndpoint": delete,
}
