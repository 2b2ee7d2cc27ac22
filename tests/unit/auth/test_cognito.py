"""Amazon Cognito's access tokens pass, with the settings that docs/authentication.md shows."""

import json
import re
import time

import pytest

from chalicelib.auth.credentials import BadCredential
from tests.support.paths import ROOT
from tests.support.tokens import Key, jwks, scheme, token

DOCS = (ROOT / "docs/authentication.md").read_text(encoding="utf-8")
(DOCUMENTED,) = [
    json.loads(block)
    for block in re.findall(r"```json\n(.*?)```", DOCS, re.DOTALL)
    if "GATEWAY_JWT_ISSUER" in block
]
POOL = DOCUMENTED["GATEWAY_JWT_ISSUER"]
CLIENT = DOCUMENTED["GATEWAY_JWT_AUDIENCE"]
NOW = int(time.time())

# The claims of a user's access token. In a machine's token the subject is the client id.
USERS = {
    "sub": "aaaaaaaa-bbbb-4ccc-8ddd-eeeeeeeeeeee",
    "cognito:groups": ["model:wine", "staff"],
    "iss": POOL,
    "version": 2,
    "client_id": CLIENT,
    "origin_jti": "bbbbbbbb-bbbb-4ccc-8ddd-eeeeeeeeeeee",
    "event_id": "cccccccc-bbbb-4ccc-8ddd-eeeeeeeeeeee",
    "token_use": "access",
    "scope": "openid gateway/iris gateway/house-price:* other/wine",
    "auth_time": NOW - 60,
    "exp": NOW + 3540,
    "iat": NOW - 60,
    "jti": "dddddddd-bbbb-4ccc-8ddd-eeeeeeeeeeee",
    "username": "zoe",
}
MACHINES = {
    **{name: USERS[name] for name in ("iss", "version", "client_id", "token_use", "scope")},
    **{name: USERS[name] for name in ("auth_time", "exp", "iat", "jti")},
    "sub": CLIENT,
}
ID_TOKEN = {
    **{name: USERS[name] for name in ("sub", "iss", "cognito:groups", "exp", "iat", "jti")},
    "aud": CLIENT,
    "token_use": "id",
    "email": "zoe@example.com",
    "cognito:username": "zoe",
}


@pytest.fixture(name="key")
def _key(signing_keys):
    return Key("1234example=", "RS256", signing_keys["rsa"].private)


@pytest.fixture(name="pool")
def _pool(key):
    """Return the scheme for the documented settings with these changes."""

    def pool(**changes):
        environ = {**DOCUMENTED, **changes}
        named = {name.removeprefix("GATEWAY_").lower(): text for name, text in environ.items()}
        return scheme(jwks(key.public()), **named)

    return pool


def cognito_token(key, payload):
    """Return a token as Cognito makes it: the header has no `typ`."""
    return token(key, {"typ": None}, payload)


@pytest.mark.parametrize(("payload", "principal"), [(USERS, USERS["sub"]), (MACHINES, CLIENT)])
def test_access_token(pool, key, payload, principal):
    """Access tokens of users and of machines are good."""
    identity = pool().authenticate(cognito_token(key, payload))

    assert (identity.principal, identity.grants) == (principal, ("iris", "house-price/*"))
    assert identity.expires == payload["exp"] + 30


def test_id_token(pool, key):
    """An ID token is refused: it is meant for the app that signed the user in."""
    for tokens in (pool(), any_client(pool)):
        with pytest.raises(BadCredential, match="wrong-audience"):
            tokens.authenticate(cognito_token(key, ID_TOKEN))


def any_client(pool):
    return pool(GATEWAY_JWT_AUDIENCE="access", GATEWAY_JWT_AUDIENCE_CLAIM="token_use")


def test_another_client(pool, key):
    """Another client of the pool is refused, unless the settings allow every client."""
    other_token = cognito_token(key, {**USERS, "client_id": "another"})

    with pytest.raises(BadCredential, match="wrong-audience"):
        pool().authenticate(other_token)
    assert any_client(pool).authenticate(other_token).grants == ("iris", "house-price/*")


def test_another_pool(pool, key):
    """Tokens of another user pool are refused."""
    with pytest.raises(BadCredential, match="wrong-issuer"):
        pool().authenticate(cognito_token(key, {**USERS, "iss": f"{POOL}X"}))


def test_scopes_with_a_prefix_of_their_own(pool, key):
    """The grant prefix includes the id of the resource server."""
    payload = {**USERS, "scope": "gateway/model:iris gateway/model:is-digit:7 gateway/other"}
    tokens = pool(GATEWAY_JWT_GRANT_PREFIX="gateway/model:")

    assert tokens.authenticate(cognito_token(key, payload)).grants == ("iris", "is-digit/7")
    default = pool(GATEWAY_JWT_GRANT_PREFIX="model:")
    assert default.authenticate(cognito_token(key, payload)).grants == ()


def test_several_clients(pool, key):
    """The settings can list several clients."""
    tokens = pool(GATEWAY_JWT_AUDIENCE=f"{CLIENT},another")

    assert tokens.authenticate(cognito_token(key, {**USERS, "client_id": "another"})).grants
    with pytest.raises(BadCredential, match="wrong-audience"):
        tokens.authenticate(cognito_token(key, {**USERS, "client_id": f"{CLIENT},another"}))


def test_groups(pool, key):
    """Groups can be grants."""
    tokens = pool(GATEWAY_JWT_GRANTS_CLAIM="cognito:groups", GATEWAY_JWT_GRANT_PREFIX="model:")

    assert tokens.authenticate(cognito_token(key, USERS)).grants == ("wine",)
