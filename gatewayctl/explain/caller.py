"""On whose behalf the gateway is asked."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from chalicelib.auth.credentials import Identity, Outcome
from chalicelib.auth.principal import EVERYTHING, GRANT_RULE, OK, UNAUTHORIZED, Principal, is_grant
from chalicelib.errors import quoted
from gatewayctl.command import WrongUse
from gatewayctl.keys.listing import state

if TYPE_CHECKING:
    from chalicelib.auth.key_document import ApiKey


@dataclass(frozen=True, slots=True)
class Caller:
    """Somebody with grants."""

    described: str
    identity: Identity
    refused: str | None = None
    """Why the credential is not good, if it is not."""

    def principal(self, now: int) -> Principal:
        """As the gateway has it. When the credential is not good: Unauthorized."""
        return Principal(
            Outcome(UNAUTHORIZED if self.refused else OK, self.identity).context(), now=now
        )

    def deciding(self, path: str, now: int) -> list[str]:
        """The grants that let it call this path, each of which would do alone."""
        return [grant for grant in self.identity.grants if _alone(grant, now).may_call(path)]


ANYBODY = Caller("anybody", Identity("anybody", (EVERYTHING,), None))


def with_grants(text: str) -> Caller:
    """Somebody who has just these."""
    grants = tuple(dict.fromkeys(text.split()))
    for grant in grants:
        if not is_grant(grant):
            raise WrongUse(
                f"--grants has {quoted(grant)}, which is no grant; a grant is {GRANT_RULE}"
            )
    return Caller("--grants", Identity("--grants", grants, None))


def with_key(key: ApiKey, now: int) -> Caller:
    """Whoever holds the key."""
    is_good = state(key, now) in {"active", "expiring"}
    identity = Identity(key.principal, key.grants, key.expires, key.key_id)
    described = f"key {key.key_id} of {key.principal}"
    return Caller(described, identity, None if is_good else f"the key is {state(key, now)}")


def _alone(grant: str, now: int) -> Principal:
    return Caller("", Identity("", (grant,), None)).principal(now)
