"""What a good credential proves, and the contract between the schemes that look at credentials.

A scheme returns None for what is not its own, and raises for what is its own and not good. Neither
exception carries anything but a reason in our own words: libraries quote what they were given, so
an exception of theirs is never passed on as a cause.
"""

from __future__ import annotations

from typing import NamedTuple, Protocol

API_KEY_PREFIX = "gw_"
"""What starts with it is an API key; everything else is a JWT."""


# A named tuple, as are others here: a dataclass costs every start half a millisecond to make.
class Identity(NamedTuple):
    """Who somebody is, and for how long."""

    principal: str
    grants: tuple[str, ...]
    expires: int | None
    """The second since the epoch from which the credential is no longer good."""

    key_id: str | None = None


class BadCredential(Exception):
    """When a credential can be checked and is not good; the reason is for our log alone."""

    def __init__(self, reason: str) -> None:
        self.reason = reason
        super().__init__(reason)


class StoreUnavailable(Exception):
    """When a credential cannot be checked now; the reason is for our log alone."""

    def __init__(self, reason: str) -> None:
        self.reason = reason
        super().__init__(reason)


class Scheme(Protocol):
    """One kind of credential."""

    def authenticate(self, token: str) -> Identity | None:
        """Who the token is for; None when it is of another kind.

        When it is not good: BadCredential. When that cannot be known now: StoreUnavailable.
        """
