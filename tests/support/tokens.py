"""JSON Web Tokens for tests: real keys, and tokens with any header and any claims."""

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
    """A key pair with its id and its algorithm."""

    kid: str
    algorithm: str
    private: Any = field(repr=False)

    def public(self, **members: Any) -> dict[str, Any]:
        """Return the entry of a key set; a member that is None is left out."""
        numbers = self._jwk(self.private.public_key())
        entry = {**numbers, "kid": self.kid, "use": "sig", "alg": self.algorithm, **members}
        return {name: value for name, value in entry.items() if value is not None}

    def with_private_half(self) -> dict[str, Any]:
        return {**self._jwk(self.private), **self.public()}

    def sign(self, message: bytes, algorithm: str | None = None) -> bytes:
        name = algorithm or self.algorithm
        return bytes(jwt.get_algorithm_by_name(name).sign(message, self.private))

    def _jwk(self, key: Any) -> dict[str, Any]:
        members = jwt.get_algorithm_by_name(self.algorithm).to_jwk(key, as_dict=True)
        return {name: value for name, value in members.items() if name != "key_ops"}


def make_keys() -> dict[str, Key]:
    """Generate a key of each kind, by id; this takes about a second."""
    keys = [
        Key("rsa", "RS256", rsa.generate_private_key(65537, 2048)),
        Key("rsa-new", "RS256", rsa.generate_private_key(65537, 2048)),
        Key("rsa-short", "RS256", rsa.generate_private_key(65537, 1024)),
        Key("p256", "ES256", ec.generate_private_key(ec.SECP256R1())),
        Key("p384", "ES384", ec.generate_private_key(ec.SECP384R1())),
        Key("ed", "EdDSA", ed25519.Ed25519PrivateKey.generate()),
    ]
    return {key.kid: key for key in keys}


def claims(**changes: Any) -> dict[str, Any]:
    """Return the claims of a good token; None leaves a claim out, a timedelta counts from now."""
    now = int(time.time())
    good = {
        "iss": ISSUER,
        "aud": AUDIENCE,
        "sub": "somebody",
        "iat": now - 5,
        "exp": now + 3600,
        "scope": "openid model:iris model:house-price:*",
    }
    times = {
        name: now + value.total_seconds()
        for name, value in changes.items()
        if isinstance(value, timedelta)
    }
    changed = {**good, **changes, **times}
    return {name: value for name, value in changed.items() if value is not None}


def seconds(number: float) -> timedelta:
    """Return a time that counts from the moment when the token is made."""
    return timedelta(seconds=number)


def encoded(part: Any) -> bytes:
    """Encode a part of a token: bytes unchanged, anything else as JSON."""
    data = part if isinstance(part, bytes) else json.dumps(part).encode()
    return jwt.utils.base64url_encode(data)


def compact(header: Any, payload: Any, sign: Callable[[bytes], bytes]) -> str:
    """Return a token with these parts and a signature of them."""
    message = encoded(header) + b"." + encoded(payload)
    return (message + b"." + encoded(sign(message))).decode()


def token(key: Key, header: dict[str, Any] | None = None, payload: Any = None) -> str:
    """Return a good token, unless the header or the payload differ; None leaves a member out."""
    members = {"alg": key.algorithm, "kid": key.kid, "typ": "at+jwt", **(header or {})}
    present = {name: value for name, value in members.items() if value is not None}
    return compact(present, claims() if payload is None else payload, key.sign)


def jwks(*keys: dict[str, Any]) -> bytes:
    return json.dumps({"keys": keys}).encode()


def settings(**environ: str) -> Settings:
    """Return settings that take the tokens; names are without `GATEWAY_`, in lower case."""
    defaults = {"jwt_issuer": ISSUER, "jwt_audience": AUDIENCE}
    named = {f"GATEWAY_{name.upper()}": text for name, text in {**defaults, **environ}.items()}
    return Settings.from_env(named)


def scheme(published: bytes, **environ: str) -> JsonWebTokens:
    """Return the scheme for an issuer with this key set; it uses no network."""
    rules = TokenRules.of(settings(**environ))
    assert rules is not None
    algorithms = rules.algorithms
    keys = Refreshed(
        lambda: parse_key_set(published, algorithms), max_age_seconds=300, cooldown_seconds=30
    )
    return JsonWebTokens(rules, keys)


def refusal(tokens: JsonWebTokens, text: str) -> str:
    """Return the reason for the log; the exception holds nothing else."""
    with pytest.raises(BadCredential) as refused:
        tokens.authenticate(text)
    assert refused.value.args == (refused.value.reason,)
    return refused.value.reason
