"""The artifacts of a multi-model container as entries: one for each model, or for many alike."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NamedTuple

from chalicelib.errors import quoted
from chalicelib.routing.targets import is_target_model
from gatewayctl.importing.entry import Entry, listed
from gatewayctl.importing.rules import parameter
from gatewayctl.importing.shapes import grouped, words
from gatewayctl.importing.versions import ARCHIVE, latest

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from gatewayctl.account.values import Kind
    from gatewayctl.importing.shapes import Group


class Loadable(NamedTuple):
    """What callers may have loaded, and what not, with the reason."""

    entries: tuple[Entry, ...]
    omitted: tuple[str, ...]


def loadable(endpoint: str, kind: Kind, names: Iterable[str]) -> Loadable:
    """Entries for the newest version of every artifact that a table can name."""
    artifacts, omitted = _sorted_out(names)
    newest = dict(latest(artifacts))
    entries = [_entry(endpoint, kind, group, newest) for group in grouped(list(newest))]
    return Loadable(tuple(entries), omitted)


def _sorted_out(names: Iterable[str]) -> tuple[list[str], tuple[str, ...]]:
    """Artifacts, and remarks about the rest; the mark of an empty folder is no object at all."""
    objects = sorted(name for name in names if name and not name.endswith("/"))
    archives = [name for name in objects if name.endswith(ARCHIVE)]
    remarks = {
        f"not named {ARCHIVE}": [name for name in objects if not name.endswith(ARCHIVE)],
        "with characters that a table cannot hold": [
            name for name in archives if not is_target_model(name)
        ],
    }
    omitted = tuple(
        f"{len(those):,} {'object' if len(those) == 1 else 'objects'} {what}: "
        f"{listed([quoted(name) for name in those])}"
        for what, those in remarks.items()
        if those
    )
    return [name for name in archives if is_target_model(name)], omitted


def _entry(endpoint: str, kind: Kind, group: Group, newest: dict[str, tuple[str, ...]]) -> Entry:
    older = [name for artifact in group.artifacts for name in newest[artifact]]
    comments = (f"Older versions, not in the table: {listed(older)}",) if older else ()
    target = {"endpoint": endpoint, "target_model": group.artifacts[0]}
    if group.shape is None:
        return Entry(_names(endpoint, group.artifacts[0]), kind, target, None, comments)
    chosen = parameter([group.shape.value(artifact) for artifact in group.artifacts])
    target["target_model"] = group.shape.template(chosen.name)
    names = _names(endpoint, f"{group.shape.before} {group.shape.after}")
    return Entry(names, kind, target, chosen, comments)


def _names(endpoint: str, literal: str) -> tuple[str, ...]:
    """By what the artifact is called; else with the endpoint, and with the version too."""
    label = words(literal)
    whole = re.findall(r"[A-Za-z0-9]+", literal.removesuffix(ARCHIVE))
    candidates: Sequence[Sequence[str]] = (label, [endpoint, *label], [endpoint, *whole])
    return tuple("-".join(candidate or [endpoint]) for candidate in candidates)
