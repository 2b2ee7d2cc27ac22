"""What IAM has to allow for one call, and for all calls that a table can lead to."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from itertools import product
from math import prod
from typing import TYPE_CHECKING

from chalicelib.routing.parameters import OneOf
from chalicelib.routing.targets import fill, is_target_model
from gatewayctl.policy.names import ANY, Name, literal
from gatewayctl.report import Refused

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from chalicelib.routing.table import Model
    from chalicelib.routing.targets import Target

ACTION = "sagemaker:InvokeEndpoint"
ENDPOINT = "endpoint/"
COMPONENT = "inference-component/"

# SageMaker has a condition key for these two of its arguments, and none for TargetVariant.
TARGET_MODEL = "sagemaker:TargetModel"
TARGET_CONTAINER_HOSTNAME = "sagemaker:TargetContainerHostname"
CONDITION_KEYS = {
    "TargetModel": TARGET_MODEL,
    "TargetContainerHostname": TARGET_CONTAINER_HOSTNAME,
}

MOST_ARTIFACTS = 100_000


@dataclass(frozen=True, slots=True)
class Permission:
    """What one call needs: an action, on all of these resources, under a condition."""

    action: str
    resources: tuple[str, ...]
    """The last part of each ARN, such as `endpoint/tabular`."""
    condition: tuple[str, str] | None
    """A condition key, and the value that this call gives it."""


def needed(target: Target) -> Permission:
    """What IAM has to allow for a call of a target whose parameters are filled in."""
    arguments = target.invoke_args()
    conditions = [
        (key, arguments[name]) for name, key in CONDITION_KEYS.items() if name in arguments
    ]
    resources = (resource.lower() for resource in _resources(arguments))
    return Permission(ACTION, tuple(resources), conditions[0] if conditions else None)


@dataclass(frozen=True, slots=True, order=True)
class Calls:
    """Calls of one endpoint, or of a fold of several, that say the same argument or none."""

    resource: Name
    key: str = ""
    """The condition key of that argument."""
    values: tuple[Name, ...] = ()
    absent: tuple[str, ...] = ()
    """Condition keys that other calls of this endpoint have."""
    members: tuple[Calls, ...] = ()


# SageMaker writes a name into an ARN in lower case, and has been said to keep the case of new ones.
# Both spellings are allowed: a name is taken whatever its case, so both mean one endpoint.
def calls(models: Iterable[Model]) -> list[Calls]:
    """All calls that these models can lead to."""
    said: dict[str, dict[str, set[Name]]] = defaultdict(lambda: defaultdict(set))
    spellings: dict[str, set[str]] = defaultdict(set)
    for model in models:
        arguments = model.target.invoke_args()
        key, values = _argument(model, arguments)
        for resource in _resources(arguments):
            said[resource.lower()][key] |= values
            spellings[resource.lower()] |= {resource, resource.lower()}
    return sorted(
        Calls(Name(spelling), key, tuple(sorted(values)), tuple(sorted(keys.keys() - {key, ""})))
        for resource, keys in said.items()
        for key, values in keys.items()
        if values or not key
        for spelling in spellings[resource]
    )


def _resources(arguments: Mapping[str, str]) -> Iterator[str]:
    yield ENDPOINT + arguments["EndpointName"]
    if "InferenceComponentName" in arguments:
        yield COMPONENT + arguments["InferenceComponentName"]


def _argument(model: Model, arguments: Mapping[str, str]) -> tuple[str, set[Name]]:
    if "TargetModel" in arguments:
        return TARGET_MODEL, set(_artifacts(model, arguments["TargetModel"]))
    if "TargetContainerHostname" in arguments:
        return TARGET_CONTAINER_HOSTNAME, {Name(arguments["TargetContainerHostname"])}
    return "", set()


def _artifacts(model: Model, template: str) -> Iterator[Name]:
    """What the template names with every combination of listed values; a pattern stays open."""
    lists = {
        one.name: sorted(one.rule.values) for one in model.parameters if isinstance(one.rule, OneOf)
    }
    _refuse_too_many(model, prod(len(values) for values in lists.values()))
    opened = {one.name: ANY for one in model.parameters if one.name not in lists}
    for values in product(*lists.values()):
        artifact = fill(template, dict(zip(lists, values, strict=True)))
        if opened:
            start = artifact[: artifact.index("{")]
            yield Name(start, fill(literal(artifact), opened).removeprefix(literal(start)))
        elif is_target_model(artifact):
            yield Name(artifact)


def _refuse_too_many(model: Model, count: int) -> None:
    if count > MOST_ARTIFACTS:
        lists = f"models.{model.name}: its lists make {count:,} artifacts"
        limit = f"a policy is not made for more than {MOST_ARTIFACTS:,}"
        raise Refused([f"{lists}; {limit}: give one of its parameters a pattern"])
