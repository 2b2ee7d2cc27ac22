"""Makes API keys, tells their state, and writes the key document.

The gateway's own parser checks the principal, the grants and the end of a new key.
"""

from __future__ import annotations

import base64
import hashlib
import json
import re
import string
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from chalicelib.auth import key_document
from chalicelib.auth.credentials import API_KEY_PREFIX

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable
    from random import Random

    from chalicelib.auth.key_document import ApiKey

ID_LETTERS = string.ascii_lowercase + string.digits
ID_LENGTH = 8
SECRET_BYTES = 32

EXPIRING_SECONDS = 7 * 86_400

_DAY = r"\d{4}-\d{2}-\d{2}"
NEVER = "never"
_PERIOD = r"(\d{1,4})([mhd])"
_SECONDS = {"m": 60, "h": 3_600, "d": 86_400}
_LAST_MOMENT = int(datetime.max.replace(microsecond=0, tzinfo=UTC).timestamp())

_TRIAL_ID = "00000000"
_TRIAL = {"sha256": "0" * 64, "principal": "0", "grants": (), "expires": None, "disabled": False}


@dataclass(frozen=True, slots=True)
class NewKey:
    """A new key; its text is shown once, and only the digest of the text is stored."""

    key_id: str
    text: str = field(repr=False)

    @property
    def digest(self) -> bytes:
        """The SHA-256 of the text."""
        return hashlib.sha256(self.text.encode()).digest()


def new_key(random: Random, existing: Collection[str]) -> NewKey:
    """Make a key whose id is not one of the existing ids."""
    key_id = _key_id(random)
    while key_id in existing:
        key_id = _key_id(random)
    secret = base64.urlsafe_b64encode(random.randbytes(SECRET_BYTES)).decode().rstrip("=")
    return NewKey(key_id, f"{API_KEY_PREFIX}{key_id}_{secret}")


def _key_id(random: Random) -> str:
    return "".join(random.choices(ID_LETTERS, k=ID_LENGTH))


def has_ended(key: ApiKey, now: int) -> bool:
    """Whether the key is disabled or expired."""
    return key.disabled or (key.expires is not None and key.expires <= now)


def state(key: ApiKey, now: int) -> str:
    """Return `active`, `expiring` (in its last seven days), `expired` or `disabled`."""
    if has_ended(key, now):
        return "disabled" if key.disabled else "expired"
    is_near = key.expires is not None and key.expires - now <= EXPIRING_SECONDS
    return "expiring" if is_near else "active"


def as_data(key: ApiKey, now: int) -> dict[str, Any]:
    """Return a key as `--format json` prints it, without its digest."""
    return {
        "id": key.key_id,
        "principal": key.principal,
        "grants": list(key.grants),
        "created": key.created,
        "expires": timestamp(key.expires),
        "state": state(key, now),
        "comment": key.comment,
    }


def document(keys: Iterable[ApiKey]) -> bytes:
    """Write the key document with these keys, without spaces because its size is limited."""
    members = {
        key.key_id: {
            "sha256": key.digest.hex(),
            "principal": key.principal,
            "grants": key.grants,
            "expires": timestamp(key.expires),
            "disabled": key.disabled,
            **_notes(key),
        }
        for key in keys
    }
    return _json(members)


def _notes(key: ApiKey) -> dict[str, Any]:
    """Return the members that a key need not have, without those that this one does not have."""
    notes = {"created": key.created, "comment": key.comment}
    return {name: value for name, value in notes.items() if value is not None}


def problems(**members: object) -> list[str]:
    """Return why the gateway would refuse a key with these members of the document."""
    try:
        _parsed(**members)
    except key_document.InvalidKeyDocument as error:
        lines = [problem.removeprefix(f"keys.{_TRIAL_ID}.") for problem in error.problems]
        return [line.replace(":", "", 1) for line in lines]
    return []


class NotAnEnd(ValueError):
    """A text says no time at which a key could end."""


def end_of(text: str, now: int) -> int | None:
    """Return when a key ends, in seconds since the epoch; None, which means never, for `never`.

    Args:
        text: A period from now such as 30d, a time of RFC 3339, or a day, which ends in UTC.
        now: The current time in seconds since the epoch.

    Raises:
        NotAnEnd: The text is none of these.
    """
    if text == NEVER:
        return None
    period = seconds_of(text)
    if period is not None:
        return now + period
    is_day = re.fullmatch(_DAY, text, re.ASCII) is not None
    try:
        return _parsed(expires=f"{text}T23:59:59Z" if is_day else text).expires
    except key_document.InvalidKeyDocument:
        raise NotAnEnd(text) from None


def seconds_of(period: str) -> int | None:
    """Return the seconds of a period such as 30m, 24h, 7d or 0; None if it is not a period."""
    match = re.fullmatch(_PERIOD, period, re.ASCII)
    if match is None:
        return 0 if period == "0" else None
    return int(match[1]) * _SECONDS[match[2]]


def timestamp(epoch: int | None) -> str | None:
    """Return a time as the document writes it, or None, which means never, for None."""
    if epoch is None:
        return None
    return f"{datetime.fromtimestamp(min(epoch, _LAST_MOMENT), UTC):%Y-%m-%dT%H:%M:%SZ}"


def _parsed(**members: object) -> ApiKey:
    """Return a key with these members, read by the gateway's parser."""
    text = _json({_TRIAL_ID: {**_TRIAL, **members}})
    return key_document.parse(text)[_TRIAL_ID]


def _json(members: object) -> bytes:
    return json.dumps({"keys": members}, separators=(",", ":")).encode()
