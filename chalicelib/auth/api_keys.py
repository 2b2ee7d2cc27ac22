"""API keys: `gw_<key id>_<secret>`, compared by digest with what the key document says."""

from __future__ import annotations

import hashlib
import hmac
import re
import time
from typing import TYPE_CHECKING

from chalicelib.auth.identity import API_KEY_PREFIX, BadCredential, Identity
from chalicelib.auth.key_document import KEY_ID, ApiKey

if TYPE_CHECKING:
    from collections.abc import Callable

    from chalicelib.auth.key_document import Keys
    from chalicelib.auth.last_known_good import LastKnownGood

_KEY = rf"{API_KEY_PREFIX}({KEY_ID})_[A-Za-z0-9_-]{{43}}"

# Stands in for a key that is not there, so that it is looked at like any other.
_NOBODY = ApiKey("", digest=bytes(32), principal="", grants=(), expires=None, disabled=True)


class ApiKeys:
    """The scheme of API keys; without a store there are none."""

    def __init__(
        self,
        keys: LastKnownGood[Keys] | None,
        clock: Callable[[], float] = time.time,
        note_age: Callable[[float], None] = lambda seconds: None,
    ) -> None:
        self._keys = keys
        self._clock = clock
        self._note_age = note_age

    def authenticate(self, token: str) -> Identity | None:
        """Who holds the key; None when it is no API key."""
        if not token.startswith(API_KEY_PREFIX):
            return None
        shape = re.fullmatch(_KEY, token)
        if shape is None:
            raise BadCredential("malformed")
        if self._keys is None:
            raise BadCredential("no-api-keys")
        key = self._current(self._keys).get(shape[1], _NOBODY)
        # The same work for a key id that exists and for one that does not.
        is_same = hmac.compare_digest(key.digest, hashlib.sha256(token.encode()).digest())
        if not is_same or key is _NOBODY:
            raise BadCredential("unknown-key" if key is _NOBODY else "wrong-secret")
        return self._identity(key)

    def _current(self, keys: LastKnownGood[Keys]) -> Keys:
        current = keys.value()
        self._note_age(keys.age_seconds or 0.0)
        return current

    def _identity(self, key: ApiKey) -> Identity:
        if key.disabled:
            raise BadCredential("disabled")
        if key.expires is not None and self._clock() >= key.expires:
            raise BadCredential("expired")
        return Identity(key.principal, key.grants, key.expires, key.key_id)
