"""`gatewayctl keys rotate`: a key's successor, and an end for the key."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING

from chalicelib.errors import quoted
from gatewayctl.command import Command, Refused
from gatewayctl.keys import document, listing
from gatewayctl.keys.fresh_key import fresh_key
from gatewayctl.keys.issue import shown
from gatewayctl.keys.outside import add_secret
from gatewayctl.keys.revision import Revision

if TYPE_CHECKING:
    from argparse import ArgumentParser, Namespace
    from collections.abc import Callable
    from pathlib import Path

    from chalicelib.auth.key_document import ApiKey
    from gatewayctl.command import Report
    from gatewayctl.keys.outside import Outside

GRACE_RULE = "30m, 24h, 7d, or 0 for none"


def command(outside: Outside) -> Command:
    purpose = "make a key's successor, and let the key run out"
    return Command("keys rotate", purpose, add_arguments, partial(run, outside))


def add_arguments(parser: ArgumentParser) -> None:
    parser.add_argument("id", metavar="ID", help="the id of the key, see keys list")
    parser.add_argument(
        "--grace", default="24h", metavar="24h", help=f"how long it stays good: {GRACE_RULE}"
    )
    add_secret(parser)


def run(outside: Outside, options: Namespace, _: Callable[[], Path]) -> Report:
    now = outside.now()
    grace = document.seconds(options.grace)
    if grace is None:
        raise Refused([f"--grace is {quoted(options.grace)}; it must be like {GRACE_RULE}"])
    revision = Revision(outside.store(options), now)
    old = revision.find(options.id)
    if listing.is_dead(old, now):
        raise Refused([f"the key {old.key_id} is {listing.state(old, now)}; issue a new one"])
    fresh = fresh_key(outside.random, revision.keys)
    new = replace(old, key_id=fresh.key_id, digest=fresh.digest)
    old = _ending(old, now + grace)
    notes = revision.save(old, new)
    ends = f"key {old.key_id} is good until {document.moment(old.expires)}"
    return shown(fresh, new, [ends, *notes], now, replaces=listing.as_data(old, now))


def _ending(key: ApiKey, moment: int) -> ApiKey:
    """The key with an end; one that it has already is not put off."""
    return replace(key, expires=moment if key.expires is None else min(key.expires, moment))
