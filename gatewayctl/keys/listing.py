"""`gatewayctl keys list`, and how every command shows a key: everything but its digest."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

from gatewayctl.command import Command, Exit, Report
from gatewayctl.keys.document import moment
from gatewayctl.keys.outside import add_secret

if TYPE_CHECKING:
    from argparse import Namespace
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from chalicelib.auth.key_document import ApiKey
    from gatewayctl.keys.outside import Outside

EXPIRING_SECONDS = 7 * 86_400
HEADINGS = ("id", "principal", "state", "expires", "grants")


def command(outside: Outside) -> Command:
    return Command("keys list", "list the keys by principal", add_secret, partial(run, outside))


def run(outside: Outside, options: Namespace, _: Callable[[], Path]) -> Report:
    now = outside.now()
    store = outside.store(options)
    keys = sorted(store.read().keys.values(), key=lambda key: (key.principal, key.key_id))
    return Report(
        Exit.FINE,
        lines=_table(keys, now) if keys else [],
        notes=[f"{store.name}: {len(keys)} keys"],
        data={"keys": [as_data(key, now) for key in keys]},
    )


def is_dead(key: ApiKey, now: int) -> bool:
    """Whether the gateway refuses it, and no command would change that."""
    return key.disabled or (key.expires is not None and key.expires <= now)


def state(key: ApiKey, now: int) -> str:
    """`active`; `expiring` in its last seven days; `expired`; `disabled`."""
    if is_dead(key, now):
        return "disabled" if key.disabled else "expired"
    is_near = key.expires is not None and key.expires - now <= EXPIRING_SECONDS
    return "expiring" if is_near else "active"


def as_data(key: ApiKey, now: int) -> dict[str, Any]:
    """For other programs."""
    return {
        "id": key.key_id,
        "principal": key.principal,
        "grants": list(key.grants),
        "expires": moment(key.expires),
        "state": state(key, now),
    }


def _table(keys: Sequence[ApiKey], now: int) -> list[str]:
    rows = [HEADINGS, *(_cells(key, now) for key in keys)]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return [
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
        for row in rows
    ]


def _cells(key: ApiKey, now: int) -> tuple[str, ...]:
    expires = moment(key.expires) or "never"
    return key.key_id, key.principal, state(key, now), expires, " ".join(key.grants)
