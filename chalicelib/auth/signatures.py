"""Signatures of JSON Web Tokens: which keys of an issuer are usable, and what they have signed.

Everything here needs PyJWT, which is imported only when a JWT has come.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from functools import partial
from typing import TYPE_CHECKING, Any

import jwt

from chalicelib.auth.credentials import BadCredential
from chalicelib.auth.key_document import NotAnObject, json_object
from chalicelib.aws.refreshed import FetchFailed, StoreUnavailable

if TYPE_CHECKING:
    from jwt.types import Options

    from chalicelib.aws.refreshed import Refreshed

LEEWAY_SECONDS = 30
PUBLICATION_SECONDS = 300
"""How long caches in front of an issuer may hide a key that signs tokens already."""

LONGEST_KEY_ID = 256
ASYMMETRIC = ("RSA", "EC", "OKP")

KeySet = Mapping[str, jwt.PyJWK]

_SIGNED: Options = {
    "require": ["exp", "iat", "iss", "sub"],
    "verify_aud": False,  # PyJWT can check no claim but `aud`
    "enforce_minimum_key_length": True,
}
# For a token whose key is not known: PyJWT checks no claim of its own accord without a signature.
_NOT_SIGNED: Options = {
    **_SIGNED,
    "verify_signature": False,
    "verify_exp": True,
    "verify_iat": True,
    "verify_nbf": True,
    "verify_iss": True,
}

# The first class that fits gives the reason.
_REASONS: tuple[tuple[type[jwt.PyJWTError], str], ...] = (
    (jwt.InvalidSignatureError, "bad-signature"),
    (jwt.InvalidAlgorithmError, "not-the-keys-algorithm"),
    (jwt.InvalidKeyError, "bad-key"),
    (jwt.ExpiredSignatureError, "expired"),
    (jwt.ImmatureSignatureError, "not-yet-valid"),
    (jwt.InvalidIssuerError, "wrong-issuer"),
    (jwt.MissingRequiredClaimError, "claim-missing"),
    (jwt.PyJWTError, "bad-claims"),
)


def signed_claims(
    token: str,
    keys: Refreshed[KeySet],
    *,
    issuer: str,
    algorithms: tuple[str, ...],
    types: tuple[str, ...],
) -> dict[str, Any]:
    """Return the claims of a token after checking its signature, its times and its issuer.

    The key comes from the issuer's key set. Keys and addresses in the token are ignored.

    Args:
        algorithms: The allowed values of the header `alg`.
        types: The allowed values of the header `typ`, which may also be missing.

    Raises:
        BadCredential: The token is not good.
        StoreUnavailable: The issuer's keys cannot be read now.
    """
    decode = partial(_decode, token, issuer=issuer, algorithms=algorithms)
    before = keys.fetched_at
    key_id = _key_id(token, algorithms, types)
    key = keys.value().get(key_id) or keys.renewed().get(key_id)
    if key is not None:
        return decode(key, options=_SIGNED)
    if keys.last_fetch_failed:  # the issuer may have a new key
        raise StoreUnavailable("the key is not known and the issuer does not answer")
    # Keys that were fetched before the token came, and may not be fetched again yet.
    if keys.value() and before is not None and keys.fetched_at == before:
        signed_at = int(decode("", options=_NOT_SIGNED)["iat"])
        if signed_at > before - PUBLICATION_SECONDS:
            raise StoreUnavailable("the key is not known and the issuer was asked a moment ago")
    raise BadCredential("unknown-key")


def _decode(
    token: str,
    key: jwt.PyJWK | str,
    *,
    issuer: str,
    algorithms: tuple[str, ...],
    options: Options,
) -> dict[str, Any]:
    try:
        return jwt.decode(
            token,
            key,
            algorithms=algorithms,
            issuer=issuer,
            leeway=LEEWAY_SECONDS,
            options=options,
        )
    except jwt.PyJWTError as error:
        reason = next(reason for kind, reason in _REASONS if isinstance(error, kind))
        raise BadCredential(reason) from None


def _key_id(token: str, algorithms: tuple[str, ...], types: tuple[str, ...]) -> str:
    """Check the header before a key is needed, so that a forged token causes no fetch."""
    try:
        header = jwt.get_unverified_header(token)
    except jwt.PyJWTError:
        raise BadCredential("malformed") from None
    if "crit" in header or "b64" in header:
        raise BadCredential("critical-header")
    if header.get("alg") not in algorithms:
        raise BadCredential("algorithm-not-allowed")
    if "typ" in header and not _is_among(header["typ"], types):
        raise BadCredential("wrong-type")
    if not _is_key_id(header.get("kid")):
        raise BadCredential("bad-key-id")
    return str(header["kid"])


def _is_among(typ: object, types: tuple[str, ...]) -> bool:
    return isinstance(typ, str) and _plain_type(typ) in map(_plain_type, types)


def _plain_type(typ: str) -> str:
    """Normalise a media type: its case has no meaning, and `application/` may be left out.

    Source: RFC 7515, section 4.1.9.
    """
    return typ.lower().removeprefix("application/")


def parse_key_set(data: bytes, algorithms: tuple[str, ...]) -> KeySet:
    """Return the usable keys of a JSON Web Key Set by their ids.

    Keys for other purposes are left out. Keys that share an id are left out too, because the id
    does not say which of them is meant. A set without usable keys is the issuer's answer too: it
    has withdrawn the others.

    Raises:
        FetchFailed: The data is not a key set.
    """
    try:
        entries = json_object(data).get("keys")
    except NotAnObject:
        raise FetchFailed("the key set is not a JSON object") from None
    if not isinstance(entries, list):
        raise FetchFailed("the key set has no list of keys")
    keys = [key for key in (_usable(entry, algorithms) for entry in entries) if key is not None]
    counts = Counter(key.key_id for key in keys)
    return {str(key.key_id): key for key in keys if counts[key.key_id] == 1}


def _usable(entry: Any, algorithms: tuple[str, ...]) -> jwt.PyJWK | None:
    """Return the key if it is usable; for a key without `alg`, PyJWT chooses the algorithm."""
    if not isinstance(entry, dict) or not _is_verification_key(entry, algorithms):
        return None
    try:
        key = jwt.PyJWK(entry)
        is_allowed = key.algorithm_name in algorithms
        # Refuses an EC key that is not on its algorithm's curve.
        prepared = key.Algorithm.prepare_key(key.key)
        return key if is_allowed and key.Algorithm.check_key_length(prepared) is None else None
    # PyJWT does not catch Python's errors about members of a wrong type.
    except (jwt.PyJWTError, TypeError, ValueError):
        return None


def _is_verification_key(entry: dict[str, Any], algorithms: tuple[str, ...]) -> bool:
    """Whether this is a public key for signatures; a key with its private part is not."""
    operations = entry.get("key_ops", ["verify"])
    return (
        _is_key_id(entry.get("kid"))
        and ("alg" not in entry or entry["alg"] in algorithms)
        and entry.get("kty") in ASYMMETRIC
        and entry.get("use", "sig") == "sig"
        and isinstance(operations, list)
        and "verify" in operations
        and "d" not in entry
    )


def _is_key_id(value: object) -> bool:
    return isinstance(value, str) and 0 < len(value) <= LONGEST_KEY_ID
