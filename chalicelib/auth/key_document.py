"""The document that lists the API keys: of each its digest, never the key.

It is taken whole or not at all. A problem says where it is and what belongs there, and repeats no
value: people put a key where its digest belongs.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from chalicelib.auth.grants import GRANT_RULE, is_grant
from chalicelib.auth.json_object import NotAnObject, json_object

MAX_BYTES = 64 * 1024
LONGEST_GRANTS = 4096  # as one text; API Gateway bounds what an authorizer hands on

KEY_ID = r"[a-z0-9]{8}"
_DIGEST = r"[0-9a-f]{64}"
_PRINCIPAL = r"[A-Za-z0-9][A-Za-z0-9._@+-]{0,62}"
_TIME = r"\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}(\.\d{1,6})?(Z|[+-]\d{2}:\d{2})"


@dataclass(frozen=True, slots=True)
class ApiKey:
    """What the document says about one key."""

    key_id: str
    digest: bytes = field(repr=False)
    """SHA-256 of the whole key."""

    principal: str
    grants: tuple[str, ...]
    expires: int | None
    """Seconds since the epoch."""

    disabled: bool


Keys = Mapping[str, ApiKey]


class InvalidKeyDocument(Exception):
    """When the document cannot be used; every problem, one a line."""

    def __init__(self, problems: Iterable[str]) -> None:
        self.problems = tuple(problems)
        super().__init__("\n".join(self.problems))


def parse(document: bytes) -> Keys:
    """The keys by their id. When anything in the document is wrong: InvalidKeyDocument."""
    entries = _entries(document)
    problems = [line for place, entry in entries.items() for line in _problems(place, entry)]
    if problems:
        raise InvalidKeyDocument(problems)
    return {key_id: _key(key_id, entry) for key_id, entry in entries.items()}


def _entries(document: bytes) -> dict[str, Any]:
    if len(document) > MAX_BYTES:
        raise InvalidKeyDocument([f"the document has {len(document):,} bytes, over {MAX_BYTES:,}"])
    try:
        top = json_object(document)
    except NotAnObject as error:
        raise InvalidKeyDocument([f"the document {error}"]) from error
    if top.keys() != {"keys"} or not isinstance(top["keys"], dict):
        raise InvalidKeyDocument(['the document must be {"keys": {…}} and nothing else'])
    return dict(top["keys"])


def _is_text_like(pattern: str) -> Callable[[object], bool]:
    return lambda value: (
        isinstance(value, str) and re.fullmatch(pattern, value, re.ASCII) is not None
    )


def _is_grants(value: object) -> bool:
    if not isinstance(value, list) or not all(isinstance(grant, str) for grant in value):
        return False
    return all(map(is_grant, value)) and len(" ".join(value)) <= LONGEST_GRANTS


def _is_end(value: object) -> bool:
    try:
        return value is None or (isinstance(value, str) and _seconds(value) >= 0)
    except ValueError:
        return False


# Every member must be there: one that is missing may have said that the key is disabled.
_MEMBERS: dict[str, tuple[Callable[[object], bool], str]] = {
    "sha256": (_is_text_like(_DIGEST), "64 lower-case hexadecimal digits"),
    "principal": (
        _is_text_like(_PRINCIPAL),
        "1 to 63 of A-Z a-z 0-9 . _ @ + -, the first a letter or digit",
    ),
    "grants": (
        _is_grants,
        f"a list of at most {LONGEST_GRANTS:,} characters in all, each item {GRANT_RULE}",
    ),
    "expires": (_is_end, 'null, or a time such as "2027-06-30T00:00:00Z"'),
    "disabled": (lambda value: isinstance(value, bool), "true or false"),
}


def _problems(key_id: str, entry: Any) -> Iterator[str]:
    if not re.fullmatch(KEY_ID, key_id):
        yield "keys: has a key id that is not 8 of a-z 0-9"
    elif not isinstance(entry, dict) or entry.keys() != _MEMBERS.keys():
        yield f"keys.{key_id}: must have the members {', '.join(_MEMBERS)} and no others"
    else:
        for name, (fits, rule) in _MEMBERS.items():
            if not fits(entry[name]):
                yield f"keys.{key_id}.{name}: must be {rule}"


def _key(key_id: str, entry: dict[str, Any]) -> ApiKey:
    return ApiKey(
        key_id=key_id,
        digest=bytes.fromhex(entry["sha256"]),
        principal=entry["principal"],
        grants=tuple(entry["grants"]),
        expires=None if entry["expires"] is None else _seconds(entry["expires"]),
        disabled=entry["disabled"],
    )


def _seconds(text: str) -> int:
    """A time of RFC 3339; Python's own reader takes much more than that."""
    if not re.fullmatch(_TIME, text, re.ASCII):
        raise ValueError
    return int(datetime.fromisoformat(text).timestamp())
