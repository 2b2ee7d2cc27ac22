"""Create, describe, update, list and delete endpoints."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from sagemaker_local.control_plane.listing import list_page
from sagemaker_local.definitions import Variant
from sagemaker_local.errors import InvalidInput, NotOffered
from sagemaker_local.hosting.endpoints import Endpoint

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sagemaker_local.control_plane.resources import Resources
    from sagemaker_local.definitions import EndpointConfig

    Changes = Mapping[str, Mapping[str, Any]]

# DescribeEndpoint has these members as the endpoint configuration has them.
CONFIG_MEMBERS = ("AsyncInferenceConfig", "MetricsConfig")
VARIANT_MEMBERS = ("ManagedInstanceScaling", "RoutingConfig")

# Properties that RetainAllVariantProperties retains: members of a variant in a configuration.
VARIANT_PROPERTIES = {
    "DesiredInstanceCount": "InitialInstanceCount",
    "DesiredWeight": "InitialVariantWeight",
}


def create(resources: Resources, request: Mapping[str, Any]) -> dict[str, Any]:
    name = request["EndpointName"]
    resources.endpoints.check_name_is_free(name)
    config = _config(resources, request)
    endpoint = Endpoint(name, config, resources.hosting_context(name))
    endpoint.deployment_config = request.get("DeploymentConfig")
    resources.endpoints.add(name, endpoint, request.get("Tags", ()))
    endpoint.start()
    endpoint.announce()
    return {"EndpointArn": resources.endpoints.arn(name)}


def describe(resources: Resources, request: Mapping[str, Any]) -> dict[str, Any]:
    endpoint = resources.endpoints.get(request["EndpointName"])
    given = endpoint.config.request
    description = {
        **_summary(resources, endpoint),
        "EndpointConfigName": endpoint.config.name,
        **{member: given[member] for member in CONFIG_MEMBERS if member in given},
    }
    if endpoint.failure_reason:
        description["FailureReason"] = endpoint.failure_reason
    if endpoint.deployment_config:
        description["LastDeploymentConfig"] = endpoint.deployment_config
    if endpoint.is_serving:
        description["ProductionVariants"] = _variant_summaries(endpoint)
    if "DataCaptureConfig" in given:
        description["DataCaptureConfig"] = _data_capture_summary(given["DataCaptureConfig"])
    return description


def update(resources: Resources, request: Mapping[str, Any]) -> dict[str, Any]:
    endpoint = resources.endpoints.get(request["EndpointName"])
    config = _config(resources, request)
    _check_in_service(resources, endpoint)
    _check_stays_asynchronous(endpoint, config)
    if request.get("RetainAllVariantProperties"):
        config = _with_retained_properties(endpoint.config, config, request)
    if not request.get("RetainDeploymentConfig"):
        endpoint.deployment_config = request.get("DeploymentConfig")
    endpoint.update(config)
    return {"EndpointArn": resources.endpoints.arn(endpoint.name)}


def update_weights_and_capacities(
    resources: Resources, request: Mapping[str, Any]
) -> dict[str, Any]:
    endpoint = resources.endpoints.get(request["EndpointName"])
    _check_in_service(resources, endpoint)
    given = {variant["VariantName"]: variant for variant in endpoint.config.request_variants}
    changes: dict[str, dict[str, Any]] = {}
    for desired in request["DesiredWeightsAndCapacities"]:
        name = desired["VariantName"]
        _check_variant(endpoint, name, named_before=name in changes)
        changes[name] = _changed_members(given[name], desired)
    endpoint.update_capacities(_with_changes(endpoint.config, changes))
    return {"EndpointArn": resources.endpoints.arn(endpoint.name)}


def list_(resources: Resources, request: Mapping[str, Any]) -> dict[str, Any]:
    summaries = (_summary(resources, endpoint) for endpoint in resources.endpoints.values())
    return list_page(summaries, request, "Endpoint")


def delete(resources: Resources, request: Mapping[str, Any]) -> dict[str, Any]:
    """Begin the deletion; the endpoint is `Deleting` until its containers have ended."""
    endpoint = resources.endpoints.get(request["EndpointName"])
    _check_not_in_progress(resources, endpoint)
    if endpoint.components:
        # That it is refused: aws/amazon-sagemaker-examples issue 3432. The text is UNVERIFIED.
        raise InvalidInput(
            f'Cannot delete endpoint "{resources.endpoints.arn(endpoint.name)}" because it has'
            f" inference components: {', '.join(endpoint.components)}."
        )
    endpoint.delete(lambda: resources.endpoints.remove(endpoint.name))
    return {}


def _check_not_in_progress(resources: Resources, endpoint: Endpoint) -> None:
    """Refuse to change an endpoint that is changing.

    Raises:
        InvalidInput: The endpoint is Creating, Updating or Deleting.

    Source: amazon-sagemaker-operator-for-k8s, for DeleteEndpoint too. For Deleting: UNVERIFIED.
    """
    if endpoint.status in ("Creating", "Updating", "Deleting"):
        arn = resources.endpoints.arn(endpoint.name)
        raise InvalidInput(f'Cannot update in-progress endpoint "{arn}".')


def _check_in_service(resources: Resources, endpoint: Endpoint) -> None:
    """Refuse to update an endpoint that changes or has failed.

    Source for failed ones: API reference, DescribeEndpoint: "DeleteEndpoint is the only operation
    that can be performed on a failed endpoint." The text is UNVERIFIED.
    """
    _check_not_in_progress(resources, endpoint)
    if endpoint.status != "InService":
        arn = resources.endpoints.arn(endpoint.name)
        raise InvalidInput(f'Cannot update endpoint "{arn}" in status {endpoint.status}.')


def _check_stays_asynchronous(endpoint: Endpoint, config: EndpointConfig) -> None:
    """Refuse an update that changes whether the endpoint is asynchronous.

    Source: aws/sagemaker-python-sdk pull request 3124, which shows the text up to "To change".
    """
    if endpoint.config.asynchronous and not config.asynchronous:
        raise InvalidInput(
            f"The AsyncInferenceConfig parameter cannot be removed from this endpoint"
            f" {endpoint.name}. To change the endpoint type, create a new endpoint."
        )
    if config.asynchronous and not endpoint.config.asynchronous:
        raise NotOffered("an update that makes a synchronous endpoint asynchronous")


def _summary(resources: Resources, endpoint: Endpoint) -> dict[str, Any]:
    return {
        "EndpointName": endpoint.name,
        "EndpointArn": resources.endpoints.arn(endpoint.name),
        "CreationTime": endpoint.created,
        "LastModifiedTime": endpoint.modified,
        "EndpointStatus": endpoint.status,
    }


def _config(resources: Resources, request: Mapping[str, Any]) -> EndpointConfig:
    """Return the named configuration, and check that its models still exist."""
    config = resources.endpoint_configs.get(request["EndpointConfigName"]).definition
    for variant in config.variants:
        if variant.model is not None:
            resources.models.get(variant.model.name)
    return config


def _check_variant(endpoint: Endpoint, name: str, *, named_before: bool) -> None:
    """Check that a request names a variant of the endpoint, and names it once.

    Source: getmoto/moto, pull request 5082, has both texts.
    """
    if named_before:
        raise InvalidInput(f'The variant name "{name}" was non-unique within the request.')
    if name not in [variant.name for variant in endpoint.config.variants]:
        raise InvalidInput(
            f'The variant name(s) "{name}" is/are not present within endpoint configuration'
            f' "{endpoint.config.name}".'
        )


def _changed_members(variant: Mapping[str, Any], desired: Mapping[str, Any]) -> dict[str, Any]:
    """Translate a DesiredWeightAndCapacity into members of a variant in a configuration."""
    changed = {
        member: desired[name] for name, member in VARIANT_PROPERTIES.items() if name in desired
    }
    if "ServerlessUpdateConfig" in desired:
        if "ServerlessConfig" not in variant:
            name = variant["VariantName"]
            raise InvalidInput(f"Variant {name} is not serverless.")  # UNVERIFIED
        changed["ServerlessConfig"] = (
            variant["ServerlessConfig"] | desired["ServerlessUpdateConfig"]
        )
    return changed


def _with_retained_properties(
    current: EndpointConfig, new: EndpointConfig, request: Mapping[str, Any]
) -> EndpointConfig:
    """Return the new configuration with the properties that the endpoint's variants have now."""
    excluded = {
        item["VariantPropertyType"] for item in request.get("ExcludeRetainedVariantProperties", ())
    }
    kept = [member for name, member in VARIANT_PROPERTIES.items() if name not in excluded]
    retained = {
        variant["VariantName"]: {member: variant[member] for member in kept if member in variant}
        for variant in current.request_variants
    }
    config = _with_changes(new, retained)
    if "DataCaptureConfig" in current.request and "DataCaptureConfig" not in excluded:
        capture = {"DataCaptureConfig": current.request["DataCaptureConfig"]}
        return replace(config, request={**config.request, **capture})
    return config


def _with_changes(config: EndpointConfig, changes: Changes) -> EndpointConfig:
    """Return the configuration with other members of its variants, by variant name."""
    given = [
        {**variant, **changes.get(variant["VariantName"], {})}
        for variant in config.request_variants
    ]
    variants = tuple(
        Variant.parse(members, variant.model)
        for members, variant in zip(given, config.variants, strict=True)
    )
    return replace(
        config, variants=variants, request={**config.request, "ProductionVariants": given}
    )


def _variant_summaries(endpoint: Endpoint) -> list[dict[str, Any]]:
    desired = {
        variant["VariantName"]: variant for variant in endpoint.desired_config.request_variants
    }
    return [
        {
            "VariantName": variant.name,
            **_deployed_images(variant, endpoint.modified),
            **_capacities(given, "Current"),
            **_capacities(desired.get(variant.name, given), "Desired"),
            **{member: given[member] for member in VARIANT_MEMBERS if member in given},
        }
        for variant, given in zip(
            endpoint.config.variants, endpoint.config.request_variants, strict=True
        )
    ]


def _deployed_images(variant: Variant, deployed: float) -> dict[str, Any]:
    """Describe the images of the variant's containers; a variant of components has none."""
    if variant.model is None:
        return {}
    images = [
        {
            "SpecifiedImage": container.image,
            "ResolvedImage": container.image,
            "ResolutionTime": deployed,
        }
        for container in variant.model.containers
    ]
    return {"DeployedImages": images}


def _capacities(variant: Mapping[str, Any], prefix: str) -> dict[str, Any]:
    weight = {f"{prefix}Weight": variant["InitialVariantWeight"]}
    if "ServerlessConfig" in variant:
        return weight | {f"{prefix}ServerlessConfig": variant["ServerlessConfig"]}
    return weight | {f"{prefix}InstanceCount": variant.get("InitialInstanceCount", 1)}


def _data_capture_summary(config: Mapping[str, Any]) -> dict[str, Any]:
    enabled = config.get("EnableCapture", False)
    return {
        "EnableCapture": enabled,
        "CaptureStatus": "Started" if enabled else "Stopped",
        "CurrentSamplingPercentage": config["InitialSamplingPercentage"],
        "DestinationS3Uri": config["DestinationS3Uri"],
        "KmsKeyId": config.get("KmsKeyId", ""),  # A required member; its default is UNVERIFIED.
    }


OPERATIONS = {
    "CreateEndpoint": create,
    "DescribeEndpoint": describe,
    "UpdateEndpoint": update,
    "UpdateEndpointWeightsAndCapacities": update_weights_and_capacities,
    "ListEndpoints": list_,
    "DeleteEndpoint": delete,
}
