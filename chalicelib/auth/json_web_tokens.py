"""JSON Web Tokens of one issuer: the rules for a token, and the identity that its claims give."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, NamedTuple

from chalicelib.auth.credentials import API_KEY_PREFIX, BadCredential, Identity
from chalicelib.auth.key_document import LONGEST_GRANTS
from chalicelib.auth.principal import is_grant

if TYPE_CHECKING:
    from collections.abc import Mapping

    from chalicelib.auth.signatures import KeySet
    from chalicelib.aws.refreshed import Refreshed
    from chalicelib.settings import Settings

LONGEST_TOKEN = 8_000
LONGEST_SUBJECT = 256
LATEST_TIME = 253_402_300_799  # the end of the year 9999

# Why a good token has no grants, for the log.
NO_GRANTS_CLAIM = "no-grants-claim"
NO_VALUE_WITH_PREFIX = "no-value-with-prefix"
NO_VALID_GRANT = "no-valid-grant"

# PyJWT ignores a `=` at the end of each part, so one token could be written in several ways.
_SHAPE = r"[A-Za-z0-9_-]+\.[A-Za-z0-9_-]*\.[A-Za-z0-9_-]*"


class TokenRules(NamedTuple):
    """The rules for a token: the settings that begin with `GATEWAY_JWT_`."""

    issuer: str
    audiences: tuple[str, ...]
    audience_claim: str
    jwks_url: str | None
    algorithms: tuple[str, ...]
    types: tuple[str, ...]
    grants_claims: tuple[str, ...]
    grant_prefix: str

    @classmethod
    def of(cls, settings: Settings) -> TokenRules | None:
        """Return the rules of these settings; None if they name no issuer."""
        if settings.jwt_issuer is None or not settings.jwt_audience:
            return None
        return cls(
            issuer=settings.jwt_issuer,
            audiences=settings.jwt_audience,
            audience_claim=settings.jwt_audience_claim,
            jwks_url=settings.jwt_jwks_url,
            algorithms=settings.jwt_algorithms,
            types=settings.jwt_types,
            grants_claims=settings.jwt_grants_claim,
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
    if not all(is_time(claims[name]) for name in ("exp", "iat", "nbf") if name in claims):
        raise BadCredential("bad-time")
    if not names_audience(claim_of(claims, rules.audience_claim), rules.audiences):
        raise BadCredential("wrong-audience")
    subject = str(claims["sub"])
    if not (0 < len(subject) <= LONGEST_SUBJECT and subject.isprintable()):
        raise BadCredential("bad-subject")
    found = find_grants(claims, rules)
    if len(" ".join(found.grants)) > LONGEST_GRANTS:
        raise BadCredential("too-many-grants")
    return Identity(
        principal=subject,
        grants=found.grants,
        expires=int(claims["exp"]) + leeway_seconds,
        without_grants=found.nothing_because,
    )


def claim_of(claims: Mapping[str, Any], name: str) -> object:
    """Return the value of a claim, or None if there is no such claim.

    A dot leads to a member of an object, as in `realm_access.roles`. The names of claims and
    members may hold dots too, as `https://example.com/roles` and `kubernetes.io` do, so the longest
    name that is there is tried first.
    """
    if name in claims:
        return claims[name]
    first, dot, rest = name.rpartition(".")
    while dot:
        inner = claims.get(first)
        if isinstance(inner, dict):
            return claim_of(inner, rest)
        first, dot, before = first.rpartition(".")
        rest = f"{before}.{rest}"
    return None


def names_audience(claim: object, audiences: tuple[str, ...]) -> bool:
    """Whether the claim is one of the audiences, or is a list of texts that has one of them.

    Source: RFC 7519, section 4.1.3.
    """
    values = claim if isinstance(claim, list) else [claim]
    return all(isinstance(value, str) for value in values) and any(
        value in audiences for value in values
    )


class FoundGrants(NamedTuple):
    """What the grants claims of a token give."""

    grants: tuple[str, ...]
    ignored: tuple[str, ...]
    """The values that have the prefix and are no grants."""

    nothing_because: str | None
    """Why there are no grants; None if there are some."""


def find_grants(claims: Mapping[str, Any], rules: TokenRules) -> FoundGrants:
    """Find the grants in the claims, each a text with spaces between the values, or a list.

    In a value, `:` may stand for `/`, which a scope of Amazon Cognito cannot hold. Other programs
    use the claims too, so values that are not grants are ignored.
    """
    held = [claim_of(claims, name) for name in rules.grants_claims]
    prefix = rules.grant_prefix
    values = [value for claim in held for value in _texts(claim) if value.startswith(prefix)]
    read = {value: value.removeprefix(prefix).replace(":", "/") for value in values}
    grants = tuple(dict.fromkeys(grant for grant in read.values() if is_grant(grant)))
    nothing_because = None
    if not grants:
        nothing_because = NO_VALID_GRANT if values else NO_VALUE_WITH_PREFIX
        if all(claim is None for claim in held):
            nothing_because = NO_GRANTS_CLAIM
    ignored = tuple(value for value, grant in read.items() if not is_grant(grant))
    return FoundGrants(grants, ignored, nothing_because)


def _texts(claim: object) -> list[str]:
    """Return the texts that a claim holds; none for a claim of another type."""
    values = claim.split(" ") if isinstance(claim, str) else claim
    if not isinstance(values, list):
        return []
    return [value for value in values if isinstance(value, str) and value]


def is_time(value: object) -> bool:
    """Whether a claim is a number of seconds since the epoch, and not too large for a date."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return False
    return 0 <= value <= LATEST_TIME
