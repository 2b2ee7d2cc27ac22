"""The document in Secrets Manager that lists the API keys, each by its digest.

One problem is enough to refuse the document. The text of a problem gives the place and the
rule, and never the value, because people put a key where the key's digest belongs.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, NoReturn

from chalicelib.auth.principal import GRANT_RULE, is_grant

MAX_BYTES = 64 * 1024
LONGEST_GRANTS = 4096
"""In characters, with spaces between the grants: API Gateway limits an authorizer's response."""
LONGEST_COMMENT = 80

KEY_ID = r"[a-z0-9]{8}"
_DIGEST = r"[0-9a-f]{64}"
_PRINCIPAL = r"[A-Za-z0-9][A-Za-z0-9._@+-]{0,62}"
_TIME = r"\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}(\.\d{1,6})?(Z|[+-]\d{2}:\d{2})"


@dataclass(frozen=True, slots=True)
class ApiKey:
    """One key of the document."""

    key_id: str
    digest: bytes = field(repr=False)
    """The SHA-256 of the key, prefix and key id included."""

    principal: str
    grants: tuple[str, ...]
    expires: int | None
    """Seconds since the epoch."""

    disabled: bool

    created: str | None = None
    """A time as the document writes it; older keys have none."""

    comment: str | None = field(default=None, repr=False)


Keys = Mapping[str, ApiKey]


class InvalidKeyDocument(Exception):
    """The key document cannot be used; the message has one line for each problem."""

    def __init__(self, problems: Iterable[str]) -> None:
        self.problems = tuple(problems)
        super().__init__("\n".join(self.problems))


def parse(document: bytes) -> Keys:
    """Return the keys by their ids.

    Raises:
        InvalidKeyDocument: Something in the document is wrong.
    """
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


def _matches(pattern: str) -> Callable[[object], bool]:
    return lambda value: (
        isinstance(value, str) and re.fullmatch(pattern, value, re.ASCII) is not None
    )


def _is_grants(value: object) -> bool:
    if not isinstance(value, list) or not all(isinstance(grant, str) for grant in value):
        return False
    return all(map(is_grant, value)) and len(" ".join(value)) <= LONGEST_GRANTS


def _is_expiry(value: object) -> bool:
    try:
        return value is None or (isinstance(value, str) and _seconds(value) >= 0)
    except ValueError:
        return False


def _is_comment(value: object) -> bool:
    return isinstance(value, str) and 0 < len(value) <= LONGEST_COMMENT and value.isprintable()


_TIME_RULE = 'a time such as "2027-06-30T00:00:00Z"'

# No member has a default: the missing member could be the one that disables the key.
_MEMBERS: dict[str, tuple[Callable[[object], bool], str]] = {
    "sha256": (_matches(_DIGEST), "64 lower-case hexadecimal digits"),
    "principal": (
        _matches(_PRINCIPAL),
        "1 to 63 of A-Z a-z 0-9 . _ @ + -, the first a letter or digit",
    ),
    "grants": (
        _is_grants,
        f"a list of at most {LONGEST_GRANTS:,} characters in all, each item {GRANT_RULE}",
    ),
    "expires": (_is_expiry, f"null, or {_TIME_RULE}"),
    "disabled": (lambda value: isinstance(value, bool), "true or false"),
}
# Notes for people. The gateway does nothing with them, so they may be missing, and a time is only
# checked for its form.
_NOTES: dict[str, tuple[Callable[[object], bool], str]] = {
    "created": (_matches(_TIME), _TIME_RULE),
    "comment": (_is_comment, f"1 to {LONGEST_COMMENT} printable characters"),
}
_RULES = _MEMBERS | _NOTES


def _problems(key_id: str, entry: Any) -> Iterator[str]:
    if not re.fullmatch(KEY_ID, key_id):
        yield "keys: has a key id that is not 8 of a-z 0-9"
    elif not isinstance(entry, dict) or not _MEMBERS.keys() <= entry.keys() <= _RULES.keys():
        yield (
            f"keys.{key_id}: must have the members {', '.join(_MEMBERS)}, "
            f"may have {' and '.join(_NOTES)}, and no others"
        )
    else:
        for name, value in entry.items():
            fits, rule = _RULES[name]
            if not fits(value):
                yield f"keys.{key_id}.{name}: must be {rule}"


def _key(key_id: str, entry: dict[str, Any]) -> ApiKey:
    return ApiKey(
        key_id=key_id,
        digest=bytes.fromhex(entry["sha256"]),
        principal=entry["principal"],
        grants=tuple(entry["grants"]),
        expires=None if entry["expires"] is None else _seconds(entry["expires"]),
        disabled=entry["disabled"],
        created=entry.get("created"),
        comment=entry.get("comment"),
    )


def _seconds(text: str) -> int:
    """Parse a time of RFC 3339; `fromisoformat` alone takes many other forms."""
    if not re.fullmatch(_TIME, text, re.ASCII):
        raise ValueError
    return int(datetime.fromisoformat(text).timestamp())


class NotAnObject(ValueError):
    """Bytes are not one strict JSON object. The message quotes nothing of them."""


def json_object(data: bytes) -> dict[str, Any]:
    """Parse a JSON object, and refuse what other parsers could read differently.

    Raises:
        NotAnObject: The bytes are not a JSON object, or an object in it has a member twice.
    """
    try:
        value = json.loads(
            data.decode("utf-8"), object_pairs_hook=_distinct, parse_constant=_refuse
        )
    except (ValueError, RecursionError):
        raise NotAnObject("is not JSON, or an object in it has a member twice") from None
    if not isinstance(value, dict):
        raise NotAnObject("is not a JSON object")
    return value


def _distinct(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    members = dict(pairs)
    if len(members) < len(pairs):
        raise ValueError
    return members


def _refuse(_: str) -> NoReturn:
    """Refuse NaN and Infinity, which are not JSON."""
    raise ValueError
