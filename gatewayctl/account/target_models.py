"""Compares the artifacts that an entry of the table may name with those that exist."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from itertools import product
from typing import TYPE_CHECKING, NamedTuple

from chalicelib.routing.parameters import LONGEST_VALUE, OneOf, is_value
from chalicelib.routing.reading.values import PLACEHOLDER
from chalicelib.routing.targets import fill

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from chalicelib.routing.parameters import Parameter
    from chalicelib.routing.table import Model
    from chalicelib.routing.targets import Target
    from gatewayctl.account.artifacts import Artifacts


class Listed(NamedTuple):
    """Values of the parameters, and the name of the artifact with these values.

    If the values are the listed ones alone, the name keeps the `{parameter}` of each parameter that
    has a pattern.
    """

    values: Mapping[str, str]
    name: str


@dataclass(frozen=True)
class TargetModels:
    """The TargetModel of a target, and the parameters in it."""

    template: str
    parameters: Sequence[Parameter]

    @classmethod
    def of(cls, model: Model, target: Target) -> TargetModels | None:
        """Return the artifacts of a model's target, or None if its calls name no artifact."""
        template = target.invoke_args().get("TargetModel")
        return None if template is None else cls(template, model.parameters)

    @cached_property
    def listed(self) -> tuple[Listed, ...]:
        """One artifact for each combination of the values that the table lists."""
        lists = {
            parameter.name: sorted(parameter.rule.values)
            for parameter in self.parameters
            if isinstance(parameter.rule, OneOf)
        }
        combinations = (
            dict(zip(lists, values, strict=True)) for values in product(*lists.values())
        )
        return tuple(Listed(values, fill(self.template, values)) for values in combinations)

    def missing(self, artifacts: Artifacts) -> list[Listed]:
        """Return the listed names that do not exist; with a pattern, those without a match."""
        if not self._patterns:
            return [listed for listed in self.listed if listed.name not in artifacts]
        return [listed for listed in self.listed if not any(self._matching(listed.name, artifacts))]

    def reachable(self, artifacts: Artifacts) -> Iterator[Listed]:
        """Yield the artifacts that a caller can reach through this entry, with all values."""
        if not self.has_pattern:
            yield from (listed for listed in self.listed if listed.name in artifacts)
            return
        yield from self._matching(self.template, artifacts)

    @property
    def has_pattern(self) -> bool:
        """Whether a parameter has a pattern, so that only an account tells its values."""
        return bool(self._patterns)

    @property
    def _patterns(self) -> list[Parameter]:
        return [one for one in self.parameters if not isinstance(one.rule, OneOf)]

    def _matching(self, template: str, artifacts: Artifacts) -> Iterator[Listed]:
        pieces = PLACEHOLDER.split(template)
        rules = {parameter.name: parameter for parameter in self.parameters}
        for name in artifacts.names:
            values = _values(name, pieces, rules, {})
            if values is not None:
                yield Listed(values, name)


def path_of(model: Model, values: Mapping[str, str]) -> str:
    """Return the path of a model with these values, as after `/predict/`."""
    first, *_ = model.name.split("/")
    return "/".join([first, *(values[parameter.name] for parameter in model.parameters)])


def _values(
    text: str, pieces: Sequence[str], rules: Mapping[str, Parameter], chosen: Mapping[str, str]
) -> Mapping[str, str] | None:
    """Return values of the parameters with which the template becomes this text, if there are any.

    Args:
        pieces: The template, divided at its parameters; every second piece is a parameter's name.
        chosen: The values of the parameters that the template has used before.
    """
    literal, *rest = pieces
    if not text.startswith(literal):
        return None
    text = text[len(literal) :]
    if not rest:
        return None if text else chosen
    parameter, *after = rest
    if parameter in chosen:
        return _values(text, [chosen[parameter] + after[0], *after[1:]], rules, chosen)
    for end in range(1, min(len(text), LONGEST_VALUE) + 1):
        value = text[:end]
        if text.startswith(after[0], end):
            found = _values(text[end:], after, rules, {**chosen, parameter: value})
            if found is not None and is_value(value) and rules[parameter].rule.admits(value):
                return found
    return None
