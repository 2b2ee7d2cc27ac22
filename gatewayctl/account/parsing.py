"""From SageMaker's descriptions to values; nothing past this knows the names of its members."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from gatewayctl.account.values import Component, Container, Endpoint, Model, Unread, Variant

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    Description = Mapping[str, Any]

_HTTPS = re.compile(
    r"https://(?:(?P<virtual>[^/]+)\.)?s3[.-][^/]*amazonaws\.com(?:\.cn)?/(?P<path>.*)"
)


def endpoint(
    described: Description,
    configuration: Description | Unread,
    components: tuple[str, ...] | Unread,
    model: Callable[[str], Model | Unread],
) -> Endpoint:
    """From DescribeEndpoint and DescribeEndpointConfig; `model` reads one by its name."""
    running = {one["VariantName"]: one for one in described.get("ProductionVariants", ())}
    if isinstance(configuration, Unread):
        variants = [_variant(name, {}, one, configuration) for name, one in running.items()]
    else:
        variants = [
            _variant(
                one["VariantName"],
                one,
                running.get(one["VariantName"], {}),
                model(one["ModelName"]) if "ModelName" in one else None,
            )
            for one in configuration["ProductionVariants"]
        ]
    return Endpoint(
        name=described["EndpointName"],
        status=described["EndpointStatus"],
        async_only="AsyncInferenceConfig" in described,
        variants=tuple(variants),
        components=components,
    )


def _variant(
    name: str, configured: Description, running: Description, model: Model | Unread | None
) -> Variant:
    return Variant(
        name=name,
        model=model,
        serverless="ServerlessConfig" in configured or "CurrentServerlessConfig" in running,
        instances=running.get("CurrentInstanceCount"),
    )


def model(described: Description) -> Model:
    """From DescribeModel."""
    primary = [described["PrimaryContainer"]] if "PrimaryContainer" in described else []
    return Model(
        name=described["ModelName"],
        containers=tuple(_container(one) for one in described.get("Containers") or primary),
        direct=described.get("InferenceExecutionConfig", {}).get("Mode") == "Direct",
    )


def _container(described: Description) -> Container:
    multi_model = described.get("Mode") == "MultiModel"
    source = described.get("ModelDataSource", {}).get("S3DataSource", {})
    url = described.get("ModelDataUrl") or source.get("S3Uri")
    return Container(
        hostname=described.get("ContainerHostname"),
        image=described.get("Image"),
        multi_model=multi_model,
        model_data=_prefix(url) if url and multi_model else url,
    )


def _prefix(url: str) -> str:
    """As `s3://bucket/…/`, whichever of S3's forms was written."""
    if match := _HTTPS.fullmatch(url):
        url = "s3://" + "/".join(part for part in (match["virtual"], match["path"]) if part)
    return f"{url.rstrip('/')}/"


def component(described: Description) -> Component:
    """From DescribeInferenceComponent."""
    return Component(
        name=described["InferenceComponentName"],
        endpoint=described["EndpointName"],
        variant=described.get("VariantName"),
        status=described.get("InferenceComponentStatus", "Unknown"),
        copies=described.get("RuntimeConfig", {}).get("CurrentCopyCount"),
    )
