"""Nothing of a key or a token is in a log, a metric or a response."""

import json

import pytest

from tests.functional.leaks.scene import ARN, KEY, http, key_document, secret
from tests.support.canary import CANARY
from tests.support.http_server import sends, sends_and_closes
from tests.support.tokens import claims, compact, jwks


@pytest.mark.parametrize(
    "credential",
    [
        pytest.param(KEY.replace("xx", "xy"), id="wrong-secret"),
        pytest.param(KEY.replace("k3y", "abc"), id="unknown-key"),
        pytest.param(f"gw_{CANARY}", id="malformed-key"),
        pytest.param(CANARY, id="malformed-token"),
        pytest.param(f"{CANARY} {CANARY}", id="two-words"),
        pytest.param(f"{CANARY}." * 2 + "x" * 9_000, id="too-long"),
        pytest.param(f"{CANARY}.{CANARY}.{CANARY}", id="no-json-inside"),
    ],
)
def test_bad_credential(scene, assert_nothing_leaks, credential):
    """A refused credential does not leak."""
    assert scene.post(credential=credential) == 401
    assert_nothing_leaks()


@pytest.mark.parametrize("change", [{"disabled": True}, {"expires": "2020-01-01T00:00:00Z"}])
def test_revoked_key(scene, assert_nothing_leaks, change):
    """A key that was revoked does not leak."""
    scene.store.script = secret(key_document(**change))
    scene.forget()

    assert scene.post() == 401
    assert_nothing_leaks()


@pytest.mark.parametrize(
    "header",
    [
        pytest.param({"kid": CANARY}, id="unknown-key"),
        pytest.param({"alg": CANARY}, id="algorithm"),
        pytest.param({"typ": CANARY}, id="type"),
        pytest.param({"crit": [CANARY]}, id="critical"),
        pytest.param({"jku": f"https://{CANARY}/", "kid": "rsa-new"}, id="key-url"),
    ],
)
def test_bad_token_header(scene, assert_nothing_leaks, header):
    """The header of a refused token does not leak."""
    scene.forget()
    bad = scene.jwt(**header)

    assert scene.post(credential=bad) == 401
    assert_nothing_leaks(jwt=bad)


@pytest.mark.parametrize(
    "claim",
    [
        pytest.param({"exp": 1, "iss": None}, id="expired"),
        pytest.param({"iss": CANARY}, id="issuer"),
        pytest.param({"aud": CANARY}, id="audience"),
        pytest.param({"sub": f"{CANARY}\n"}, id="subject"),
        pytest.param({"exp": CANARY}, id="time"),
    ],
)
def test_bad_claims(scene, assert_nothing_leaks, claim):
    """The claims of a refused token do not leak."""
    payload = claims(**{"iss": scene.issuer.url, **claim})
    header = {"alg": "RS256", "kid": "rsa"}
    bad = compact(header, payload, scene.key.sign)

    assert scene.post(credential=bad) == 401
    assert_nothing_leaks(jwt=bad)


def test_forged(scene, assert_nothing_leaks):
    """A token with a wrong signature does not leak."""
    bad = scene.jwt()[:-8] + "AAAAAAAA"

    assert scene.post(credential=bad) == 401
    assert_nothing_leaks(jwt=bad)


DENIED = http(400, {"__type": "AccessDeniedException", "Message": ARN})


@pytest.mark.parametrize(
    "script",
    [
        pytest.param(sends(DENIED), id="refused"),
        pytest.param(sends(http(500, {"__type": CANARY, "Message": CANARY})), id="failed"),
        pytest.param(sends_and_closes(f"220 {CANARY}\r\n".encode()), id="no-http"),
        pytest.param(secret(CANARY), id="no-document"),
        pytest.param(secret(key_document(sha256=KEY)), id="key-for-digest"),
        pytest.param(secret(key_document(principal=f"{CANARY} ")), id="bad-principal"),
        pytest.param(secret(json.dumps({"keys": {KEY: {}}})), id="key-for-key-id"),
        pytest.param(secret(json.dumps({CANARY: {}})), id="unknown-member"),
    ],
)
def test_key_store(scene, assert_nothing_leaks, script):
    """A key store that fails, or has a secret in the wrong place, leaks nothing."""
    scene.store.script = script
    scene.forget()

    assert scene.post() == 503
    assert '"message":"store failed"' in scene.log.text
    assert_nothing_leaks()


@pytest.mark.parametrize("failure", ["500", "not-http", "empty", "302", "reset"])
def test_issuer(scene, assert_nothing_leaks, failure):
    """An issuer that fails leaks nothing."""
    scene.issuer.failure = failure
    scene.forget()

    assert scene.post(credential=scene.jwt()) == 503
    assert_nothing_leaks(jwt=scene.jwt())


def test_key_set(scene, assert_nothing_leaks):
    """An unusable key set does not leak."""
    scene.issuer.key_set = jwks({"kty": "RSA", "kid": CANARY, "n": CANARY, "e": CANARY})
    scene.forget()

    assert scene.post(credential=scene.jwt()) == 401
    assert_nothing_leaks()


@pytest.mark.parametrize("user", [f"{CANARY}:{CANARY}", CANARY, f"{CANARY}:\u00fc", f"[{CANARY}"])
def test_proxy(scene, assert_nothing_leaks, monkeypatch, user):
    """The credentials of a proxy that refuses the gateway do not leak."""
    monkeypatch.setenv(
        "HTTPS_PROXY", f"http://{user}@{scene.sagemaker.url.removeprefix('http://')}"
    )
    scene.sagemaker.script = sends(http(407, CANARY.encode()))
    environ = {"GATEWAY_ROUTING": "file:nothing.yaml"}
    scene.with_parts({**environ, "GATEWAY_JWT_JWKS_URL": "https://aws.invalid/"}, schemes=None)

    assert scene.post(credential=scene.jwt()) == 503
    assert '"store":"jwks"' in scene.log.text
    assert_nothing_leaks()
