"""How messages name one target of a model: by a title, and by its key path in the table."""

from __future__ import annotations

from typing import TYPE_CHECKING

from chalicelib.routing.reading.keys import SHARED, named_target_keys

if TYPE_CHECKING:
    from chalicelib.routing.named_targets import NamedTarget
    from chalicelib.routing.table import Model
    from gatewayctl.tables import Lines

    KeyPath = tuple[str | int, ...]


def title(name: str, target: str | None) -> str:
    """Return the name of a model or its path, and that of one of its targets: `churn (v8)`."""
    return name if target is None else f"{name} ({target})"


def key_path(model: Model, target: NamedTarget, *keys: str | int) -> KeyPath:
    """Return the path of a key: of the target if it can have the key, else of the entry.

    Without a key, it is the path of the target itself.
    """
    is_of_target = not keys or keys[0] in named_target_keys()
    own = () if target.name is None or not is_of_target else ("targets", target.name)
    return ("models", model.name, *own, *keys)


def written_path(lines: Lines, model: Model, target: NamedTarget, *keys: str | int) -> KeyPath:
    """Return the path at which the table has a key that it may have beside `targets`."""
    path = key_path(model, target, *keys)
    beside = ("models", model.name, *keys)
    return beside if keys and keys[0] in SHARED and not lines.has(path) else path
