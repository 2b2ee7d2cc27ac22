"""JSON Web Tokens of one issuer: what their claims say about who is calling."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from chalicelib.auth.grants import granted_by
from chalicelib.auth.identity import API_KEY_PREFIX, BadCredential, Identity

if TYPE_CHECKING:
    from chalicelib.auth.key_set import KeySet
    from chalicelib.auth.last_known_good import LastKnownGood
    from chalicelib.auth.token_rules import TokenRules

LONGEST_TOKEN = 8_000
LONGEST_SUBJECT = 256
LATEST_TIME = 253_402_300_799  # the end of the year 9999

# PyJWT ignores a `=` at the end of each part; one token has one spelling.
_SHAPE = r"[A-Za-z0-9_-]+\.[A-Za-z0-9_-]*\.[A-Za-z0-9_-]*"


class JsonWebTokens:
    """The scheme of JWTs, which is everything that is no API key; without rules none is taken."""

    def __init__(self, rules: TokenRules | None, keys: LastKnownGood[KeySet] | None) -> None:
        self._rules = rules
        self._keys = keys

    def authenticate(self, token: str) -> Identity | None:
        """Who the token is for; None when it is an API key."""
        if token.startswith(API_KEY_PREFIX):
            return None
        if self._rules is None or self._keys is None:
            raise BadCredential("no-issuer")
        if len(token) > LONGEST_TOKEN:
            raise BadCredential("too-long")
        if not re.fullmatch(_SHAPE, token):
            raise BadCredential("malformed")
        # Here and not above: PyJWT and cryptography are needed by those alone who send a JWT.
        from chalicelib.auth import signed_claims  # noqa: PLC0415

        claims = signed_claims.signed_claims(token, self._rules, self._keys)
        return _identity(claims, self._rules, leeway_seconds=signed_claims.LEEWAY_SECONDS)


def _identity(claims: dict[str, Any], rules: TokenRules, *, leeway_seconds: int) -> Identity:
    """What PyJWT has left to check: it takes times as texts, and any text as a subject."""
    if not all(_is_time(claims[name]) for name in ("exp", "iat", "nbf") if name in claims):
        raise BadCredential("bad-time")
    if claims.get(rules.audience_claim) != rules.audience:
        raise BadCredential("wrong-audience")
    subject = str(claims["sub"])
    if not (0 < len(subject) <= LONGEST_SUBJECT and subject.isprintable()):
        raise BadCredential("bad-subject")
    return Identity(
        principal=subject,
        grants=granted_by(claims.get(rules.grants_claim), rules.grant_prefix),
        expires=int(claims["exp"]) + leeway_seconds,
    )


def _is_time(value: object) -> bool:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return False
    return 0 <= value <= LATEST_TIME
