"""An issuer of tokens: real keys, and signatures on whatever a test wants to be signed."""

from __future__ import annotations

import json
import time
from dataclasses import dataclass, field
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa

from chalicelib.auth.credentials import BadCredential
from chalicelib.auth.json_web_tokens import JsonWebTokens, TokenRules
from chalicelib.auth.signatures import parse_key_set
from chalicelib.aws.refreshed import Refreshed
from chalicelib.settings import Settings

if TYPE_CHECKING:
    from collections.abc import Callable

ISSUER = "https://issuer.example/pool"
AUDIENCE = "gateway"


@dataclass(frozen=True)
class Key:
    """A key pair with its name and its algorithm."""

    kid: str
    algorithm: str
    private: Any = field(repr=False)

    def public(self, **members: Any) -> dict[str, Any]:
        """As a key set shows it; a member that is None is left out."""
        numbers = self._jwk(self.private.public_key())
        said = {"kid": self.kid, "use": "sig", "alg": self.algorithm, **members}
        return {name: value for name, value in {**numbers, **said}.items() if value is not None}

    def with_private_half(self) -> dict[str, Any]:
        return {**self._jwk(self.private), **self.public()}

    def sign(self, message: bytes, algorithm: str | None = None) -> bytes:
        name = algorithm or self.algorithm
        return bytes(jwt.get_algorithm_by_name(name).sign(message, self.private))

    def _jwk(self, key: Any) -> dict[str, Any]:
        members = jwt.get_algorithm_by_name(self.algorithm).to_jwk(key, as_dict=True)
        return {name: value for name, value in members.items() if name != "key_ops"}


def make_keys() -> dict[str, Key]:
    """One of each sort, by name; it takes about a second."""
    made = [
        Key("rsa", "RS256", rsa.generate_private_key(65537, 2048)),
        Key("rsa-new", "RS256", rsa.generate_private_key(65537, 2048)),
        Key("rsa-short", "RS256", rsa.generate_private_key(65537, 1024)),
        Key("p256", "ES256", ec.generate_private_key(ec.SECP256R1())),
        Key("p384", "ES384", ec.generate_private_key(ec.SECP384R1())),
        Key("ed", "EdDSA", ed25519.Ed25519PrivateKey.generate()),
    ]
    return {key.kid: key for key in made}


def claims(**changes: Any) -> dict[str, Any]:
    """Of a good token; a claim that is None is left out, and a timedelta counts from now."""
    now = int(time.time())
    good = {
        "iss": ISSUER,
        "aud": AUDIENCE,
        "sub": "somebody",
        "iat": now - 5,
        "exp": now + 3600,
        "scope": "openid model:iris model:house-price:*",
    }
    times = {name: now + by.total_seconds() for name, by in changes.items() if is_span(by)}
    said = {**good, **changes, **times}
    return {name: value for name, value in said.items() if value is not None}


def is_span(value: Any) -> bool:
    return isinstance(value, timedelta)


def seconds(number: float) -> timedelta:
    """From now, when the token is made."""
    return timedelta(seconds=number)


def encoded(part: Any) -> bytes:
    """A part of a token: bytes as they are, anything else as JSON."""
    data = part if isinstance(part, bytes) else json.dumps(part).encode()
    return jwt.utils.base64url_encode(data)


def compact(header: Any, payload: Any, sign: Callable[[bytes], bytes]) -> str:
    """A token with these parts, signed whatever they say."""
    message = encoded(header) + b"." + encoded(payload)
    return (message + b"." + encoded(sign(message))).decode()


def token(key: Key, header: dict[str, Any] | None = None, payload: Any = None) -> str:
    """Good, unless `header` or `payload` change it; a header member that is None is left out."""
    said = {"alg": key.algorithm, "kid": key.kid, "typ": "at+jwt", **(header or {})}
    kept = {name: value for name, value in said.items() if value is not None}
    return compact(kept, claims() if payload is None else payload, key.sign)


def jwks(*keys: dict[str, Any]) -> bytes:
    return json.dumps({"keys": keys}).encode()


def settings(**environ: str) -> Settings:
    """These settings, named without `GATEWAY_` and in lower case, for the issuer's tokens."""
    defaults = {"jwt_issuer": ISSUER, "jwt_audience": AUDIENCE}
    named = {f"GATEWAY_{name.upper()}": text for name, text in {**defaults, **environ}.items()}
    return Settings.from_env(named)


def scheme(published: bytes, **environ: str) -> JsonWebTokens:
    """Takes tokens of an issuer that publishes this key set, without any network."""
    rules = TokenRules.of(settings(**environ))
    assert rules is not None
    algorithms = rules.algorithms
    keys = Refreshed(
        lambda: parse_key_set(published, algorithms), max_age_seconds=300, cooldown_seconds=30
    )
    return JsonWebTokens(rules, keys)


def refusal(tokens: JsonWebTokens, text: str) -> str:
    """The reason in our log; the exception is one class and holds nothing else."""
    with pytest.raises(BadCredential) as refused:
        tokens.authenticate(text)
    assert refused.value.args == (refused.value.reason,)
    return refused.value.reason
