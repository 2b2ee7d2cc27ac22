"""Texts of `gatewayctl keys`: the list of keys, and lines about one key."""

from __future__ import annotations

import textwrap
from typing import TYPE_CHECKING

from chalicelib.errors import quoted
from gatewayctl import api_keys
from gatewayctl import stage as stages
from gatewayctl.output import columns

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from chalicelib.auth.key_document import ApiKey

HEADINGS = ("id", "principal", "state", "created", "expires", "grants")
WIDTH = 100
NARROWEST = 24
"""Grants get this width at least, even if the line becomes longer than `WIDTH`."""
NO_DATE = "-"


def about(key: ApiKey, now: int) -> str:
    """Describe a key in one line."""
    until = f"until {api_keys.timestamp(key.expires)}" if key.expires else "without expiry"
    if api_keys.has_ended(key, now):
        until = api_keys.state(key, now)
    comment = "" if key.comment is None else f", {quoted(key.comment)}"
    return f"key {key.key_id} of {key.principal}, {until}: {' '.join(key.grants)}{comment}"


def lag(stage: str) -> str:
    """Return how long the gateways of a stage may take a key as it was before."""
    return "two seconds" if stage == stages.LOCAL else "60 s + GATEWAY_KEYS_MAX_AGE"


def shown_once(stage: str) -> str:
    """Say of a new key that it is not shown again, and when gateways know it."""
    known = f"within {lag(stage)}"
    if stage != stages.LOCAL:
        known = "after GATEWAY_KEYS_MAX_AGE at the latest"
    return f"it is shown this once; gateways know it {known}"


def differences(old: ApiKey, new: ApiKey, now: int, stage: str) -> Iterator[str]:
    """Yield a note for each value that the key had before, and when gateways follow."""
    if old.grants != new.grants:
        yield f"its grants were {' '.join(old.grants) or 'none'}"
    if old.expires != new.expires:
        until = api_keys.timestamp(old.expires) or api_keys.NEVER
        expired = ", so it is valid again" if api_keys.has_ended(old, now) else ""
        yield f"its expiry was {until}{expired}"
    if old.comment != new.comment:
        yield f"its comment was {'none' if old.comment is None else quoted(old.comment)}"
    if (old.grants, old.expires) != (new.grants, new.expires):
        yield f"gateways follow within {lag(stage)}"


def why_ended(key: ApiKey, now: int) -> str:
    """Return why a key that has ended is not given other grants or another expiry."""
    if key.disabled:
        return f"the key {key.key_id} is disabled for good, so only its comment can be changed"
    return f"the key {key.key_id} is {api_keys.state(key, now)}; give --expires too"


def table(keys: Sequence[ApiKey], now: int) -> Iterator[str]:
    """Yield the lines of a list: grants are wrapped, and a comment has a line of its own."""
    if not keys:
        return
    first, *rest = columns([HEADINGS, *(_cells(key, now) for key in keys)])
    yield first
    left = first.index(HEADINGS[-1])
    room = max(WIDTH - left, NARROWEST)
    for line, key in zip(rest, keys, strict=True):
        grants, *more = _wrapped(key.grants, room)
        yield f"{line:{left}}{grants}".rstrip()
        yield from (f"{'':{left}}{grants}" for grants in more)
        if key.comment is not None:
            yield f"{'':{first.index(HEADINGS[1])}}{quoted(key.comment)}"


def _wrapped(grants: Sequence[str], width: int) -> list[str]:
    text = " ".join(grants)
    return textwrap.wrap(text, width, break_long_words=False, break_on_hyphens=False) or [""]


def _cells(key: ApiKey, now: int) -> tuple[str, ...]:
    created = (key.created or NO_DATE).partition("T")[0]
    expires = api_keys.timestamp(key.expires) or api_keys.NEVER
    return key.key_id, key.principal, api_keys.state(key, now), created, expires, ""
