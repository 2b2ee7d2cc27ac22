"""What an account holds: endpoints, what runs behind them, and the artifacts they may load."""

from __future__ import annotations

from bisect import bisect_left
from dataclasses import dataclass
from typing import Literal

Kind = Literal["single", "mme", "mce", "pipeline", "component"]

IN_SERVICE = "InService"


@dataclass(frozen=True, slots=True)
class Unread:
    """What could not be read: it is not there, or looking at it is not allowed."""

    what: str
    """As a person names it: `model tabular-v2`."""
    action: str
    """The IAM action that reads it: `sagemaker:DescribeModel`."""
    denied: bool

    def __str__(self) -> str:
        if self.denied:
            return f"the {self.what} cannot be looked at without the IAM permission {self.action}"
        return f"the {self.what} does not exist"


@dataclass(frozen=True, slots=True)
class Container:
    """One container of a model."""

    hostname: str | None
    image: str | None
    """None when a model package says which."""
    multi_model: bool
    model_data: str | None
    """The URL of an artifact; of a multi-model container the prefix, which ends with `/`."""


@dataclass(frozen=True, slots=True)
class Model:
    """What CreateModel described: containers, and whether a caller chooses one of them."""

    name: str
    containers: tuple[Container, ...]
    direct: bool

    @property
    def kind(self) -> Kind:
        if self.direct:
            return "mce"
        if len(self.containers) > 1:
            return "pipeline"
        return "mme" if self.multi_model is not None else "single"

    @property
    def multi_model(self) -> Container | None:
        """The container that loads artifacts on demand; there is at most one."""
        return next((one for one in self.containers if one.multi_model), None)

    @property
    def prefix(self) -> str | None:
        """Where the artifacts of its multi-model container lie."""
        return self.multi_model.model_data if self.multi_model else None

    @property
    def hostnames(self) -> tuple[str, ...]:
        """The names under which a caller may choose a container."""
        return tuple(one.hostname for one in self.containers if one.hostname is not None)


@dataclass(frozen=True, slots=True)
class Variant:
    """A production variant; without a model it hosts inference components."""

    name: str
    model: Model | Unread | None
    serverless: bool
    instances: int | None
    """How many run now; None for a serverless variant, and when nobody says."""

    @property
    def kind(self) -> Kind | None:
        """None when the model could not be read."""
        if isinstance(self.model, Unread):
            return None
        return "component" if self.model is None else self.model.kind


@dataclass(frozen=True, slots=True)
class Endpoint:
    """An endpoint with all that its callers may address."""

    name: str
    status: str
    """SageMaker's word: `InService`, `Updating`, …"""
    async_only: bool
    variants: tuple[Variant, ...]
    components: tuple[str, ...] | Unread
    """The names of its inference components, sorted; `AccountReader.component` reads one."""

    @property
    def kind(self) -> Kind | None:
        """What all its variants are; None when they differ, or nobody knows."""
        kinds = {variant.kind for variant in self.variants}
        return kinds.pop() if len(kinds) == 1 else None

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
    """How many run now; None when nobody says, as for an adapter of a base component."""


@dataclass(frozen=True, slots=True)
class Artifacts:
    """What lies under the prefix of a multi-model container."""

    prefix: str
    names: tuple[str, ...]
    """As TargetModel names them: relative to the prefix, sorted."""

    def __contains__(self, name: str) -> bool:
        place = bisect_left(self.names, name)
        return self.names[place : place + 1] == (name,)
