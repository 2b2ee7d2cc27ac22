"""Explains what the gateway makes of a JSON Web Token.

The gateway's own code checks the token. The sections show what the token says beside the settings.
No part of the token is printed as it is written, so its signature is never printed.
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

import click

from chalicelib.auth.credentials import API_KEY_PREFIX, check_authorization
from chalicelib.auth.json_web_tokens import JsonWebTokens, TokenRules
from chalicelib.auth.principal import UNAVAILABLE
from chalicelib.aws.refreshed import FetchFailed, Refreshed
from chalicelib.errors import ConfigurationError, Unauthorized, UnknownModel
from chalicelib.settings import SETTINGS, Settings
from gatewayctl import stage as stages
from gatewayctl.commands.explain_sections import report
from gatewayctl.commands.explain_token_sections import token_sections
from gatewayctl.report import NotReachable, WrongUse

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from chalicelib.auth.credentials import Identity, Outcome
    from chalicelib.auth.signatures import KeySet
    from gatewayctl.command import Context
    from gatewayctl.report import Report

PREFIX = "GATEWAY_JWT_"
LONGEST_FILE = 100_000


def read_token(file: str) -> str:
    """Read the token from a file or from standard input.

    Args:
        file: The value of `--token`. No message repeats it, because a user may have given the token
            itself.

    Raises:
        WrongUse: The file cannot be read, or holds something else than a JWT.
    """
    try:
        with click.open_file(file, "rb") as stream:  # - is standard input
            data: bytes = stream.read(LONGEST_FILE)
    except (OSError, ValueError) as error:
        why = error.strerror if isinstance(error, OSError) else "no file has such a name"
        raise WrongUse(
            f"the file of --token cannot be read ({why}); write the token to a file and name the "
            "file, or pipe the token in and give --token -"
        ) from None
    text = data.decode("utf-8", errors="replace").strip()
    token = re.sub(r"^(authorization:\s*)?bearer\s+", "", text, flags=re.IGNORECASE)
    if not token:
        raise WrongUse("--token has no token: the input is empty")
    if token.startswith(API_KEY_PREFIX):
        raise WrongUse("--token has an API key and no JWT; --as KEY_ID explains an API key")
    return token


@dataclass(frozen=True, slots=True)
class CheckedToken:
    """A token that the gateway's code has checked."""

    rules: TokenRules | None
    outcome: Outcome
    keys: KeySet | None
    """The issuer's key set; None if the token was refused before a key was needed."""

    @property
    def identity(self) -> Identity | None:
        return self.outcome.identity

    @property
    def reason(self) -> str | None:
        return self.outcome.reason


def check_token(context: Context, token: str, jwks: Path | None) -> CheckedToken:
    """Check a token as the gateway of the stage does.

    Args:
        jwks: A file with the issuer's key set; if None, the key set is fetched when it is needed.

    Raises:
        WrongUse: The gateway would refuse the settings, or the file is not a key set.
        NotReachable: The issuer does not give its key set.
    """
    rules = TokenRules.of(_settings(context))
    keys = None
    if rules is not None:
        keys = Refreshed(
            _key_source(rules, jwks), max_age_seconds=math.inf, cooldown_seconds=math.inf
        )
    outcome = check_authorization(f"Bearer {token}", [JsonWebTokens(rules, keys)])
    if outcome.verdict == UNAVAILABLE:
        raise NotReachable(
            f"the issuer's key set cannot be fetched ({outcome.reason}); check the network, "
            "GATEWAY_JWT_ISSUER and GATEWAY_JWT_JWKS_URL, or give the key set with --jwks FILE"
        )
    used = keys is not None and keys.fetched_at is not None
    return CheckedToken(rules, outcome, keys.value() if keys is not None and used else None)


def _settings(context: Context) -> Settings:
    """Return the stage's settings for JWTs; a variable of this process replaces the stage's."""
    names = [row.variable for row in SETTINGS if row.variable.startswith(PREFIX)]
    read = partial(
        stages.variable,
        stage=context.stage,
        project=context.project,
        instead="set the variables GATEWAY_JWT_… for this command",
    )
    values = {name: context.environment.get(name, read(name)) for name in names}
    try:
        return Settings.from_env({name: text for name, text in values.items() if text is not None})
    except ConfigurationError as error:
        raise WrongUse("; ".join(error.lines)) from None


def _key_source(rules: TokenRules, jwks: Path | None) -> Callable[[], KeySet]:
    # Imported here, because only tokens need PyJWT and cryptography.
    from chalicelib.auth import issuer, signatures  # noqa: PLC0415

    if jwks is None:
        return lambda: issuer.fetch_keys(rules)
    try:
        keys = signatures.parse_key_set(jwks.read_bytes(), rules.algorithms)
    except FetchFailed as error:
        raise WrongUse(f"--jwks: {error.reason}") from None
    except OSError as error:
        raise WrongUse(f"the file of --jwks cannot be read ({error.strerror})") from None
    return lambda: keys


def explain_token(context: Context, token: str, jwks: Path | None) -> Report:
    """Explain a token, and which models its grants cover."""
    checked = check_token(context, token, jwks)
    refusal = _refusal(checked)
    if refusal is None:
        answer = ["accepted"]
    else:
        answer = [f"{refusal['status']} {refusal['slug']}: {checked.reason}"]
        if checked.identity is None:
            answer.append("the claims below are not proven: they are what the token says of itself")
        else:
            answer.append("the token is good, but it has no grants, so no model can be called")
    return report(
        "token",
        answer,
        [*token_sections(context, token, checked.rules, checked.keys)],
        is_refused=refusal is not None,
        data={"refusal": refusal},
    )


def _refusal(checked: CheckedToken) -> dict[str, object] | None:
    if checked.identity is not None and checked.identity.grants:
        return None
    error = Unauthorized if checked.identity is None else UnknownModel
    return {"status": error.status, "slug": error.slug, "reason": checked.reason}
