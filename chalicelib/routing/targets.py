"""Where a model lives on SageMaker: the five kinds of target, and the grammar of their names.

A new kind is a class here and its row in `KINDS`; a key of its own also needs a row in
`chalicelib.routing.reading.keys`. Nothing else knows kinds: the runtime calls `invoke_args()`.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, ClassVar

if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Self

LONGEST_NAME = 63
LONGEST_TARGET_MODEL = 1024

_NAME = r"[a-zA-Z0-9](-*[a-zA-Z0-9])*"
_SEGMENT = r"(?!\.{1,2}(/|\Z))[A-Za-z0-9!_.'()+=@,~-]+"
_TARGET_MODEL = f"{_SEGMENT}(/{_SEGMENT})*"


# `re` compiles a pattern when it is first used and keeps it: a start from the compiled table
# needs none of these.
def is_name(text: str) -> bool:
    """Whether SageMaker takes this as an endpoint, variant, container or component name."""
    return len(text) <= LONGEST_NAME and re.fullmatch(_NAME, text) is not None


def is_target_model(text: str) -> bool:
    """Whether this names one artifact below a multi-model endpoint's prefix, and nothing else."""
    return len(text) <= LONGEST_TARGET_MODEL and re.fullmatch(_TARGET_MODEL, text) is not None


def fill(template: str, values: Mapping[str, str]) -> str:
    """The template with each `{parameter}` replaced; a value can hold no brace."""
    for name, value in values.items():
        template = template.replace(f"{{{name}}}", value)
    return template


@dataclass(frozen=True, slots=True)
class Target:
    """An endpoint, or one of its variants."""

    kind: ClassVar[str]

    endpoint: str
    target_variant: str | None = field(default=None, kw_only=True)

    def invoke_args(self) -> dict[str, str]:
        """What InvokeEndpoint needs to know to call this target."""
        if self.target_variant is None:
            return {"EndpointName": self.endpoint}
        return {"EndpointName": self.endpoint, "TargetVariant": self.target_variant}

    def filled(self, values: Mapping[str, str]) -> Self:
        """This target for one request's parameters; ValueError if that names nothing."""
        return self


# A class made with `slots=True` is a copy, and zero-argument super() looks for the original:
# therefore `Target.invoke_args(self)` below.
@dataclass(frozen=True, slots=True)
class SingleModelTarget(Target):
    """One model in one container, on instances or serverless."""

    kind = "single"


@dataclass(frozen=True, slots=True)
class MultiModelTarget(Target):
    """One artifact of a multi-model endpoint."""

    kind = "mme"

    target_model: str

    def invoke_args(self) -> dict[str, str]:
        return {**Target.invoke_args(self), "TargetModel": self.target_model}

    def filled(self, values: Mapping[str, str]) -> Self:
        return replace(self, target_model=_filled_model(self.target_model, values))


@dataclass(frozen=True, slots=True)
class MultiContainerTarget(Target):
    """One container of a multi-container endpoint in Direct mode."""

    kind = "mce"

    target_container_hostname: str

    def invoke_args(self) -> dict[str, str]:
        hostname = self.target_container_hostname
        return {**Target.invoke_args(self), "TargetContainerHostname": hostname}


@dataclass(frozen=True, slots=True)
class PipelineTarget(Target):
    """A multi-container endpoint in Serial mode, one of whose containers may be multi-model."""

    kind = "pipeline"

    target_model: str | None = None

    def invoke_args(self) -> dict[str, str]:
        if self.target_model is None:
            return Target.invoke_args(self)
        return {**Target.invoke_args(self), "TargetModel": self.target_model}

    def filled(self, values: Mapping[str, str]) -> Self:
        if self.target_model is None:
            return self
        return replace(self, target_model=_filled_model(self.target_model, values))


@dataclass(frozen=True, slots=True)
class ComponentTarget(Target):
    """An inference component of an endpoint that several components share."""

    kind = "component"

    inference_component: str

    def invoke_args(self) -> dict[str, str]:
        return {**Target.invoke_args(self), "InferenceComponentName": self.inference_component}


KINDS: dict[str, type[Target]] = {
    target.kind: target
    for target in (
        SingleModelTarget,
        MultiModelTarget,
        MultiContainerTarget,
        PipelineTarget,
        ComponentTarget,
    )
}


def _filled_model(template: str, values: Mapping[str, str]) -> str:
    target_model = fill(template, values)
    if not is_target_model(target_model):
        raise ValueError(target_model)
    return target_model
