"""Compares two routing tables, and describes the changes as lines of text and as data."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

from chalicelib.routing.reading.keys import OPTIONS, model_keys
from chalicelib.routing.table import Model

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping, Sequence

    from chalicelib.routing.rows import Row
    from chalicelib.routing.table import RoutingTable

MAX_TEXT = 72
"""If a text is longer, only the part around the difference is shown."""

CONTEXT = 12
"""The number of common characters that stay on either side of a difference."""

MAX_NAMES = 5

NESTED = {"target", "place", "targets", "parameters"}
"""The members of a row that hold other keys of the table."""


@dataclass(frozen=True, slots=True)
class Change:
    """One difference between two tables; an old or new value of None means that there is none."""

    path: str
    old: Any
    new: Any
    text: str
    model: str | None = None
    """The entry that changes."""
    affected: tuple[str, ...] | None = None
    """For a default: the models that get another value through it."""

    def __str__(self) -> str:
        return f"{self.path}: {self.text}"

    @property
    def kind(self) -> str:
        """`added`, `removed` or `changed`."""
        if self.old is None:
            return "added"
        return "removed" if self.new is None else "changed"

    def as_data(self) -> dict[str, Any]:
        """Return the change as `--format json` prints it."""
        data = {"path": self.path, "change": self.kind, "old": self.old, "new": self.new}
        return data if self.affected is None else {**data, "models": list(self.affected)}


class _Entry(NamedTuple):
    """A model as the table writes it (row), and with the defaults (model)."""

    row: Row
    model: Model


def changes(old: RoutingTable, new: RoutingTable) -> list[Change]:
    """Return every difference: first of the whole table, then model by model."""
    before, after = _entries(old), _entries(new)
    found = [*_allow_shrink(old, new), *_defaults(old.defaults, new.defaults, before, after)]
    for key in sorted(before.keys() | after.keys()):
        if key not in before:
            found.append(_added_or_removed("added", after[key]))
        elif key not in after:
            found.append(_added_or_removed("removed", before[key]))
        else:
            found += _changed(before[key], after[key])
    return found


def counted(found: Sequence[Change]) -> str:
    """Return how many models were added, removed and changed, as text."""
    parts = [f"{len(models)} {kind}" for kind, models in models_by_kind(found).items() if models]
    return ", ".join(parts) or "none of them changed"


def models_by_kind(found: Sequence[Change]) -> dict[str, list[str]]:
    """Return the names of the models that were added, removed and changed, in this order."""
    names: dict[str, dict[str, None]] = {"added": {}, "removed": {}, "changed": {}}
    for change in found:
        if change.model is not None:
            is_whole_entry = change.path == f"models.{change.model}"
            names[change.kind if is_whole_entry else "changed"][change.model] = None
    return {kind: list(models) for kind, models in names.items()}


def _entries(table: RoutingTable) -> dict[str, _Entry]:
    models = zip(table.rows.items(), table.models(), strict=True)
    return {key: _Entry(row, model) for (key, row), model in models}


def _allow_shrink(old: RoutingTable, new: RoutingTable) -> Iterator[Change]:
    values = (old.allow_shrink, new.allow_shrink)
    if values[0] != values[1]:
        yield Change("allow_shrink", *values, _arrow(*map(_value_text, values)))


def _defaults(
    old: Mapping[str, Any],
    new: Mapping[str, Any],
    before: Mapping[str, _Entry],
    after: Mapping[str, _Entry],
) -> Iterator[Change]:
    for key in OPTIONS:
        values = (old.get(key), new.get(key))
        if values[0] != values[1]:
            affected = tuple(
                entry.model.name
                for name, entry in after.items()
                if name in before and _gets_another(key, before[name], entry)
            )
            text = _arrow(*(_default_text(key, value) for value in values))
            names = f": {_first_few(affected)}" if affected else ""
            text = f"{text}, for {len(affected)} of {len(after)} models{names}"
            yield Change(f"defaults.{key}", *values, text, affected=affected)


def _gets_another(key: str, old: _Entry, new: _Entry) -> bool:
    """Whether the model gets another value for this option from the defaults."""
    is_set = key in old.row or key in new.row
    return not is_set and getattr(old.model, key) != getattr(new.model, key)


def _default_text(key: str, value: Any) -> str:
    if value is not None:
        return _value_text(value)
    built_in = Model.built_in()
    return f"{_value_text(built_in[key])} (built in)" if key in built_in else "as content_types"


def _added_or_removed(kind: str, entry: _Entry) -> Change:
    values = _values(entry.row)
    old, new = (None, values) if kind == "added" else (values, None)
    several = "targets " if entry.model.has_named_targets else ""
    name = entry.model.name
    return Change(f"models.{name}", old, new, f"{kind}, {several}{_targets_text(entry.row)}", name)


def _changed(old: _Entry, new: _Entry) -> Iterator[Change]:
    """Yield the differences between two entries for the same paths."""
    old_name, name = old.model.name, new.model.name
    if old_name != name:
        yield Change(f"models.{name}", old_name, name, f"was {old_name}", name)
    found = dict(_changed_targets(old.row, new.row))
    common = _targets(old.row).keys() & _targets(new.row).keys()
    before, after = _values(old.row, common), _values(new.row, common)
    for key in before.keys() | after.keys():
        values = (before.get(key), after.get(key))
        if values[0] != values[1]:
            text = _list_change(*values) or _arrow(
                _option_text(key, values[0], old.model), _option_text(key, values[1], new.model)
            )
            found[key] = (*values, text)
    for key in sorted(found, key=_order):
        yield Change(f"models.{name}.{key}", *found[key], name)


def _changed_targets(old: Row, new: Row) -> Iterator[tuple[str, tuple[Any, Any, str]]]:
    """Yield the key path of each target that comes or goes, and `targets` for new weights."""
    before, after = _targets(old), _targets(new)
    for name in before.keys() ^ after.keys():
        if name:
            kind, target = ("added", after[name]) if name in after else ("removed", before[name])
            text = f"{kind}, {_target_text(target)}"
            yield f"targets.{name}", (before.get(name), after.get(name), text)
    if ("" in before) != ("" in after) or _weights(old) != _weights(new):
        text = _arrow(_targets_text(old), _targets_text(new))
        yield "targets", (_weights(old) or before[""], _weights(new) or after[""], text)


def _values(row: Row, targets: Collection[str] | None = None) -> dict[str, Any]:
    """Return the values of an entry by key path, in the order of the keys of a model.

    Args:
        row: The entry.
        targets: The names of targets. If they are given, the values of others and all weights are
            left out.
    """
    values = {key: value for key, value in row.items() if key not in {"kind", *NESTED}}
    for name, target in _targets(row).items():
        start = f"targets.{name}." if name else ""
        for key, value in target.items():
            if targets is None or (name in targets and key != "weight"):
                values[start + key] = value
    for parameter, rule in row.get("parameters", {}).items():
        values |= {f"parameters.{parameter}.{key}": value for key, value in rule.items()}
    return dict(sorted(values.items(), key=lambda item: _order(item[0])))


def _targets(row: Row) -> dict[str, dict[str, Any]]:
    """Return the values that say where each target is; an only one has an empty name."""
    return {
        name: {
            **{key: one[key] for key in ("kind", "weight") if key in one},
            **one["target"],
            **one.get("place", {}),
        }
        for name, one in row.get("targets", {"": row}).items()
    }


def _weights(row: Row) -> dict[str, int]:
    return {name: one["weight"] for name, one in row.get("targets", {}).items() if one["weight"]}


def _targets_text(row: Row) -> str:
    """Return the weights of several targets, as `gatewayctl shift` takes them, or the only one."""
    if "targets" not in row:
        return _target_text(_targets(row)[""])
    return " ".join(f"{name}={weight}" for name, weight in _weights(row).items())


def _target_text(target: dict[str, Any]) -> str:
    return ", ".join(f"{key} {_value_text(target[key])}" for key in target if key != "weight")


def _order(path: str) -> tuple[int, str]:
    return list(model_keys()).index(path.split(".", 1)[0]), path


def _option_text(key: str, value: Any, model: Model) -> str:
    if value is not None:
        return _value_text(value)
    return f"{_value_text(getattr(model, key))} (default)" if key in OPTIONS else "nothing"


def _value_text(value: Any) -> str:
    """Return a value as the table writes it; line breaks and the like are escaped."""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, list | tuple):
        return f"[{', '.join(map(_value_text, value))}]"
    if isinstance(value, float):
        return f"{value:g}"
    text = str(value)
    return text if text.isprintable() and text == text.strip() else repr(text)


def _first_few(names: Sequence[str]) -> str:
    return ", ".join([*names[:MAX_NAMES], *(["…"] if len(names) > MAX_NAMES else [])])


def _arrow(old: str, new: str) -> str:
    """Return `old → new`; long texts are reduced to the part around the difference."""
    if max(len(old), len(new)) > MAX_TEXT:
        start = _common_start(old, new)
        end = _common_start(old[start:][::-1], new[start:][::-1])
        old, new = (_around(text, start, len(text) - end) for text in (old, new))
    return f"{old} → {new}"


def _list_change(old: Any, new: Any) -> str | None:
    """Return the items that a long list gains and loses; None for a short list or another value."""
    if not (isinstance(old, list) and isinstance(new, list)):
        return None
    before, after = set(old), set(new)
    gained = [_value_text(one) for one in new if one not in before]
    lost = [_value_text(one) for one in old if one not in after]
    if max(len(_value_text(old)), len(_value_text(new))) <= MAX_TEXT or not (gained or lost):
        return None
    parts = [
        f"{len(values)} {kind} ({_first_few(values)})"
        for values, kind in ((gained, "added"), (lost, "removed"))
        if values
    ]
    return f"{len(old)} → {len(new)} values: {', '.join(parts)}"


def _common_start(one: str, other: str) -> int:
    """Return the number of characters with which both texts begin."""
    pairs = enumerate(zip(one, other, strict=False))
    return next((n for n, (a, b) in pairs if a != b), min(len(one), len(other)))


def _around(text: str, start: int, end: int) -> str:
    first = max(start - CONTEXT, 0)
    last = min(end + CONTEXT, first + MAX_TEXT, len(text))
    return ("…" if first else "") + text[first:last] + ("…" if last < len(text) else "")
