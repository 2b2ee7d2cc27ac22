"""The kinds of target: how SageMaker hosts a model, and how a call names that model.

To add a kind, write a class below and put it into `KINDS`. The class declares its keys and how
SageMaker describes an endpoint of the kind; its docstring is the sentence that callers read in the
OpenAPI document. The parser, the JSON Schema, the gateway and all commands of `gatewayctl` follow
these declarations. The rest is written by hand:

- the row in docs/routing-table.md, which a test demands;
- for an InvokeEndpoint argument that no other kind has: how `gatewayctl.account.comparison` finds
  its values in the account, and how `gatewayctl.account.offers` lists them for `import`. Without
  that, `validate --live` says that the key is not checked, and `import` leaves the endpoint out;
- the kind in `sagemaker_local`, if it is to run on a developer's machine. It shares no code.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field, fields, replace
from typing import TYPE_CHECKING, ClassVar, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from typing import Any, Self

LONGEST_NAME = 63
LONGEST_TARGET_MODEL = 1024
MOST_CONTAINERS = 15
"""The most containers that one SageMaker model has.

Source: API reference, CreateModel, member `Containers`.
"""

_NAME = r"[a-zA-Z0-9](-*[a-zA-Z0-9])*"
_SEGMENT = r"(?!\.{1,2}(/|\Z))[A-Za-z0-9!_.'()+=@,~-]+"
_TARGET_MODEL = f"/?{_SEGMENT}(/{_SEGMENT})*"


# `re` compiles a pattern when it is first used and keeps it. A start from the compiled table needs
# none of these patterns.
def is_name(text: str) -> bool:
    """Whether SageMaker takes this as an endpoint, variant, container or component name."""
    return len(text) <= LONGEST_NAME and re.fullmatch(_NAME, text) is not None


def is_target_model(text: str) -> bool:
    """Whether this names exactly one artifact of a multi-model endpoint.

    SageMaker joins the endpoint's prefix and this text as they are written, so the text begins with
    a slash if the prefix does not end with one. That is UNVERIFIED: AWS's sample "Hosting multiple
    models on a single Amazon SageMaker endpoint using CDK" implies it.
    """
    return len(text) <= LONGEST_TARGET_MODEL and re.fullmatch(_TARGET_MODEL, text) is not None


def fill(template: str, values: Mapping[str, str]) -> str:
    """Replace each `{parameter}` of the template; a value can hold no brace."""
    for name, value in values.items():
        template = template.replace(f"{{{name}}}", value)
    return template


class Grammar(NamedTuple):
    """Which texts a key takes."""

    admits: Callable[[str], bool]
    rule: str
    """Completes the sentence "it must be …"."""
    takes_parameters: bool = False
    """Whether a `{parameter}` of the model's name may stand in the text."""


NAME = Grammar(
    is_name, f"at most {LONGEST_NAME} of A-Z a-z 0-9 and '-', with '-' only between two others"
)
TARGET_MODEL = Grammar(
    is_target_model,
    f"at most {LONGEST_TARGET_MODEL:,} of A-Z a-z 0-9 ! _ . ' ( ) + = @ , ~ - in parts divided by "
    "'/', with at most one '/' before the first, none of them '.' or '..', and braces only as "
    "{parameter}",
    takes_parameters=True,
)


class Key(NamedTuple):
    """One key of a target in the routing table."""

    argument: str
    """The argument of InvokeEndpoint that the key's value becomes."""
    noun: str
    """What SageMaker calls the thing that the value names."""
    description: str
    """One line for editors."""
    grammar: Grammar = NAME
    iam_resource: str | None = None
    """The type of the resource whose ARN ends in the value, if IAM has such a resource."""
    iam_condition_key: str | None = None
    """The IAM condition key that holds the value during a call, if there is one."""


class Hosting(NamedTuple):
    """How SageMaker describes a production variant that serves targets of one kind.

    None stands for "either". A variant for inference components has no model of its own.
    """

    evidence: str
    """A sentence by which a person recognises the kind; `{containers}` is their host names."""
    containers: tuple[int, int] = (0, 1)
    """The smallest and the largest number of containers."""
    is_direct: bool | None = False
    """Whether the inference execution mode is Direct: a call names one of the containers."""
    is_multi_model: bool | None = False
    """Whether one of the containers loads the artifact that a call names."""
    has_components: bool = False
    is_async: bool = False
    """Whether the endpoint's configuration has an AsyncInferenceConfig."""


class Place(NamedTuple):
    """Where the endpoints of a target are, and who may call them."""

    region: str | None = None
    """The Region of AWS; None for the gateway's own."""
    role_arn: str | None = None
    """The role that the gateway assumes to call them; None for its own."""


HERE = Place()
"""The gateway's own Region and account."""


# The dataclass field of a key carries it as metadata: field(metadata=declared(Key(...))).
def declared(key: Key) -> dict[str, Key]:
    """Make the metadata by which a dataclass field becomes a key of the routing table."""
    return {"key": key}


@dataclass(frozen=True, slots=True)
class Target:
    """An endpoint, or something on it that a call can name."""

    kind: ClassVar[str]
    hosting: ClassVar[Hosting]
    iam_action: ClassVar[str] = "sagemaker:InvokeEndpoint"
    """What the gateway's role has to be allowed to do with it."""

    is_async: ClassVar[bool] = False
    """Whether SageMaker takes a request now and puts the response into S3 later."""

    endpoint: str = field(
        metadata=declared(
            Key("EndpointName", "endpoint", "The endpoint's name", iam_resource="endpoint")
        )
    )
    place: Place = field(default=HERE, kw_only=True)
    """It is no argument of InvokeEndpoint: it decides which client makes the call."""

    def invoke_args(self) -> dict[str, str]:
        """Return the arguments of InvokeEndpoint that name this target."""
        arguments = {}
        for name, key in keys_of(type(self)).items():
            if (value := getattr(self, name)) is not None:
                arguments[key.argument] = value
        return arguments

    def filled(self, values: Mapping[str, str]) -> Self:
        """Return this target with the parameters of one request filled in.

        Raises:
            ValueError: The values make a text that SageMaker would not take.
        """
        if not values:
            return self
        changes: dict[str, Any] = {}
        for name, key in keys_of(type(self)).items():
            template = getattr(self, name)
            if key.grammar.takes_parameters and template is not None:
                text = changes[name] = fill(template, values)
                if not key.grammar.admits(text) or (text[0] == "/") != (template[0] == "/"):
                    raise ValueError(text)
        return replace(self, **changes)


@dataclass(frozen=True, slots=True)
class RealTimeTarget(Target):
    """An endpoint that answers a call, or one of its variants."""

    target_variant: str | None = field(
        default=None,
        kw_only=True,
        metadata=declared(
            Key("TargetVariant", "variant", "The production variant that takes the call")
        ),
    )


_TARGET_MODEL_KEY = Key(
    "TargetModel",
    "artifact",
    "The artifact: what follows the endpoint's S3 prefix; {parameter} is filled in",
    TARGET_MODEL,
    iam_condition_key="sagemaker:TargetModel",
)


class SingleModelTarget(RealTimeTarget):
    """One model in one container, on instances or serverless."""

    __slots__ = ()
    kind = "single"
    hosting = Hosting("it has one container with one model")


@dataclass(frozen=True, slots=True)
class MultiModelTarget(RealTimeTarget):
    """One artifact of a multi-model endpoint."""

    kind = "mme"
    hosting = Hosting("its container loads the artifact that a call names", is_multi_model=True)

    target_model: str = field(metadata=declared(_TARGET_MODEL_KEY))


@dataclass(frozen=True, slots=True)
class MultiContainerTarget(RealTimeTarget):
    """One container of a multi-container endpoint in Direct mode."""

    kind = "mce"
    hosting = Hosting(
        "a call names one of its containers, {containers}",
        containers=(0, MOST_CONTAINERS),
        is_direct=True,
        is_multi_model=None,
    )

    target_container_hostname: str = field(
        metadata=declared(
            Key(
                "TargetContainerHostname",
                "container",
                "The container",
                iam_condition_key="sagemaker:TargetContainerHostname",
            )
        )
    )


@dataclass(frozen=True, slots=True)
class PipelineTarget(RealTimeTarget):
    """A multi-container endpoint in Serial mode, one of whose containers may be multi-model."""

    kind = "pipeline"
    hosting = Hosting(
        "a call passes through all of its containers",
        containers=(2, MOST_CONTAINERS),
        is_multi_model=None,
    )

    target_model: str | None = field(default=None, metadata=declared(_TARGET_MODEL_KEY))


@dataclass(frozen=True, slots=True)
class ComponentTarget(RealTimeTarget):
    """An inference component of an endpoint that several components share."""

    kind = "component"
    hosting = Hosting("it hosts inference components", has_components=True)

    inference_component: str = field(
        metadata=declared(
            Key(
                "InferenceComponentName",
                "inference component",
                "The component",
                iam_resource="inference-component",
            )
        )
    )


# It adds no field, and to make a dataclass is a thousandth of a start.
class AsyncTarget(Target):
    """An asynchronous endpoint: the answer is a job, whose result is fetched later."""

    __slots__ = ()
    kind = "async"
    hosting = Hosting(
        "it is for asynchronous inference", containers=(0, MOST_CONTAINERS), is_async=True
    )
    iam_action = "sagemaker:InvokeEndpointAsync"
    is_async = True


KINDS: dict[str, type[Target]] = {
    target.kind: target
    for target in (
        SingleModelTarget,
        MultiModelTarget,
        MultiContainerTarget,
        PipelineTarget,
        ComponentTarget,
        AsyncTarget,
    )
}


_KEYS: dict[type[Target], Mapping[str, Key]] = {}


def keys_of(target: type[Target]) -> Mapping[str, Key]:
    """Return the keys that become arguments of InvokeEndpoint, in the order of the class."""
    if target not in _KEYS:  # kept, because requests need them
        declared_fields = [one for one in fields(target) if "key" in one.metadata]
        _KEYS[target] = {one.name: one.metadata["key"] for one in declared_fields}
    return _KEYS[target]
