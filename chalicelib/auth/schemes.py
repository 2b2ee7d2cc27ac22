"""The schemes that the settings ask for, in the order in which they are asked."""

from __future__ import annotations

import time
from functools import partial
from typing import TYPE_CHECKING, NamedTuple

from chalicelib.auth.api_keys import ApiKeys
from chalicelib.auth.identity import BadCredential, Identity, Scheme
from chalicelib.auth.json_web_tokens import JsonWebTokens
from chalicelib.auth.key_secret import KeySecret
from chalicelib.auth.last_known_good import LastKnownGood
from chalicelib.auth.token_rules import TokenRules

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from chalicelib.auth.key_set import KeySet
    from chalicelib.settings import Settings

    Clock = Callable[[], float]
    Report = Callable[[str, str], None]
    """Is told of a store that could not be read: which one, and why."""

    NoteAge = Callable[[float], None]
    """Is told how many seconds old the keys are, each time they are used."""

KEYS_COOLDOWN_SECONDS = 10.0
JWKS_MAX_AGE_SECONDS = 300.0
JWKS_COOLDOWN_SECONDS = 30.0


class Schemes(NamedTuple):
    """One of each; what needs the network is read when a credential of its kind comes."""

    api_keys: ApiKeys
    json_web_tokens: JsonWebTokens


def schemes(
    settings: Settings,
    *,
    report: Report = lambda store, reason: None,
    note_key_age: NoteAge = lambda seconds: None,
    clock: Clock = time.time,
) -> Schemes:
    """The schemes of these settings."""
    return Schemes(
        _api_keys(settings, report, note_key_age, clock),
        _json_web_tokens(settings, report, clock),
    )


def identify(token: str, among: Iterable[Scheme]) -> Identity:
    """Who the token is for.

    When it is not good: BadCredential. When that cannot be known now: StoreUnavailable.
    """
    for scheme in among:
        identity = scheme.authenticate(token)
        if identity is not None:
            return identity
    raise BadCredential("no-scheme")


def _api_keys(settings: Settings, report: Report, note_age: NoteAge, clock: Clock) -> ApiKeys:
    if settings.keys_secret is None:
        return ApiKeys(None)
    keys = LastKnownGood(
        KeySecret(settings.keys_secret).read,
        max_age_seconds=settings.keys_max_age,
        cooldown_seconds=KEYS_COOLDOWN_SECONDS,
        clock=clock,
        report=partial(report, "keys"),
    )
    return ApiKeys(keys, clock, note_age)


def _json_web_tokens(settings: Settings, report: Report, clock: Clock) -> JsonWebTokens:
    rules = TokenRules.of(settings)
    if rules is None:
        return JsonWebTokens(None, None)
    keys = LastKnownGood(
        partial(_fetch_keys, rules),
        max_age_seconds=JWKS_MAX_AGE_SECONDS,
        cooldown_seconds=JWKS_COOLDOWN_SECONDS,
        clock=clock,
        report=partial(report, "jwks"),
    )
    return JsonWebTokens(rules, keys)


def _fetch_keys(rules: TokenRules) -> KeySet:
    # Here and not above: PyJWT, cryptography and TLS are needed by those alone who send a JWT.
    from chalicelib.auth import issuer  # noqa: PLC0415

    return issuer.fetch_keys(rules)
