"""Builds the schemes that the settings ask for."""

from __future__ import annotations

import time
from functools import partial
from typing import TYPE_CHECKING, NamedTuple, TypeVar

from chalicelib.auth.api_keys import ApiKeys, KeySecret
from chalicelib.auth.json_web_tokens import JsonWebTokens, TokenRules
from chalicelib.aws.refreshed import Refreshed, failure_reason

if TYPE_CHECKING:
    from collections.abc import Callable

    from chalicelib.auth.signatures import KeySet
    from chalicelib.settings import Settings

T = TypeVar("T")

KEYS_COOLDOWN_SECONDS = 10.0
JWKS_MAX_AGE_SECONDS = 300.0
JWKS_COOLDOWN_SECONDS = 30.0

EXPIRES_AFTER_SECONDS = 24 * 3600.0
"""How long keys are used during an outage of their store, even if they have been revoked."""


class Schemes(NamedTuple):
    """The schemes, in the order in which they look at a token."""

    api_keys: ApiKeys
    json_web_tokens: JsonWebTokens


def schemes(
    settings: Settings,
    *,
    report_failure: Callable[[str, str], None] = lambda store, reason: None,
    report_key_age: Callable[[float], None] = lambda seconds: None,
    clock: Callable[[], float] = time.time,
) -> Schemes:
    """Build the schemes. Nothing is read before the first credential of a kind comes.

    Args:
        report_failure: Is called with the store, `keys` or `jwks`, and the reason when the store
            cannot be read, or when an issuer publishes no key that can be used.
        report_key_age: Is called with the age of the API keys in seconds, each time they are used.
    """

    def refreshed(
        store: str, fetch: Callable[[], T], max_age_seconds: float, cooldown_seconds: float
    ) -> Refreshed[T]:
        return Refreshed(
            fetch,
            max_age_seconds=max_age_seconds,
            cooldown_seconds=cooldown_seconds,
            expires_after_seconds=EXPIRES_AFTER_SECONDS,
            clock=clock,
            report=lambda error: report_failure(store, failure_reason(error)),
        )

    secret, rules = settings.keys_secret, TokenRules.of(settings)
    keys = key_set = None
    if secret is not None:
        read = KeySecret(secret).read
        keys = refreshed("keys", read, settings.keys_max_age, KEYS_COOLDOWN_SECONDS)
    if rules is not None:
        fetch = partial(_fetch_keys, rules, partial(report_failure, "jwks"))
        key_set = refreshed("jwks", fetch, JWKS_MAX_AGE_SECONDS, JWKS_COOLDOWN_SECONDS)
    return Schemes(ApiKeys(keys, clock, report_key_age), JsonWebTokens(rules, key_set))


def _fetch_keys(rules: TokenRules, report_failure: Callable[[str], None]) -> KeySet:
    # Imported here, because only callers with a JWT need PyJWT, cryptography and TLS.
    from chalicelib.auth import issuer  # noqa: PLC0415

    keys = issuer.fetch_keys(rules)
    if not keys:
        report_failure("the key set has no usable key")
    return keys
