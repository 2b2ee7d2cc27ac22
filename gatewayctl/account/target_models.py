"""Which artifacts an entry of the table means: one, a few, or all that a pattern admits."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from itertools import product
from typing import TYPE_CHECKING, NamedTuple

from chalicelib.routing.parameters import LONGEST_VALUE, OneOf, is_value
from chalicelib.routing.reading.values import PLACEHOLDER
from chalicelib.routing.targets import fill

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from chalicelib.routing.parameters import Parameter
    from chalicelib.routing.table import Model
    from gatewayctl.account.values import Artifacts


class Listed(NamedTuple):
    """Values that the table lists, and the artifact that they make.

    Where a parameter has a pattern, the artifact still has its `{parameter}`.
    """

    values: Mapping[str, str]
    name: str


@dataclass(frozen=True)
class TargetModels:
    """`target_model` of an entry, and the parameters in it."""

    template: str
    parameters: Sequence[Parameter]

    @classmethod
    def of(cls, model: Model) -> TargetModels | None:
        """None for an entry whose target is no artifact."""
        template = getattr(model.target, "target_model", None)
        return None if template is None else cls(template, model.parameters)

    @classmethod
    def of_all(cls, models: Iterable[Model]) -> Iterator[TargetModels]:
        return (wanted for model in models if (wanted := cls.of(model)) is not None)

    @cached_property
    def listed(self) -> tuple[Listed, ...]:
        """One for each combination of the values that the table lists."""
        lists = {
            parameter.name: sorted(parameter.rule.values)
            for parameter in self.parameters
            if isinstance(parameter.rule, OneOf)
        }
        made = (dict(zip(lists, values, strict=True)) for values in product(*lists.values()))
        return tuple(Listed(values, fill(self.template, values)) for values in made)

    def missing(self, artifacts: Artifacts) -> list[Listed]:
        """Those that are not there; of a pattern, those for which there is nothing at all."""
        if not self._patterns:
            return [listed for listed in self.listed if listed.name not in artifacts]
        return [listed for listed in self.listed if not any(self._matching(listed.name, artifacts))]

    def among(self, artifacts: Artifacts) -> Iterable[str]:
        """The artifacts that a caller can reach through this entry."""
        if not self._patterns:
            return (listed.name for listed in self.listed if listed.name in artifacts)
        return self._matching(self.template, artifacts)

    @property
    def _patterns(self) -> list[Parameter]:
        return [one for one in self.parameters if not isinstance(one.rule, OneOf)]

    def _matching(self, template: str, artifacts: Artifacts) -> Iterator[str]:
        pieces = PLACEHOLDER.split(template)
        rules = {parameter.name: parameter for parameter in self.parameters}
        return (name for name in artifacts.names if _fits(name, pieces, rules, {}))


def _fits(
    text: str, pieces: Sequence[str], rules: Mapping[str, Parameter], chosen: Mapping[str, str]
) -> bool:
    """Whether some values of the parameters make this text; in `pieces`, every second is one."""
    literal, *rest = pieces
    if not text.startswith(literal):
        return False
    text = text[len(literal) :]
    if not rest:
        return not text
    parameter, *after = rest
    if parameter in chosen:
        return _fits(text, [chosen[parameter] + after[0], *after[1:]], rules, chosen)
    values = (text[:end] for end in range(1, min(len(text), LONGEST_VALUE) + 1))
    return any(
        _fits(text[len(value) :], after, rules, {**chosen, parameter: value})
        and is_value(value)
        and rules[parameter].rule.admits(value)
        for value in values
        if text.startswith(after[0], len(value))
    )
