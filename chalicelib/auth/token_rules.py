"""What a JWT must be to be taken: the settings that begin with `GATEWAY_JWT_`."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from chalicelib.settings import Settings


class TokenRules(NamedTuple):
    """The rules for the tokens of one issuer."""

    issuer: str
    audience: str
    audience_claim: str
    jwks_url: str | None
    algorithms: tuple[str, ...]
    types: frozenset[str]
    grants_claim: str
    grant_prefix: str

    @classmethod
    def of(cls, settings: Settings) -> TokenRules | None:
        """None when there is no issuer, and so no JWT is taken."""
        if settings.jwt_issuer is None or settings.jwt_audience is None:
            return None
        return cls(
            issuer=settings.jwt_issuer,
            audience=settings.jwt_audience,
            audience_claim=settings.jwt_audience_claim,
            jwks_url=settings.jwt_jwks_url,
            algorithms=settings.jwt_algorithms,
            types=frozenset(map(_plain_type, settings.jwt_types)),
            grants_claim=settings.jwt_grants_claim,
            grant_prefix=settings.jwt_grant_prefix,
        )

    def takes_type(self, header: dict[str, object]) -> bool:
        """Whether the header's `typ` is one of ours; one without passes."""
        if "typ" not in header:
            return True
        typ = header["typ"]
        return isinstance(typ, str) and _plain_type(typ) in self.types


def _plain_type(typ: str) -> str:
    """A media type: case means nothing, and `application/` may be left out (RFC 7515, 4.1.9)."""
    return typ.lower().removeprefix("application/")
