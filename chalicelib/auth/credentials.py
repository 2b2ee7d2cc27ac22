"""What every kind of credential shares: the identity that it proves, and the outcome of a check.

A scheme checks one kind of credential: API keys, or JSON Web Tokens. An exception holds a reason
from this package and never a cause, because the exceptions of libraries quote the credential.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple, Protocol

from chalicelib.auth.principal import CREDENTIAL_REQUEST_ID, OK, UNAUTHORIZED, UNAVAILABLE
from chalicelib.aws.refreshed import StoreUnavailable

if TYPE_CHECKING:
    from collections.abc import Iterable

API_KEY_PREFIX = "gw_"
"""A token with this prefix is an API key; every other token is a JWT."""

BEARER = "bearer"


# A named tuple, because each dataclass makes every start of the process half a millisecond longer.
class Identity(NamedTuple):
    """The caller that a good credential proves."""

    principal: str
    grants: tuple[str, ...]
    expires: int | None
    """The second since the epoch from which the credential is no longer good."""

    key_id: str | None = None
    without_grants: str | None = None
    """Why a token has no grants; for the log alone."""


class BadCredential(Exception):
    """A credential was checked and is not good. The reason is for the log alone."""

    def __init__(self, reason: str, key_id: str | None = None) -> None:
        """Say why; `key_id` is the id of a known API key, never one that only the caller wrote."""
        self.reason, self.key_id = reason, key_id
        super().__init__(reason)


class Scheme(Protocol):
    """Checks one kind of credential."""

    def authenticate(self, token: str) -> Identity | None:
        """Return the identity that the token proves; None if the token is of another kind.

        Raises:
            BadCredential: The token is of this kind and is not good.
            StoreUnavailable: The token is of this kind and cannot be checked now.
        """


@dataclass(frozen=True, slots=True)
class Outcome:
    """The result of checking a credential, in the form that API Gateway carries to the handler."""

    verdict: str
    """One of `ok`, `unauthorized` and `unavailable`."""

    identity: Identity | None = None
    """The caller, if the verdict is `ok`."""

    reason: str | None = None
    """Why the verdict is not `ok`, or why a good token has no grants; for the log alone."""

    known_key_id: str | None = None
    """The id of an API key that is known and is refused; for the log alone."""

    @property
    def key_id(self) -> str | None:
        """The id of the API key, for the log."""
        return self.known_key_id if self.identity is None else self.identity.key_id

    @property
    def number_of_grants(self) -> int:
        return 0 if self.identity is None else len(self.identity.grants)

    def context(self, request_id: str | None = None) -> dict[str, str]:
        """Return the context of the authorizer's response; its values can only be texts.

        Args:
            request_id: Lambda's request id of the call that checked the credential. API Gateway
                keeps it with the rest, so it leads to that call from each request.
        """
        own = {} if request_id is None else {CREDENTIAL_REQUEST_ID: request_id}
        if self.identity is None:
            return {"outcome": self.verdict, **own}
        expires = self.identity.expires
        return {
            **own,
            "outcome": self.verdict,
            "principal": self.identity.principal,
            "grants": " ".join(self.identity.grants),
            "expires": "" if expires is None else str(expires),
            "key_id": self.identity.key_id or "",
        }


def check_authorization(header: str, schemes: Iterable[Scheme]) -> Outcome:
    """Check the value of an Authorization header."""
    kind, _, token = header.partition(" ")
    if kind.lower() != BEARER or not token or token != token.strip():
        return Outcome(UNAUTHORIZED, reason="no-bearer-token")
    try:
        identity = identify(token, schemes)
        return Outcome(OK, identity, identity.without_grants)
    except BadCredential as error:
        return Outcome(UNAUTHORIZED, reason=error.reason, known_key_id=error.key_id)
    except StoreUnavailable as error:
        return Outcome(UNAVAILABLE, reason=error.reason)


def identify(token: str, schemes: Iterable[Scheme]) -> Identity:
    """Return the identity that the token proves; the first scheme of its kind decides.

    Raises:
        BadCredential: The token is not good, or no scheme checks its kind.
        StoreUnavailable: The token cannot be checked now.
    """
    for scheme in schemes:
        identity = scheme.authenticate(token)
        if identity is not None:
            return identity
    raise BadCredential("no-scheme")
