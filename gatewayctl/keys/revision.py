"""The key document on its way from what was read to what it will be."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NamedTuple

from chalicelib.auth import key_document
from chalicelib.auth.credentials import API_KEY_PREFIX
from chalicelib.auth.key_document import KEY_ID, MAX_BYTES
from chalicelib.errors import closest
from gatewayctl.command import Refused
from gatewayctl.keys.document import written
from gatewayctl.keys.listing import is_dead

if TYPE_CHECKING:
    from collections.abc import Collection

    from chalicelib.auth.key_document import ApiKey, Keys
    from gatewayctl.keys.store import KeyStore


class Revision:
    """Reads once, and saves only over what it has read."""

    def __init__(self, store: KeyStore, now: int) -> None:
        self._store = store
        self._now = now
        self._stored = store.read()

    @property
    def keys(self) -> Keys:
        """As they were read."""
        return self._stored.keys

    def find(self, key_id: str) -> ApiKey:
        """The key with this id. When there is none: `Refused`."""
        key = self.keys.get(key_id)
        if key is None:
            raise Refused([_unknown(key_id, self.keys)])
        return key

    def save(self, *changed: ApiKey) -> list[str]:
        """The document with these keys new or changed; what else a person should know of it."""
        keys = {**self.keys, **{key.key_id: key for key in changed}}
        fitted = fit(keys.values(), self._now)
        key_document.parse(fitted.document)  # one mistake in it, and the gateway takes none of it
        self._store.replace(self._stored, fitted.document)
        if not fitted.left_out:
            return []
        return [f"{fitted.left_out} expired or disabled keys were dropped to make room"]


class Fitted(NamedTuple):
    """A document that is not too large, and how many keys it had to leave out."""

    document: bytes
    left_out: int


def fit(keys: Collection[ApiKey], now: int) -> Fitted:
    """Every key if there is room, else every key that anybody can use. Without room: `Refused`."""
    usable = [key for key in keys if not is_dead(key, now)]
    for some in (keys, usable):
        document = written(some)
        if len(document) <= MAX_BYTES:
            return Fitted(document, len(keys) - len(some))
    raise Refused(
        [
            f"the document would have {len(document):,} bytes with {len(usable)} usable keys in "
            f"it, and it may have {MAX_BYTES:,}; for more callers use JWT (GATEWAY_JWT_ISSUER)"
        ]
    )


# An id is repeated only if it is one: people put the key where its id belongs.
def _unknown(key_id: str, known: Keys) -> str:
    if key_id.startswith(API_KEY_PREFIX):
        return (
            "that is a key and not its id, which is the 8 characters after gw_; "
            "if others can see this terminal or its history, disable the key"
        )
    if not re.fullmatch(KEY_ID, key_id, re.ASCII):
        return "that is not the id of a key, which is 8 of a-z 0-9; see keys list"
    meant = closest(key_id, known)
    advice = f"did you mean {meant}?" if meant else "see keys list"
    return f"there is no key {key_id}; {advice}"
