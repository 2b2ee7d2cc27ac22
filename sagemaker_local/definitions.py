"""What a caller described: where, which containers, which variants. Parsed once, then trusted.

Every text of a refusal here is UNVERIFIED: no public source shows SageMaker's.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from sagemaker_local.errors import InvalidInput

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

MAX_LOADED_MODELS_VARIABLE = "SAGEMAKER_LOCAL_MAX_LOADED_MODELS"


@dataclass(frozen=True)
class Place:
    """An account in a region."""

    account: str
    region: str

    def arn(self, kind: str, name: str) -> str:
        """SageMaker lower-cases names in ARNs (amazon-sagemaker-examples issue 293)."""
        return f"arn:aws:sagemaker:{self.region}:{self.account}:{kind}/{name.lower()}"


@dataclass(frozen=True)
class ModelData:
    """Where a container's artifact lies: an archive, a plain prefix, or a prefix of archives."""

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
    def parse(cls, given: Mapping[str, Any]) -> ContainerDefinition:
        """From CreateModel's ContainerDefinition. When it is inconsistent: InvalidInput."""
        if not given.get("Image"):
            raise InvalidInput("Image is required: a model package cannot be resolved locally.")
        multi_model = given.get("Mode") == "MultiModel"
        if multi_model and "ModelDataSource" in given:
            raise InvalidInput("ModelDataSource is not supported for a multi-model container.")
        if multi_model and not given.get("ModelDataUrl"):
            raise InvalidInput("ModelDataUrl is required for a multi-model container.")
        if "ModelDataUrl" in given and "ModelDataSource" in given:
            raise InvalidInput("Specify either ModelDataUrl or ModelDataSource, not both.")
        setting = given.get("MultiModelConfig", {}).get("ModelCacheSetting", "Enabled")
        environment = given.get("Environment", {})
        _check_limit(environment)
        return cls(
            image=given["Image"],
            hostname=given.get("ContainerHostname"),
            data=_model_data(given),
            environment=environment,
            multi_model=multi_model,
            caches_models=setting == "Enabled",
        )

    @property
    def max_loaded_models(self) -> int | None:
        """The most models that may be in memory at once; None leaves it to the container's 507."""
        text = self.environment.get(MAX_LOADED_MODELS_VARIABLE)
        return int(text) if text else None


def _model_data(given: Mapping[str, Any]) -> ModelData | None:
    source = given.get("ModelDataSource", {}).get("S3DataSource")
    if source is not None:
        return ModelData(source["S3Uri"], compressed=source["CompressionType"] == "Gzip")
    url = given.get("ModelDataUrl")
    return ModelData(url) if url else None


def _check_limit(environment: Mapping[str, str]) -> None:
    text = environment.get(MAX_LOADED_MODELS_VARIABLE, "")
    if text and not (text.isascii() and text.isdigit() and int(text) > 0):
        raise InvalidInput(f"{MAX_LOADED_MODELS_VARIABLE} is {text!r}; give a number of models.")


@dataclass(frozen=True)
class ModelDefinition:
    """What CreateModel described: one container, a pipeline, or containers called by name."""

    name: str
    containers: Sequence[ContainerDefinition]
    direct: bool = False

    @property
    def multi_model(self) -> bool:
        return any(container.multi_model for container in self.containers)

    @property
    def kind(self) -> str:
        """What a person would call it."""
        if self.direct:
            return "multi-container"
        if len(self.containers) > 1:
            return "pipeline"
        return "multi-model" if self.multi_model else "single model"

    @classmethod
    def parse(cls, request: Mapping[str, Any]) -> ModelDefinition:
        """From CreateModel's request. When SageMaker would refuse it: InvalidInput."""
        if "PrimaryContainer" in request and "Containers" in request:
            raise InvalidInput("Specify either PrimaryContainer or Containers, not both.")
        given = request.get("Containers") or [request.get("PrimaryContainer")]
        if given == [None]:
            raise InvalidInput("Specify PrimaryContainer or Containers.")
        mode = request.get("InferenceExecutionConfig", {}).get("Mode", "Serial")
        definition = cls(
            name=request["ModelName"],
            containers=tuple(ContainerDefinition.parse(container) for container in given),
            direct=mode == "Direct",
        )
        _check_hostnames(definition)
        if not definition.direct and sum(c.multi_model for c in definition.containers) > 1:
            raise InvalidInput("A serial pipeline can have at most one multi-model container.")
        return definition


def _check_hostnames(model: ModelDefinition) -> None:
    """Direct needs a hostname on every container; Serial takes all or none."""
    given = [c.hostname for c in model.containers if c.hostname]
    if len(set(given)) != len(given):
        raise InvalidInput(f"Container hostnames must be unique; got {', '.join(given)}.")
    complete = len(given) == len(model.containers)
    if model.direct and not complete:
        raise InvalidInput("ContainerHostname is required for every container in Direct mode.")
    if given and not complete:
        raise InvalidInput("Specify ContainerHostname for all containers or for none.")


@dataclass(frozen=True)
class Variant:
    """A share of an endpoint's traffic and what answers it; no model: inference components."""

    name: str
    model: ModelDefinition | None
    weight: float = 1.0
    serverless: bool = False
    startup_timeout_seconds: float | None = None

    @classmethod
    def parse(cls, given: Mapping[str, Any], model: ModelDefinition | None) -> Variant:
        """From CreateEndpointConfig's ProductionVariant. When inconsistent: InvalidInput."""
        name, serverless = given["VariantName"], "ServerlessConfig" in given
        if serverless == ("InstanceType" in given or "InstancePools" in given):
            raise InvalidInput(f"Variant {name}: specify either ServerlessConfig or InstanceType.")
        if serverless and model is None:
            raise InvalidInput(f"Variant {name}: a serverless variant needs a ModelName.")
        if serverless and model is not None and (model.multi_model or len(model.containers) > 1):
            raise InvalidInput(f"Variant {name}: a serverless variant hosts one container.")
        if not serverless and model is not None and "InitialInstanceCount" not in given:
            raise InvalidInput(f"Variant {name}: InitialInstanceCount is required.")
        return cls(
            name=name,
            model=model,
            weight=given.get("InitialVariantWeight", 1.0),
            serverless=serverless,
            startup_timeout_seconds=given.get("ContainerStartupHealthCheckTimeoutInSeconds"),
        )
