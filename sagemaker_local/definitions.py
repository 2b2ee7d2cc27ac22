"""Models, containers and variants as a caller described them, parsed from control-plane requests.

The text of every InvalidInput here is UNVERIFIED: no public source shows SageMaker's.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from sagemaker_local.async_definitions import AsyncConfig
from sagemaker_local.errors import InvalidInput, NotOffered

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

MAX_LOADED_MODELS_VARIABLE = "SAGEMAKER_LOCAL_MAX_LOADED_MODELS"

# A container that ran without one of these would not be the one that the caller described.
CONTAINER_MEMBERS_NOT_OFFERED = ("ModelPackageName", "AdditionalModelDataSources")


@dataclass(frozen=True)
class ModelData:
    """Location of a container's artifact: an archive, or a prefix of plain files or archives."""

    url: str
    compressed: bool = True


@dataclass(frozen=True)
class ContainerDefinition:
    """One container of a model."""

    image: str
    hostname: str | None = None
    data: ModelData | None = None
    environment: Mapping[str, str] = field(default_factory=dict)
    multi_model: bool = False
    caches_models: bool = True

    @classmethod
    def parse(cls, container: Mapping[str, Any]) -> ContainerDefinition:
        """Parse a ContainerDefinition of CreateModel.

        Raises:
            InvalidInput: Members are missing or contradict each other.
        """
        for member in CONTAINER_MEMBERS_NOT_OFFERED:
            if member in container:
                raise NotOffered(f"{member} of a container")
        if not container.get("Image"):
            raise InvalidInput("Image is required.")
        multi_model = container.get("Mode") == "MultiModel"
        if multi_model and "ModelDataSource" in container:
            raise InvalidInput("ModelDataSource is not supported for a multi-model container.")
        if multi_model and not container.get("ModelDataUrl"):
            raise InvalidInput("ModelDataUrl is required for a multi-model container.")
        if "ModelDataUrl" in container and "ModelDataSource" in container:
            raise InvalidInput("Specify either ModelDataUrl or ModelDataSource, not both.")
        setting = container.get("MultiModelConfig", {}).get("ModelCacheSetting", "Enabled")
        environment = container.get("Environment", {})
        _check_model_limit(environment)
        return cls(
            image=container["Image"],
            hostname=container.get("ContainerHostname"),
            data=_model_data(container),
            environment=environment,
            multi_model=multi_model,
            caches_models=setting == "Enabled",
        )

    @property
    def max_loaded_models(self) -> int | None:
        """The most models in memory at once; None if only the container's 507 limits them."""
        text = self.environment.get(MAX_LOADED_MODELS_VARIABLE)
        return int(text) if text else None


def _model_data(container: Mapping[str, Any]) -> ModelData | None:
    source = container.get("ModelDataSource", {}).get("S3DataSource")
    if source is not None:
        for member in ("HubAccessConfig", "ManifestS3Uri"):
            if member in source:
                raise NotOffered(f"{member} of a ModelDataSource")
        return ModelData(source["S3Uri"], compressed=source["CompressionType"] == "Gzip")
    url = container.get("ModelDataUrl")
    return ModelData(url) if url else None


def _check_model_limit(environment: Mapping[str, str]) -> None:
    text = environment.get(MAX_LOADED_MODELS_VARIABLE, "")
    if text and not (text.isascii() and text.isdigit() and int(text) > 0):
        raise InvalidInput(f"{MAX_LOADED_MODELS_VARIABLE} is {text!r}; give a number of models.")


@dataclass(frozen=True)
class ModelDefinition:
    """A model: one container, a serial pipeline, or containers that callers invoke by name."""

    name: str
    containers: Sequence[ContainerDefinition]
    direct: bool = False
    request: Mapping[str, Any] = field(default_factory=dict)
    """The request of CreateModel, without its tags."""

    @property
    def multi_model(self) -> bool:
        return any(container.multi_model for container in self.containers)

    @property
    def kind(self) -> str:
        """The kind, as the start-up table prints it."""
        if self.direct:
            return "multi-container"
        if len(self.containers) > 1:
            return "pipeline"
        return "multi-model" if self.multi_model else "single model"

    @classmethod
    def parse(cls, request: Mapping[str, Any]) -> ModelDefinition:
        """Parse the request of CreateModel.

        Raises:
            InvalidInput: SageMaker would reject the request.
        """
        if "PrimaryContainer" in request and "Containers" in request:
            raise InvalidInput("Specify either PrimaryContainer or Containers, not both.")
        containers = request.get("Containers") or [request.get("PrimaryContainer")]
        if containers == [None]:
            raise InvalidInput("Specify PrimaryContainer or Containers.")
        mode = request.get("InferenceExecutionConfig", {}).get("Mode", "Serial")
        definition = cls(
            name=request["ModelName"],
            containers=tuple(ContainerDefinition.parse(container) for container in containers),
            direct=mode == "Direct",
            request=_without_tags(request),
        )
        _check_hostnames(definition)
        if not definition.direct and sum(c.multi_model for c in definition.containers) > 1:
            raise InvalidInput("A serial pipeline can have at most one multi-model container.")
        return definition


def _check_hostnames(model: ModelDefinition) -> None:
    """Direct mode needs a hostname on every container; Serial mode on all or none."""
    hostnames = [c.hostname for c in model.containers if c.hostname]
    if len(set(hostnames)) != len(hostnames):
        raise InvalidInput(f"Container hostnames must be unique; got {', '.join(hostnames)}.")
    complete = len(hostnames) == len(model.containers)
    if model.direct and not complete:
        raise InvalidInput("ContainerHostname is required for every container in Direct mode.")
    if hostnames and not complete:
        raise InvalidInput("Specify ContainerHostname for all containers or for none.")


@dataclass(frozen=True)
class Variant:
    """A production variant; without a model it hosts inference components."""

    name: str
    model: ModelDefinition | None
    weight: float = 1.0
    serverless: bool = False
    startup_timeout_seconds: float | None = None

    @classmethod
    def parse(cls, variant: Mapping[str, Any], model: ModelDefinition | None) -> Variant:
        """Parse a ProductionVariant of CreateEndpointConfig.

        Raises:
            InvalidInput: Members are missing or contradict each other.
        """
        name, serverless = variant["VariantName"], "ServerlessConfig" in variant
        if serverless == ("InstanceType" in variant or "InstancePools" in variant):
            raise InvalidInput(f"Variant {name}: specify either ServerlessConfig or InstanceType.")
        if serverless and model is None:
            raise InvalidInput(f"Variant {name}: a serverless variant needs a ModelName.")
        if serverless and model is not None and (model.multi_model or len(model.containers) > 1):
            raise InvalidInput(f"Variant {name}: a serverless variant hosts one container.")
        if not serverless and model is not None and "InitialInstanceCount" not in variant:
            raise InvalidInput(f"Variant {name}: InitialInstanceCount is required.")
        return cls(
            name=name,
            model=model,
            weight=variant.get("InitialVariantWeight", 1.0),
            serverless=serverless,
            startup_timeout_seconds=variant.get("ContainerStartupHealthCheckTimeoutInSeconds"),
        )


@dataclass(frozen=True)
class EndpointConfig:
    """The variants of an endpoint; an endpoint keeps it after DeleteEndpointConfig."""

    name: str
    variants: Sequence[Variant]
    asynchronous: AsyncConfig | None = None
    """None for an endpoint of synchronous calls."""

    request: Mapping[str, Any] = field(default_factory=dict)
    """The request of CreateEndpointConfig, without its tags and with default weights."""

    @classmethod
    def parse(
        cls, request: Mapping[str, Any], model_named: Callable[[str], ModelDefinition]
    ) -> EndpointConfig:
        """Parse the request of CreateEndpointConfig.

        Raises:
            InvalidInput: SageMaker would reject the request.
        """
        given = [{"InitialVariantWeight": 1.0, **each} for each in request["ProductionVariants"]]
        variants = tuple(
            Variant.parse(each, model_named(each["ModelName"]) if each.get("ModelName") else None)
            for each in given
        )
        _check_combination(variants)
        if "AsyncInferenceConfig" in request:
            _check_asynchronous(variants)
        return cls(
            name=request["EndpointConfigName"],
            variants=variants,
            asynchronous=AsyncConfig.parse(request["AsyncInferenceConfig"])
            if "AsyncInferenceConfig" in request
            else None,
            request={**_without_tags(request), "ProductionVariants": given},
        )

    @property
    def request_variants(self) -> Sequence[Mapping[str, Any]]:
        """The ProductionVariants of the request, in the order of `variants`."""
        variants: Sequence[Mapping[str, Any]] = self.request["ProductionVariants"]
        return variants

    @property
    def instances(self) -> int:
        return sum(variant.get("InitialInstanceCount", 1) for variant in self.request_variants)

    @property
    def hosts_components(self) -> bool:
        return any(variant.model is None for variant in self.variants)


def _check_combination(variants: Sequence[Variant]) -> None:
    names = [variant.name for variant in variants]
    if len(set(names)) != len(names):
        raise InvalidInput(f"Variant names must be unique; got {', '.join(names)}.")
    if len({variant.model is None for variant in variants}) > 1:
        raise InvalidInput("Either every variant has a ModelName or none has.")
    if len(variants) > 1 and any(variant.serverless for variant in variants):
        raise InvalidInput("A serverless endpoint has one variant.")


def _check_asynchronous(variants: Sequence[Variant]) -> None:
    """Refuse what InvokeEndpointAsync could not address: it has no member that names a target.

    Source of the sentence: aws/sagemaker-python-sdk issue 3969, for Marketplace images.
    """
    models = [variant.model for variant in variants if variant.model is not None]
    refused = {
        "Multi-model containers": any(model.multi_model for model in models),
        "Multiple containers": any(len(model.containers) > 1 for model in models),
        "Inference components": len(models) < len(variants),
        "Serverless variants": any(variant.serverless for variant in variants),
        "Multiple production variants": len(variants) > 1,
    }
    for what, is_there in refused.items():
        if is_there:
            raise InvalidInput(f"{what} are not supported when specifying an AsyncInferenceConfig.")


def _without_tags(request: Mapping[str, Any]) -> dict[str, Any]:
    return {member: value for member, value in request.items() if member != "Tags"}
