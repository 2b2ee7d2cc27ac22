"""An issuer's key set: which of the keys that it publishes can sign a token for us."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import Any

import jwt

from chalicelib.auth.json_object import NotAnObject, json_object
from chalicelib.auth.last_known_good import FetchFailed

LONGEST_KEY_ID = 256
ASYMMETRIC = ("RSA", "EC", "OKP")

KeySet = Mapping[str, jwt.PyJWK]


def parse(data: bytes, algorithms: tuple[str, ...]) -> KeySet:
    """The usable keys by their id. When there is not one of them: FetchFailed.

    Issuers publish keys for other purposes beside those that sign, so a key that is not for us is
    left out. Of two keys with one id nobody can say which is meant, so both are.
    """
    try:
        entries = json_object(data).get("keys")
    except NotAnObject:
        raise FetchFailed("the key set is not a JSON object") from None
    if not isinstance(entries, list):
        raise FetchFailed("the key set has no list of keys")
    keys = [key for key in (_usable(entry, algorithms) for entry in entries) if key is not None]
    times = Counter(key.key_id for key in keys)
    found = {str(key.key_id): key for key in keys if times[key.key_id] == 1}
    if not found:
        raise FetchFailed("the key set has no usable key")
    return found


def is_key_id(value: object) -> bool:
    """Whether a key can be named so."""
    return isinstance(value, str) and 0 < len(value) <= LONGEST_KEY_ID


def _usable(entry: Any, algorithms: tuple[str, ...]) -> jwt.PyJWK | None:
    """A key that says nothing of its algorithm has the one that PyJWT gives its type: RS256, …"""
    if not isinstance(entry, dict) or not _is_to_verify(entry, algorithms):
        return None
    try:
        key = jwt.PyJWK(entry)
        fits = key.algorithm_name in algorithms
        # Refuses an EC key that is not on its algorithm's curve.
        prepared = key.Algorithm.prepare_key(key.key)
        return key if fits and key.Algorithm.check_key_length(prepared) is None else None
    # PyJWT lets through what Python says of members of the wrong type.
    except (jwt.PyJWTError, TypeError, ValueError):
        return None


def _is_to_verify(entry: dict[str, Any], algorithms: tuple[str, ...]) -> bool:
    """A public key with a name that is meant for signatures; one with its private half is spent."""
    operations = entry.get("key_ops", ["verify"])
    return (
        is_key_id(entry.get("kid"))
        and ("alg" not in entry or entry["alg"] in algorithms)
        and entry.get("kty") in ASYMMETRIC
        and entry.get("use", "sig") == "sig"
        and isinstance(operations, list)
        and "verify" in operations
        and "d" not in entry
    )
