"""The things in an AWS account: endpoints, their models, inference components and artifacts.

Each class is built from SageMaker's description by its method `parse`. Other modules do not know
the members of those descriptions.
"""

from __future__ import annotations

import re
from bisect import bisect_left
from dataclasses import dataclass
from functools import cached_property
from itertools import chain
from typing import TYPE_CHECKING, Any

from chalicelib.routing.targets import KINDS
from gatewayctl.account.artifacts import MISFITS, misfit

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
        )


@dataclass(frozen=True, slots=True)
class Model:
    """A SageMaker model: its containers, and whether a call names one of them."""

    name: str
    containers: tuple[Container, ...]
    direct: bool
    """Whether the inference execution mode is Direct."""

    @classmethod
    def parse(cls, described: Description) -> Model:
        """Build a model from the response of DescribeModel."""
        primary = [described["PrimaryContainer"]] if "PrimaryContainer" in described else []
        containers = described.get("Containers") or primary
        return cls(
            name=described["ModelName"],
            containers=tuple(Container.parse(one) for one in containers),
            direct=described.get("InferenceExecutionConfig", {}).get("Mode") == "Direct",
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
class Variant:
    """A production variant; a variant without a model hosts inference components."""

    name: str
    model: Model | Unread | None
    serverless: bool

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

    @classmethod
    def parse(cls, described: Description) -> Component:
        """Build a component from the response of DescribeInferenceComponent."""
        return cls(
            name=described["InferenceComponentName"],
            endpoint=described["EndpointName"],
            variant=described.get("VariantName"),
            status=described.get("InferenceComponentStatus", "Unknown"),
            copies=described.get("RuntimeConfig", {}).get("CurrentCopyCount"),
        )


@dataclass(frozen=True)
class Artifacts:
    """The objects whose URLs begin with the prefix of a multi-model container."""

    prefix: str
    names: tuple[str, ...]
    """The objects, sorted, as TargetModel names them: by what follows the prefix."""

    @property
    def in_folder(self) -> list[str]:
        """The names without those of objects beside the folder.

        If `s3://bucket/models` is the prefix, it is the prefix of `s3://bucket/models-old/…` too.
        """
        return [name for name in self.names if self.prefix.endswith("/") or name.startswith("/")]

    def advice(self, name: str) -> str:
        """Say what is wrong with the slash between prefix and name; empty if nothing is."""
        if self.prefix.endswith("/") != name.startswith("/"):
            return ""
        if self.prefix.endswith("/"):
            return "the prefix ends with a slash: target_model must not begin with /"
        return "the prefix has no trailing slash: target_model must begin with /"

    def __contains__(self, name: str) -> bool:
        place = bisect_left(self.names, name)
        return self.names[place : place + 1] == (name,)

    @cached_property
    def loadable(self) -> tuple[str, ...]:
        """The objects that are artifacts."""
        others = set(chain.from_iterable(self.misfits.values()))
        return tuple(name for name in self._objects() if name not in others)

    @cached_property
    def misfits(self) -> Mapping[str, list[str]]:
        """The other objects, by the reason why they are no artifacts."""
        found: dict[str, list[str]] = {why: [] for why in MISFITS}
        for name in self._objects():
            if (why := misfit(name, self.prefix)) is not None:
                found[why].append(name)
        return {why: names for why, names in found.items() if names}

    def _objects(self) -> list[str]:
        """Return the objects without those that stand for folders."""
        return sorted(name for name in self.in_folder if name and not name.endswith("/"))


def _prefix(url: str) -> str:
    """Write any form of an S3 URL as `s3://bucket/…`, with or without a slash at its end."""
    if match := _HTTPS.fullmatch(url):
        bucket = f"{match['bucket']}/" if match["bucket"] else ""
        return f"s3://{bucket}{match['path']}"
    return url
