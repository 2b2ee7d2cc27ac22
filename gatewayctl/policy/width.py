"""What a policy allows beyond the table, in words."""

from __future__ import annotations

from typing import TYPE_CHECKING

from chalicelib.routing.parameters import Pattern
from chalicelib.routing.targets import fill
from gatewayctl.policy.names import ANY
from gatewayctl.policy.needs import COMPONENT, ENDPOINT, TARGET_CONTAINER_HOSTNAME, TARGET_MODEL

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from chalicelib.routing.table import Model
    from gatewayctl.policy.names import Name
    from gatewayctl.policy.needs import Calls

NOUNS = {
    ENDPOINT: "endpoint",
    COMPONENT: "inference component",
    TARGET_MODEL: "artifact",
    TARGET_CONTAINER_HOSTNAME: "container",
}


def of_folds(calls: Iterable[Calls]) -> list[str]:
    """A line for each fold: all that it allows, and how much of that the table names."""
    return sorted({line for one in calls for line in _of_calls(one)})


def of_patterns(models: Iterable[Model]) -> list[str]:
    """A line for each model whose parameter has a pattern: IAM only knows `*`."""
    return [line for model in models for line in _of_model(model)]


def _of_calls(one: Calls) -> Iterator[str]:
    kind, slash, name = one.resource.start.partition("/")
    noun = NOUNS[kind + slash]
    if not one.members:
        for fold in (value for value in one.values if value.members):
            where = f"of {noun} {name.lower()}"
            yield f"{_values(one.key, fold)} {where} (the table names {len(fold.members)})"
        return
    where = f"every {noun}{_start(name)}"
    count = f"(the table names {len({member.start.lower() for member in one.resource.members})})"
    if not one.key:
        yield f"{where}{', without a target' if noun == 'endpoint' else ''} {count}"
    for value in one.values:
        yield f"{_values(one.key, value)} of {where} {count}"


def _values(key: str, value: Name) -> str:
    noun = NOUNS[key]
    if value.members:
        return f"every {noun}{_start(value.start)}"
    return f"every {noun} like {value}" if value.is_open else f"{noun} {value}"


def _start(text: str) -> str:
    if not text:
        return ""
    return f" under {text}" if text.endswith("/") else f" that begins with {text}"


def _of_model(model: Model) -> Iterator[str]:
    patterns = {
        one.name: one.rule.pattern for one in model.parameters if isinstance(one.rule, Pattern)
    }
    arguments = model.target.invoke_args()
    if patterns:
        artifacts = fill(arguments["TargetModel"], dict.fromkeys(patterns, ANY))
        rules = " and ".join(f"{name} is {pattern}" for name, pattern in patterns.items())
        yield (
            f"every artifact like {artifacts} of endpoint {arguments['EndpointName'].lower()} "
            f"(in the table of {model.name}, {rules})"
        )
