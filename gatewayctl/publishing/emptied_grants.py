"""Finds the grants of API keys that cover no model any more once a table is published."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cache
from typing import TYPE_CHECKING, Any, NamedTuple

from gatewayctl import api_keys
from gatewayctl import stage as stages
from gatewayctl.grants import covers_a_model
from gatewayctl.key_store import KeyStore
from gatewayctl.report import CommandError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from chalicelib.auth.key_document import Keys
    from chalicelib.routing.table import RoutingTable
    from gatewayctl.command import Context
    from gatewayctl.publishing.changes import Change


class EmptiedKey(NamedTuple):
    """A key, and those of its grants that cover no model any more."""

    secret: str
    id: str
    principal: str
    grants: tuple[str, ...]
    can_call: bool
    """Whether another grant of the key covers a model."""

    def __str__(self) -> str:
        one = len(self.grants) == 1
        text = f"its {'grant' if one else 'grants'} {', '.join(self.grants)}"
        rest = "" if self.can_call else ", and it can call nothing else"
        return (
            f"key {self.id} of {self.principal}: warning: {text} "
            f"{'covers' if one else 'cover'} no model any more{rest}"
        )

    def as_data(self) -> dict[str, Any]:
        """Return the key as `--format json` prints it."""
        return {**self._asdict(), "grants": list(self.grants)}


@dataclass(frozen=True, slots=True)
class Comparison:
    """The keys with emptied grants, the secrets that were read, and why others were not."""

    emptied: list[EmptiedKey] = field(default_factory=list)
    compared: list[str] = field(default_factory=list)
    not_compared: list[str] = field(default_factory=list)

    def notes(self) -> Iterator[str]:
        """Yield notes for the user."""
        if self.compared:
            secrets = ", ".join(self.compared)
            found = len(self.emptied) or "none"
            yield f"keys in {secrets} with grants that cover no model any more: {found}"
        yield from (f"keys were not compared: {reason}" for reason in self.not_compared)

    def as_data(self) -> dict[str, Any]:
        """Return the comparison as `--format json` prints it."""
        return {
            "emptied": [one.as_data() for one in self.emptied],
            "compared": self.compared,
            "not_compared": self.not_compared,
        }


def compared(
    context: Context,
    secret: str | None,
    location: str,
    tables: tuple[RoutingTable | None, RoutingTable],
    changes: Iterable[Change],
) -> Comparison:
    """Compare the keys of the stages that use a table with what it loses.

    The keys are read only if a model or a value may be lost. If a secret cannot be read, that is
    a reason in the result and no error, because a table can be published without the keys.

    Args:
        secret: The value of `--secret`.
        location: Where the table is published.
        tables: The table before, and the new one.
        changes: The differences between them.
    """
    result, (old, new) = Comparison(), tables
    if old is None or not any(map(_may_lose, changes)):
        return result
    try:
        using = stages.with_table(location, context.project) or [context.stage]
    except CommandError as error:
        return Comparison(not_compared=[str(error)])
    reasons: dict[str, None] = {}
    for stage in using:
        try:
            store = KeyStore(_secret_name(context, secret, stage), context.connect)
            stored = store.read()
        except CommandError as error:
            reasons.update(dict.fromkeys(str(error).splitlines()))
            continue
        if stored.version is None:
            reasons[f"there is no secret {store.name}, or it has no value"] = None
        elif store.name not in result.compared:
            result.compared.append(store.name)
            result.emptied.extend(emptied_keys(store.name, stored.keys, (old, new), context.now()))
    result.not_compared.extend(reasons)
    return result


def _secret_name(context: Context, secret: str | None, stage: str) -> str:
    return stages.secret_name(secret, stage, context.environment, context.project)


def _may_lose(change: Change) -> bool:
    """Whether a path to a model may be gone after this change."""
    entry = f"models.{change.model}"
    is_of_paths = change.path == entry or change.path.startswith(f"{entry}.parameters.")
    if change.model is None or change.old is None or not is_of_paths:
        return False
    if isinstance(change.old, list) and isinstance(change.new, list):
        return not set(change.old) <= set(change.new)
    return True


def emptied_keys(
    secret: str, keys: Keys, tables: tuple[RoutingTable, RoutingTable], now: int
) -> Iterator[EmptiedKey]:
    """Yield the valid keys of which a grant covers a model of the old table alone."""

    @cache
    def is_emptied(grant: str) -> bool:
        old, new = tables
        return covers_a_model(grant, old) and not covers_a_model(grant, new)

    for key in sorted(keys.values(), key=lambda key: (key.principal, key.key_id)):
        grants = tuple(filter(is_emptied, key.grants))
        if grants and not api_keys.has_ended(key, now):
            can_call = any(covers_a_model(grant, tables[1]) for grant in key.grants)
            yield EmptiedKey(secret, key.key_id, key.principal, grants, can_call)
