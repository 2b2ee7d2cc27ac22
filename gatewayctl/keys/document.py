"""What is written into the key document, and what a person may ask for.

The gateway's own parser says what is right, so that there is no second grammar to keep.
"""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from chalicelib.auth import key_document

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from chalicelib.auth.key_document import ApiKey

_DAY = r"\d{4}-\d{2}-\d{2}"
_PERIOD = r"(\d{1,4})([mhd])"
_SECONDS = {"m": 60, "h": 3_600, "d": 86_400}
_LAST_MOMENT = int(datetime.max.replace(microsecond=0, tzinfo=UTC).timestamp())

_TRIAL_ID = "00000000"
_TRIAL = {"sha256": "0" * 64, "principal": "0", "grants": (), "expires": None, "disabled": False}


def written(keys: Iterable[ApiKey]) -> bytes:
    """The document about these keys; short, because its room is limited."""
    members = {
        key.key_id: {
            "sha256": key.digest.hex(),
            "principal": key.principal,
            "grants": key.grants,
            "expires": moment(key.expires),
            "disabled": key.disabled,
        }
        for key in keys
    }
    return _json(members)


def problems(principal: str, grants: Sequence[str]) -> list[str]:
    """Why the gateway would not take a key of this principal with these grants."""
    try:
        _tried(principal=principal, grants=grants)
    except key_document.InvalidKeyDocument as error:
        lines = [problem.removeprefix(f"keys.{_TRIAL_ID}.") for problem in error.problems]
        return [line.replace(":", "", 1) for line in lines]
    return []


def end(text: str) -> int | None:
    """The second from which a key is not good, from a time of RFC 3339 or a day in UTC.

    None when the gateway could not read it.
    """
    is_day = re.fullmatch(_DAY, text, re.ASCII) is not None
    try:
        return _tried(expires=f"{text}T23:59:59Z" if is_day else text).expires
    except key_document.InvalidKeyDocument:
        return None


def seconds(period: str) -> int | None:
    """The length of a period such as 30m, 24h, 7d or 0. None when it is not one."""
    match = re.fullmatch(_PERIOD, period, re.ASCII)
    if match is None:
        return 0 if period == "0" else None
    return int(match[1]) * _SECONDS[match[2]]


def moment(epoch: int | None) -> str | None:
    """A moment as the document spells it; None, which is never, stays None."""
    if epoch is None:
        return None
    return f"{datetime.fromtimestamp(min(epoch, _LAST_MOMENT), UTC):%Y-%m-%dT%H:%M:%SZ}"


def _tried(**members: object) -> ApiKey:
    """A key that says this, if the gateway's parser takes it."""
    document = _json({_TRIAL_ID: {**_TRIAL, **members}})
    return key_document.parse(document)[_TRIAL_ID]


def _json(members: object) -> bytes:
    return json.dumps({"keys": members}, separators=(",", ":")).encode()
