"""What the rules of `gatewayctl validate` look at: a valid table with its entries as written."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from gatewayctl.target_names import key_path

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from chalicelib.routing.named_targets import NamedTarget
    from chalicelib.routing.rows import Row
    from chalicelib.routing.table import Model, RoutingTable

    KeyPath = tuple[str | int, ...]
    Remark = tuple[KeyPath, str]


@dataclass(frozen=True, slots=True)
class Table:
    """A valid table, and whether its gateway writes metrics for each model."""

    table: RoutingTable
    has_model_metrics: Callable[[], bool]
    """Called only if a rule needs it, because it may read the project's configuration."""

    def entries(self) -> Iterator[Entry]:
        for row, model in zip(self.table.rows.values(), self.table.models(), strict=True):
            yield Entry(row, model)

    def sets(self, entry: Entry, option: str) -> bool:
        """Whether the table sets an option of an entry, or leaves it to the built-in default."""
        return option in entry.row or option in self.table.defaults


@dataclass(frozen=True, slots=True)
class Entry:
    """One entry of `models`: as the table writes it (`row`), and with the defaults (`model`)."""

    row: Row
    model: Model

    def at(self, *keys: str | int) -> KeyPath:
        return ("models", self.model.name, *keys)

    def of(self, target: NamedTarget, *keys: str | int) -> KeyPath:
        """Return the key path of a target, or of one of its keys."""
        return key_path(self.model, target, *keys)

    def where(self, option: str) -> KeyPath:
        """Return the key path at which an option is set, in the entry or in the defaults."""
        return self.at(option) if option in self.row else ("defaults", option)
