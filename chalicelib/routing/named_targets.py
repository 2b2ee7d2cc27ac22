"""The targets of a model: one without a name, or several with names and weights."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from chalicelib.routing.targets import KINDS, Place

if TYPE_CHECKING:
    from collections.abc import Mapping

    from chalicelib.routing.rows import Row
    from chalicelib.routing.targets import Target


class NamedTarget(NamedTuple):
    """One target of a model, with its name, and its share of the calls."""

    target: Target
    invoke_args: Mapping[str, str]
    """The arguments of InvokeEndpoint that name the target."""

    name: str | None = None
    """None for the only target of an entry without `targets`."""

    weight: int = 1
    """Its share of the calls, in relation to the weights of the model's other targets."""

    def __hash__(self) -> int:
        return hash((self.target, self.name, self.weight))

    @classmethod
    def of(cls, target: Target, name: str | None = None, weight: int = 1) -> NamedTarget:
        return cls(target, target.invoke_args(), name, weight)

    def filled(self, values: Mapping[str, str]) -> NamedTarget:
        """Return it with the parameters of one request filled in.

        Raises:
            ValueError: The values make a text that SageMaker would not take.
        """
        return NamedTarget.of(self.target.filled(values), self.name, self.weight)


def targets_of(row: Row) -> tuple[NamedTarget, ...]:
    """Return the targets of a row, the heaviest first, and of equal weights by name."""
    if "targets" not in row:
        return (NamedTarget.of(_target(row)),)
    named = [
        NamedTarget.of(_target(one), name, one["weight"]) for name, one in row["targets"].items()
    ]
    return tuple(sorted(named, key=lambda one: (-one.weight, str(one.name))))


def _target(row: Row) -> Target:
    return KINDS[row["kind"]](**row["target"], place=Place(**row.get("place", {})))
