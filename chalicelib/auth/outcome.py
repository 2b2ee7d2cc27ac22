"""What became of a credential, in the form that API Gateway carries to the handler."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from chalicelib.auth.identity import BadCredential, Identity, StoreUnavailable
from chalicelib.auth.principal import OK, UNAUTHORIZED, UNAVAILABLE
from chalicelib.auth.schemes import identify

if TYPE_CHECKING:
    from collections.abc import Iterable

    from chalicelib.auth.identity import Scheme

BEARER = "bearer"


@dataclass(frozen=True, slots=True)
class Outcome:
    """One of three words, and with `ok` who it is."""

    word: str
    identity: Identity | None = None
    reason: str | None = None
    """Why not, in a word of ours; for our log alone."""

    def context(self) -> dict[str, str]:
        """Texts alone, because API Gateway carries nothing else."""
        if self.identity is None:
            return {"outcome": self.word}
        expires = self.identity.expires
        return {
            "outcome": self.word,
            "principal": self.identity.principal,
            "grants": " ".join(self.identity.grants),
            "expires": "" if expires is None else str(expires),
            "key_id": self.identity.key_id or "",
        }


def outcome_of(authorization: str, schemes: Iterable[Scheme]) -> Outcome:
    """What the value of an Authorization header proves."""
    scheme, _, token = authorization.partition(" ")
    if scheme.lower() != BEARER or not token or token != token.strip():
        return Outcome(UNAUTHORIZED, reason="no-bearer-token")
    try:
        return Outcome(OK, identify(token, schemes))
    except BadCredential as bad:
        return Outcome(UNAUTHORIZED, reason=bad.reason)
    except StoreUnavailable as away:
        return Outcome(UNAVAILABLE, reason=away.reason)
