"""Builds the schemes that the settings ask for."""

from __future__ import annotations

import time
from functools import partial
from typing import TYPE_CHECKING, NamedTuple

from chalicelib.auth.api_keys import ApiKeys, KeySecret
from chalicelib.auth.json_web_tokens import JsonWebTokens, TokenRules
from chalicelib.aws.refreshed import Refreshed, failure_reason

if TYPE_CHECKING:
    from collections.abc import Callable

    from chalicelib.auth.signatures import KeySet
    from chalicelib.settings import Settings

    Clock = Callable[[], float]

KEYS_COOLDOWN_SECONDS = 10.0
JWKS_MAX_AGE_SECONDS = 300.0
JWKS_COOLDOWN_SECONDS = 30.0

EXPIRES_AFTER_SECONDS = 24 * 3600.0
"""How long keys are used while their store is away. A revoked key must not be good for longer."""


class Schemes(NamedTuple):
    """The schemes, in the order in which they look at a token."""

    api_keys: ApiKeys
    json_web_tokens: JsonWebTokens


def schemes(
    settings: Settings,
    *,
    report_failure: Callable[[str, str], None] = lambda store, reason: None,
    report_key_age: Callable[[float], None] = lambda seconds: None,
    clock: Clock = time.time,
) -> Schemes:
    """Build the schemes. Nothing is read before the first credential of a kind comes.

    Args:
        report_failure: Is called with the store, `keys` or `jwks`, and the reason when the store
            could not be read.
        report_key_age: Is called with the age of the API keys in seconds, each time they are used.
    """

    def report(store: str, error: Exception) -> None:
        report_failure(store, failure_reason(error))

    return Schemes(
        _api_keys(settings, partial(report, "keys"), report_key_age, clock),
        _json_web_tokens(settings, partial(report, "jwks"), clock),
    )


def _api_keys(
    settings: Settings,
    report: Callable[[Exception], None],
    report_age: Callable[[float], None],
    clock: Clock,
) -> ApiKeys:
    if settings.keys_secret is None:
        return ApiKeys(None)
    keys = Refreshed(
        KeySecret(settings.keys_secret).read,
        max_age_seconds=settings.keys_max_age,
        cooldown_seconds=KEYS_COOLDOWN_SECONDS,
        expires_after_seconds=EXPIRES_AFTER_SECONDS,
        clock=clock,
        report=report,
    )
    return ApiKeys(keys, clock, report_age)


def _json_web_tokens(
    settings: Settings, report: Callable[[Exception], None], clock: Clock
) -> JsonWebTokens:
    rules = TokenRules.of(settings)
    if rules is None:
        return JsonWebTokens(None, None)
    keys = Refreshed(
        partial(_fetch_keys, rules),
        max_age_seconds=JWKS_MAX_AGE_SECONDS,
        cooldown_seconds=JWKS_COOLDOWN_SECONDS,
        expires_after_seconds=EXPIRES_AFTER_SECONDS,
        clock=clock,
        report=report,
    )
    return JsonWebTokens(rules, keys)


def _fetch_keys(rules: TokenRules) -> KeySet:
    # Imported here, because only callers with a JWT need PyJWT, cryptography and TLS.
    from chalicelib.auth import issuer  # noqa: PLC0415

    return issuer.fetch_keys(rules)
