"""What the rules look at, and what they say about it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from chalicelib.routing.table import Model, RoutingTable, Row

    Keys = tuple[str | int, ...]
    """The way to a place in the table, as `gatewayctl.table_lines` takes it."""

    Remark = tuple[Keys, str]
    """Where, and what."""


@dataclass(frozen=True, slots=True)
class Subject:
    """A sound table, and whether its gateway writes metrics for each model."""

    table: RoutingTable
    has_model_metrics: Callable[[], bool]
    """Asked only by whom it matters to: it may have to read the project's configuration."""

    def entries(self) -> Iterator[Entry]:
        """The models, beside what the table says in so many words."""
        for row, model in zip(self.table.rows.values(), self.table.models(), strict=True):
            yield Entry(row, model)

    def is_said(self, entry: Entry, option: str) -> bool:
        """Whether the table says this of the model, or leaves it to the built-in default."""
        return option in entry.row or option in self.table.defaults


@dataclass(frozen=True, slots=True)
class Entry:
    """One entry of `models`."""

    row: Row
    model: Model

    def at(self, *keys: str | int) -> Keys:
        return ("models", self.model.name, *keys)

    def where(self, option: str) -> Keys:
        """Where an option that the table says is said: in the model or in the defaults."""
        return self.at(option) if option in self.row else ("defaults", option)
