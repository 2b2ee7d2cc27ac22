"""CreateEndpointConfig, DescribeEndpointConfig, ListEndpointConfigs, DeleteEndpointConfig.

Every text of a refusal here is UNVERIFIED: no public source shows SageMaker's.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sagemaker_local.control_plane.listing import page
from sagemaker_local.control_plane.resources import Described
from sagemaker_local.definitions import Variant
from sagemaker_local.errors import InvalidInput
from sagemaker_local.hosting.endpoints import Configuration

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from sagemaker_local.control_plane.resources import Region


def create(region: Region, request: Mapping[str, Any]) -> dict[str, Any]:
    name = request["EndpointConfigName"]
    arn = region.place.arn("endpoint-config", name)
    region.refuse_existing(region.endpoint_configs, "endpoint configuration", arn, name)
    variants = [_variant(region, given) for given in request["ProductionVariants"]]
    _check_together(variants)
    given = _with_defaults(request)
    configuration = Configuration(name, tuple(variants), "AsyncInferenceConfig" in given, given)
    region.endpoint_configs[name] = Described(given, configuration)
    return {"EndpointConfigArn": arn}


def describe(region: Region, request: Mapping[str, Any]) -> dict[str, Any]:
    name = request["EndpointConfigName"]
    config = region.endpoint_config(name)
    return {
        **{member: value for member, value in config.request.items() if member != "Tags"},
        "EndpointConfigArn": region.place.arn("endpoint-config", name),
        "CreationTime": config.created,
    }


def list_(region: Region, request: Mapping[str, Any]) -> dict[str, Any]:
    summaries = (
        {
            "EndpointConfigName": name,
            "EndpointConfigArn": region.place.arn("endpoint-config", name),
            "CreationTime": config.created,
        }
        for name, config in region.endpoint_configs.items()
    )
    return page(summaries, request, "EndpointConfig")


def delete(region: Region, request: Mapping[str, Any]) -> dict[str, Any]:
    """An endpoint that uses the configuration goes on."""
    region.endpoint_config(request["EndpointConfigName"])
    del region.endpoint_configs[request["EndpointConfigName"]]
    return {}


def _variant(region: Region, given: Mapping[str, Any]) -> Variant:
    name = given.get("ModelName")
    return Variant.parse(given, region.model(name).definition if name else None)


def _check_together(variants: Sequence[Variant]) -> None:
    names = [variant.name for variant in variants]
    if len(set(names)) != len(names):
        raise InvalidInput(f"Variant names must be unique; got {', '.join(names)}.")
    if len({variant.model is None for variant in variants}) > 1:
        raise InvalidInput("Either every variant has a ModelName or none has.")
    if len(variants) > 1 and any(variant.serverless for variant in variants):
        raise InvalidInput("A serverless endpoint has one variant.")


def _with_defaults(request: Mapping[str, Any]) -> dict[str, Any]:
    variants = [
        {"InitialVariantWeight": 1.0, **variant} for variant in request["ProductionVariants"]
    ]
    return {**request, "ProductionVariants": variants}


OPERATIONS = {
    "CreateEndpointConfig": create,
    "DescribeEndpointConfig": describe,
    "ListEndpointConfigs": list_,
    "DeleteEndpointConfig": delete,
}
