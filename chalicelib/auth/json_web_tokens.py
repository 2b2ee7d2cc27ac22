"""JSON Web Tokens of one issuer: the rules for a token, and the identity that its claims give."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, NamedTuple

from chalicelib.auth.credentials import API_KEY_PREFIX, BadCredential, Identity
from chalicelib.auth.principal import is_grant

if TYPE_CHECKING:
    from chalicelib.auth.signatures import KeySet
    from chalicelib.aws.refreshed import Refreshed
    from chalicelib.settings import Settings

LONGEST_TOKEN = 8_000
LONGEST_SUBJECT = 256
LATEST_TIME = 253_402_300_799  # the end of the year 9999

# PyJWT ignores a `=` at the end of each part, so one token could be written in several ways.
_SHAPE = r"[A-Za-z0-9_-]+\.[A-Za-z0-9_-]*\.[A-Za-z0-9_-]*"


class TokenRules(NamedTuple):
    """The rules for a token: the settings that begin with `GATEWAY_JWT_`."""

    issuer: str
    audience: str
    audience_claim: str
    jwks_url: str | None
    algorithms: tuple[str, ...]
    types: tuple[str, ...]
    grants_claim: str
    grant_prefix: str

    @classmethod
    def of(cls, settings: Settings) -> TokenRules | None:
        """Return the rules of these settings; None if they name no issuer."""
        if settings.jwt_issuer is None or settings.jwt_audience is None:
            return None
        return cls(
            issuer=settings.jwt_issuer,
            audience=settings.jwt_audience,
            audience_claim=settings.jwt_audience_claim,
            jwks_url=settings.jwt_jwks_url,
            algorithms=settings.jwt_algorithms,
            types=settings.jwt_types,
            grants_claim=settings.jwt_grants_claim,
            grant_prefix=settings.jwt_grant_prefix,
        )


class JsonWebTokens:
    """The scheme of JWTs, which checks every token that is not an API key.

    Without rules, every JWT is refused.
    """

    def __init__(self, rules: TokenRules | None, keys: Refreshed[KeySet] | None) -> None:
        self._rules = rules
        self._keys = keys

    def authenticate(self, token: str) -> Identity | None:
        """Check a JWT, as `Scheme` says."""
        if token.startswith(API_KEY_PREFIX):
            return None
        if self._rules is None or self._keys is None:
            raise BadCredential("no-issuer")
        if len(token) > LONGEST_TOKEN:
            raise BadCredential("too-long")
        if not re.fullmatch(_SHAPE, token):
            raise BadCredential("malformed")
        # Imported here, because only callers with a JWT need PyJWT and cryptography.
        from chalicelib.auth import signatures  # noqa: PLC0415

        rules = self._rules
        claims = signatures.signed_claims(
            token, self._keys, issuer=rules.issuer, algorithms=rules.algorithms, types=rules.types
        )
        return _identity(claims, rules, leeway_seconds=signatures.LEEWAY_SECONDS)


def _identity(claims: dict[str, Any], rules: TokenRules, *, leeway_seconds: int) -> Identity:
    """Check the claims more strictly: PyJWT takes texts as times, and every text as a subject."""
    if not all(_is_time(claims[name]) for name in ("exp", "iat", "nbf") if name in claims):
        raise BadCredential("bad-time")
    if claims.get(rules.audience_claim) != rules.audience:
        raise BadCredential("wrong-audience")
    subject = str(claims["sub"])
    if not (0 < len(subject) <= LONGEST_SUBJECT and subject.isprintable()):
        raise BadCredential("bad-subject")
    return Identity(
        principal=subject,
        grants=grants_of(claims.get(rules.grants_claim), rules.grant_prefix),
        expires=int(claims["exp"]) + leeway_seconds,
    )


def grants_of(claim: object, prefix: str) -> tuple[str, ...]:
    """Return the grants in a claim: a text with spaces between the values, or a list.

    In a value, `:` may stand for `/`, which a scope of Amazon Cognito cannot hold. Other programs
    use the claim too, so values that are not grants are ignored.
    """
    values = claim.split(" ") if isinstance(claim, str) else claim
    if not isinstance(values, list):
        return ()
    prefixed = [value for value in values if isinstance(value, str) and value.startswith(prefix)]
    grants = (value.removeprefix(prefix).replace(":", "/") for value in prefixed)
    return tuple(dict.fromkeys(grant for grant in grants if is_grant(grant)))


def _is_time(value: object) -> bool:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return False
    return 0 <= value <= LATEST_TIME
