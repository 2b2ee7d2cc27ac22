"""The things in an AWS account: endpoints, their models and inference components.

Each class is built from SageMaker's description by its method `parse`. Other modules do not know
the members of those descriptions.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from itertools import chain
from typing import TYPE_CHECKING, Any

from chalicelib.routing.targets import KINDS

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from chalicelib.routing.targets import Hosting

    Description = Mapping[str, Any]

IN_SERVICE = "InService"

_HTTPS = re.compile(
    r"https://(?:(?P<bucket>[^/]+)\.)?s3[.-][^/]*amazonaws\.com(?:\.cn)?/(?P<path>.*)"
)


@dataclass(frozen=True, slots=True)
class Unread:
    """Something that could not be read: it does not exist, or a permission is missing."""

    what: str
    """The thing in words: `model tabular-v2`."""
    action: str
    """The IAM action that reads it: `sagemaker:DescribeModel`."""
    denied: bool

    def __str__(self) -> str:
        if self.denied:
            return f"the {self.what} cannot be read without the IAM permission {self.action}"
        return f"the {self.what} does not exist"


@dataclass(frozen=True, slots=True)
class Container:
    """One container of a model."""

    hostname: str | None
    multi_model: bool
    model_data: str | None
    """The URL of the artifact; for a multi-model container the prefix."""
    image: str | None = None

    @classmethod
    def parse(cls, described: Description) -> Container:
        """Build a container from a ContainerDefinition."""
        multi_model = described.get("Mode") == "MultiModel"
        source = described.get("ModelDataSource", {}).get("S3DataSource", {})
        url = described.get("ModelDataUrl") or source.get("S3Uri")
        return cls(
            hostname=described.get("ContainerHostname"),
            multi_model=multi_model,
            model_data=_prefix(url) if url and multi_model else url,
            image=described.get("Image"),
        )


@dataclass(frozen=True, slots=True)
class Model:
    """A SageMaker model: its containers, and whether a call names one of them."""

    name: str
    containers: tuple[Container, ...]
    direct: bool
    """Whether the inference execution mode is Direct."""
    role: str | None = None
    """The ARN of its execution role."""
    network: tuple[str, ...] = ()
    """Its subnets and security groups, sorted."""
    is_isolated: bool = False
    """Whether its containers have no access to the network."""

    @classmethod
    def parse(cls, described: Description) -> Model:
        """Build a model from the response of DescribeModel."""
        primary = [described["PrimaryContainer"]] if "PrimaryContainer" in described else []
        containers = described.get("Containers") or primary
        return cls(
            name=described["ModelName"],
            containers=tuple(Container.parse(one) for one in containers),
            direct=described.get("InferenceExecutionConfig", {}).get("Mode") == "Direct",
            role=described.get("ExecutionRoleArn"),
            network=_network(described),
            is_isolated=described.get("EnableNetworkIsolation", False),
        )

    @property
    def multi_model(self) -> Container | None:
        """The container that loads artifacts on demand; a model has at most one."""
        return next((one for one in self.containers if one.multi_model), None)

    @property
    def prefix(self) -> str | None:
        """The S3 prefix of the artifacts of its multi-model container."""
        return self.multi_model.model_data if self.multi_model else None

    @property
    def hostnames(self) -> tuple[str, ...]:
        """The names by which a call can choose a container."""
        return tuple(one.hostname for one in self.containers if one.hostname is not None)


@dataclass(frozen=True, slots=True)
class Capacity:
    """What a variant runs on: instances of one type, or serverless; None is what is not known."""

    instance_type: str | None = None
    instances: int | None = None
    """How many there are now."""
    memory_mb: int | None = None
    """The memory of a serverless variant."""
    provisioned_concurrency: int = 0

    @classmethod
    def parse(cls, configured: Description, running: Description) -> Capacity:
        """Build the capacity from a variant's parts of both descriptions."""
        serverless = running.get("CurrentServerlessConfig") or configured.get("ServerlessConfig")
        if serverless is not None:
            return cls(
                memory_mb=serverless.get("MemorySizeInMB"),
                provisioned_concurrency=serverless.get("ProvisionedConcurrency", 0),
            )
        return cls(
            instance_type=configured.get("InstanceType"),
            instances=running.get("CurrentInstanceCount", configured.get("InitialInstanceCount")),
        )


@dataclass(frozen=True, slots=True)
class Variant:
    """A production variant; a variant without a model hosts inference components."""

    name: str
    model: Model | Unread | None
    serverless: bool
    capacity: Capacity = Capacity()

    @classmethod
    def parse(
        cls,
        name: str,
        configured: Description,
        running: Description,
        model: Model | Unread | None,
    ) -> Variant:
        """Build a variant from its parts of DescribeEndpointConfig and DescribeEndpoint."""
        return cls(
            name=name,
            model=model,
            serverless="ServerlessConfig" in configured or "CurrentServerlessConfig" in running,
            capacity=Capacity.parse(configured, running),
        )

    @property
    def kind(self) -> str | None:
        """The first kind that the variant serves; None if there is none or the model is unread."""
        return next((kind for kind, target in KINDS.items() if self.serves(target.hosting)), None)

    def serves(self, hosting: Hosting) -> bool:
        """Whether the variant has the properties of this kind of endpoint."""
        if self.model is None:
            return hosting.has_components
        if isinstance(self.model, Unread):
            return False
        least, most = hosting.containers
        return (
            not (hosting.has_components or hosting.is_async)
            and least <= len(self.model.containers) <= most
            and hosting.is_direct in {None, self.model.direct}
            and hosting.is_multi_model in {None, self.model.multi_model is not None}
        )


@dataclass(frozen=True, slots=True)
class Endpoint:
    """An endpoint with everything that its callers can address."""

    name: str
    status: str
    """SageMaker's EndpointStatus, such as `InService` or `Updating`."""
    async_only: bool
    variants: tuple[Variant, ...]
    components: tuple[str, ...] | Unread
    """The names of its inference components, sorted; `AccountReader.component` reads one."""
    created: float | None = None
    """When it was created, in seconds since the epoch."""
    role: str | None = None
    """The execution role of its configuration, which only inference components have."""
    network: tuple[str, ...] = ()
    """The subnets and security groups of its configuration, sorted."""
    kms_key: str | None = None
    """The key that encrypts the storage of its instances."""
    shadows: tuple[tuple[str, Capacity], ...] = ()
    """The names of its shadow variants, which get copies of the calls, and what they run on."""

    @classmethod
    def parse(
        cls,
        described: Description,
        configuration: Description | Unread,
        components: tuple[str, ...] | Unread,
        model: Callable[[str], Model | Unread],
    ) -> Endpoint:
        """Build an endpoint from the responses of DescribeEndpoint and DescribeEndpointConfig.

        Args:
            model: Reads a model by its name.
        """
        running = {one["VariantName"]: one for one in described.get("ProductionVariants", ())}
        created = described.get("CreationTime")
        own: Description = {} if isinstance(configuration, Unread) else configuration
        if isinstance(configuration, Unread):
            variants = [
                Variant.parse(name, {}, one, configuration) for name, one in running.items()
            ]
        else:
            variants = [
                Variant.parse(
                    one["VariantName"],
                    one,
                    running.get(one["VariantName"], {}),
                    model(one["ModelName"]) if "ModelName" in one else None,
                )
                for one in configuration["ProductionVariants"]
            ]
        return cls(
            name=described["EndpointName"],
            status=described["EndpointStatus"],
            async_only="AsyncInferenceConfig" in described,
            variants=tuple(variants),
            components=components,
            created=None if created is None else created.timestamp(),
            role=own.get("ExecutionRoleArn"),
            network=_network(own),
            kms_key=own.get("KmsKeyId"),
            shadows=_shadows(described, own),
        )

    @property
    def models(self) -> tuple[Model, ...]:
        """The models that could be read, in the order of the variants."""
        return tuple(one.model for one in self.variants if isinstance(one.model, Model))


@dataclass(frozen=True, slots=True)
class Component:
    """An inference component."""

    name: str
    endpoint: str
    variant: str | None
    status: str
    copies: int | None
    """How many copies run now; None if the response has no number, as for an adapter."""
    cpu_cores: float = 0.0
    """What one copy reserves; 0 if it says nothing of it."""
    accelerators: float = 0.0
    memory_mb: int = 0
    image: str | None = None
    model: str | None = None
    """The SageMaker model that it is a copy of, if it has no container of its own."""
    model_data: str | None = None
    """The URL of its artifact, if it has a container of its own."""

    @classmethod
    def parse(cls, described: Description) -> Component:
        """Build a component from the response of DescribeInferenceComponent."""
        specification = described.get("Specification", {})
        needs = specification.get("ComputeResourceRequirements", {})
        container = specification.get("Container", {})
        return cls(
            name=described["InferenceComponentName"],
            endpoint=described["EndpointName"],
            variant=described.get("VariantName"),
            status=described.get("InferenceComponentStatus", "Unknown"),
            copies=described.get("RuntimeConfig", {}).get("CurrentCopyCount"),
            cpu_cores=needs.get("NumberOfCpuCoresRequired", 0.0),
            accelerators=needs.get("NumberOfAcceleratorDevicesRequired", 0.0),
            memory_mb=needs.get("MinMemoryRequiredInMb", 0),
            image=container.get("DeployedImage", {}).get("SpecifiedImage"),
            model=specification.get("ModelName"),
            model_data=container.get("ArtifactUrl"),
        )


def _shadows(described: Description, own: Description) -> tuple[tuple[str, Capacity], ...]:
    running = {one["VariantName"]: one for one in described.get("ShadowProductionVariants", ())}
    return tuple(
        (name, Capacity.parse(one, running.get(name, {})))
        for one in own.get("ShadowProductionVariants", ())
        if (name := one["VariantName"])
    )


def _network(described: Description) -> tuple[str, ...]:
    """Return the subnets and security groups of a VpcConfig, sorted."""
    return tuple(sorted(chain.from_iterable(described.get("VpcConfig", {}).values())))


def _prefix(url: str) -> str:
    """Write any form of an S3 URL as `s3://bucket/…`, with or without a slash at its end."""
    if match := _HTTPS.fullmatch(url):
        bucket = f"{match['bucket']}/" if match["bucket"] else ""
        return f"s3://{bucket}{match['path']}"
    return url
