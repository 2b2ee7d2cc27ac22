"""What changes from one table to another, in the words of the table itself."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

from chalicelib.routing.reading.keys import MODEL, OPTIONS
from chalicelib.routing.table import Model
from gatewayctl.publishing.wording import arrow, list_change, plain, some

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from chalicelib.routing.table import RoutingTable, Row

_PLACES = {key: place for place, key in enumerate(MODEL)}


@dataclass(frozen=True, slots=True)
class Change:
    """One thing that is said differently; None stands for what is not said."""

    path: str
    old: Any
    new: Any
    text: str
    model: str | None = None
    """The entry that it is about."""
    affected: tuple[str, ...] | None = None
    """Of a default: the models that get another value by it."""

    def __str__(self) -> str:
        return f"{self.path}: {self.text}"

    @property
    def what(self) -> str:
        """In one word."""
        if self.old is None:
            return "added"
        return "removed" if self.new is None else "changed"

    def as_data(self) -> dict[str, Any]:
        """For other programs."""
        data = {"path": self.path, "change": self.what, "old": self.old, "new": self.new}
        return data if self.affected is None else {**data, "models": list(self.affected)}


class Entry(NamedTuple):
    """A model as the table says it, and as it is with the defaults."""

    row: Row
    model: Model


def changes(old: RoutingTable, new: RoutingTable) -> list[Change]:
    """Every difference: first what holds for the whole table, then model by model."""
    before, after = _entries(old), _entries(new)
    found = [*_whole_table(old, new), *_defaults(old.defaults, new.defaults, before, after)]
    for key in sorted(before.keys() | after.keys()):
        if key not in before:
            found.append(_whole_entry("added", after[key]))
        elif key not in after:
            found.append(_whole_entry("removed", before[key]))
        else:
            found += _entry(before[key], after[key])
    return found


def counted(found: Sequence[Change]) -> str:
    """How many entries were added, removed and changed."""
    names: dict[str, set[str]] = {"added": set(), "removed": set(), "changed": set()}
    for change in found:
        if change.model is not None:
            is_whole = change.path == f"models.{change.model}"
            names[change.what if is_whole else "changed"].add(change.model)
    said = [f"{len(models)} {what}" for what, models in names.items() if models]
    return ", ".join(said) or "none of them changed"


def _entries(table: RoutingTable) -> dict[str, Entry]:
    models = zip(table.rows.items(), table.models(), strict=True)
    return {key: Entry(row, model) for (key, row), model in models}


def _whole_table(old: RoutingTable, new: RoutingTable) -> Iterator[Change]:
    values = (old.allow_shrink, new.allow_shrink)
    if values[0] != values[1]:
        yield Change("allow_shrink", *values, arrow(*map(plain, values)))


def _defaults(
    old: Mapping[str, Any],
    new: Mapping[str, Any],
    before: Mapping[str, Entry],
    after: Mapping[str, Entry],
) -> Iterator[Change]:
    for key in OPTIONS:
        values = (old.get(key), new.get(key))
        if values[0] != values[1]:
            affected = tuple(
                entry.model.name
                for name, entry in after.items()
                if name in before and _gets_another(key, before[name], entry)
            )
            text = arrow(*(_default(key, value) for value in values))
            whom = f"for {len(affected)} of {len(after)} models"
            text = f"{text}, {whom}" + (f": {some(affected)}" if affected else "")
            yield Change(f"defaults.{key}", *values, text, affected=affected)


def _gets_another(key: str, old: Entry, new: Entry) -> bool:
    """Whether the default decides, and what it decides changes."""
    is_said = key in old.row or key in new.row
    return not is_said and getattr(old.model, key) != getattr(new.model, key)


def _default(key: str, value: Any) -> str:
    if value is not None:
        return plain(value)
    built_in = Model.built_in()
    return f"{plain(built_in[key])} (built in)" if key in built_in else "as content_types"


def _whole_entry(what: str, entry: Entry) -> Change:
    said = _said(entry.row)
    old, new = (None, said) if what == "added" else (said, None)
    target = ", ".join(f"{key} {plain(said[key])}" for key in ("kind", *entry.row["target"]))
    name = entry.model.name
    return Change(f"models.{name}", old, new, f"{what}, {target}", name)


def _entry(old: Entry, new: Entry) -> Iterator[Change]:
    """Two that answer the same paths."""
    was, name = old.model.name, new.model.name
    if was != name:
        yield Change(f"models.{name}", was, name, f"was {was}", name)
    before, after = _said(old.row), _said(new.row)
    for key in sorted(before.keys() | after.keys(), key=_place):
        values = (before.get(key), after.get(key))
        if values[0] != values[1]:
            text = list_change(*values) or arrow(
                _shown(key, values[0], old.model), _shown(key, values[1], new.model)
            )
            yield Change(f"models.{name}.{key}", *values, text, name)


def _said(row: Row) -> dict[str, Any]:
    """What an entry says, by key path."""
    said = {key: value for key, value in row.items() if key not in {"target", "parameters"}}
    for parameter, rule in row.get("parameters", {}).items():
        said |= {f"parameters.{parameter}.{key}": value for key, value in rule.items()}
    return dict(sorted({**row["target"], **said}.items(), key=lambda item: _place(item[0])))


def _place(path: str) -> tuple[int, str]:
    """Where it stands among the keys of a model."""
    return _PLACES[path.split(".", 1)[0]], path


def _shown(key: str, value: Any, model: Model) -> str:
    if value is not None:
        return plain(value)
    return f"{plain(getattr(model, key))} (default)" if key in OPTIONS else "nothing"
