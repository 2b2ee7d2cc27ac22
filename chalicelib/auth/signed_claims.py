"""The claims of a token whose signature is the issuer's, by PyJWT."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import jwt

from chalicelib.auth.identity import BadCredential, StoreUnavailable
from chalicelib.auth.key_set import is_key_id

if TYPE_CHECKING:
    from chalicelib.auth.key_set import KeySet
    from chalicelib.auth.last_known_good import LastKnownGood
    from chalicelib.auth.token_rules import TokenRules

LEEWAY_SECONDS = 30

# The first class that fits decides.
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


def signed_claims(token: str, rules: TokenRules, keys: LastKnownGood[KeySet]) -> dict[str, Any]:
    """The token's claims, their times and their issuer checked. When it is not good: BadCredential.

    The key comes from the issuer's own set, and from nowhere that the token names.
    """
    key = _key(_key_id(token, rules), keys)
    try:
        return jwt.decode(
            token,
            key,
            algorithms=rules.algorithms,
            issuer=rules.issuer,
            leeway=LEEWAY_SECONDS,
            options={
                "require": ["exp", "iat", "iss", "sub"],
                "verify_aud": False,  # it knows no other claim than `aud`
                "enforce_minimum_key_length": True,
            },
        )
    except jwt.PyJWTError as error:
        reason = next(reason for kind, reason in _REASONS if isinstance(error, kind))
        raise BadCredential(reason) from None


def _key_id(token: str, rules: TokenRules) -> str:
    """What the header says is looked at before any key is: nothing forged makes us fetch."""
    try:
        header = jwt.get_unverified_header(token)
    except jwt.PyJWTError:
        raise BadCredential("malformed") from None
    if "crit" in header or "b64" in header:
        raise BadCredential("critical-header")
    if header.get("alg") not in rules.algorithms:
        raise BadCredential("algorithm-not-allowed")
    if not rules.takes_type(header):
        raise BadCredential("wrong-type")
    if not is_key_id(header.get("kid")):
        raise BadCredential("bad-key-id")
    return str(header["kid"])


def _key(key_id: str, keys: LastKnownGood[KeySet]) -> jwt.PyJWK:
    key = keys.value().get(key_id) or keys.renewed().get(key_id)
    if key is not None:
        return key
    # A new key that we could not fetch is not an unknown one.
    if keys.is_overdue:
        raise StoreUnavailable("the key is not known and the issuer does not answer")
    raise BadCredential("unknown-key")
