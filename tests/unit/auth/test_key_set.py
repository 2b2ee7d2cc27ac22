"""Which keys of a key set are usable."""

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from chalicelib.auth.signatures import parse_key_set
from chalicelib.aws.refreshed import FetchFailed
from tests.support.tokens import jwks

ALL = ("RS256", "PS256", "ES256", "ES384", "EdDSA")


def refusal(data):
    with pytest.raises(FetchFailed) as refused:
        parse_key_set(data, ALL)
    return refused.value.reason


def test_keys_by_id(signing_keys):
    """Each usable key is returned by its id, with its algorithm."""
    published = jwks(*(key.public() for key in signing_keys.values()))

    assert {kid: key.algorithm_name for kid, key in parse_key_set(published, ALL).items()} == {
        "rsa": "RS256",
        "rsa-new": "RS256",
        "p256": "ES256",
        "p384": "ES384",
        "ed": "EdDSA",
    }


@pytest.mark.parametrize(
    ("name", "members"),
    [
        ("rsa", {"use": None}),
        ("rsa", {"key_ops": ["verify"]}),
        ("rsa", {"key_ops": ["verify", "encrypt"], "use": None}),
        ("rsa", {"alg": None}),
        ("rsa", {"alg": "PS256"}),
        ("p384", {"alg": None}),
        ("ed", {"alg": None}),
        ("rsa", {"x5c": ["MII"], "x5t": "abc", "x5u": "https://attacker.example/"}),
        ("rsa", {"kid": "1234example="}),
    ],
    ids=str,
)
def test_usable(signing_keys, name, members):
    """Members may be missing if the rest is clear, and unknown members are ignored."""
    assert len(parse_key_set(jwks(signing_keys[name].public(**members)), ALL)) == 1


@pytest.mark.parametrize(
    ("name", "members"),
    [
        ("rsa", {"use": "enc"}),
        ("rsa", {"use": "SIG"}),
        ("rsa", {"use": ["sig"]}),
        ("rsa", {"key_ops": ["encrypt"]}),
        ("rsa", {"key_ops": []}),
        ("rsa", {"key_ops": "verify"}),
        ("rsa", {"key_ops": {"verify": 1}}),
        ("rsa", {"kid": None}),
        ("rsa", {"kid": ""}),
        ("rsa", {"kid": 7}),
        ("rsa", {"kid": "x" * 257}),
        ("rsa", {"alg": "RS384"}),
        ("rsa", {"alg": "RSA-OAEP"}),
        ("rsa", {"alg": "HS256"}),
        ("rsa", {"alg": "none"}),
        ("rsa", {"alg": ["RS256"]}),
        ("rsa", {"alg": 7}),
        ("rsa", {"alg": "ES256"}),
        ("rsa", {"kty": "oct"}),
        ("rsa", {"kty": "EC"}),
        ("rsa", {"kty": ["RSA"]}),
        ("rsa", {"kty": {"RSA": 1}}),
        ("rsa", {"kty": None}),
        ("rsa", {"n": None}),
        ("rsa", {"n": 7}),
        ("rsa", {"n": ""}),
        ("rsa", {"n": "!"}),
        ("rsa", {"e": "AQ"}),
        ("rsa", {"e": "AAAA"}),
        ("rsa-short", {}),
        ("p256", {"alg": "ES384"}),
        ("p256", {"crv": "P-384"}),
        ("p256", {"crv": "secp256k1"}),
        ("p256", {"crv": ["P-256"]}),
        ("p256", {"x": None}),
        ("p256", {"x": "AAAA"}),
        ("p256", {"y": 7}),
        ("p256", {"kty": "OKP"}),
        ("p384", {"alg": "ES256"}),
        ("ed", {"crv": "X25519"}),
        ("ed", {"x": "AAAA"}),
    ],
    ids=str,
)
def test_not_usable(signing_keys, name, members):
    """A key for another purpose, algorithm or curve is left out, and a short or broken key too."""
    assert parse_key_set(jwks(signing_keys[name].public(**members)), ALL) == {}


def test_symmetric(signing_keys):
    """A symmetric key is left out, whatever algorithms are allowed."""
    secret = {"kty": "oct", "kid": "a", "k": "c2VjcmV0" * 8, "alg": "HS256"}

    for alg in ("HS256", "RS256"):
        assert parse_key_set(jwks({**secret, "alg": alg}), (*ALL, alg)) == {}
    assert list(parse_key_set(jwks(secret, signing_keys["rsa"].public()), ALL)) == ["rsa"]


def test_private(signing_keys):
    """A key that is published with its private part is left out."""
    for name in ("rsa", "p256", "ed"):
        assert parse_key_set(jwks(signing_keys[name].with_private_half()), ALL) == {}


def test_allowed_algorithms(signing_keys):
    """Only keys for the allowed algorithms are returned."""
    published = jwks(signing_keys["rsa"].public(), signing_keys["p256"].public())

    assert list(parse_key_set(published, ("ES256",))) == ["p256"]


class TestSameId:
    def test_both_usable(self, signing_keys):
        """Two usable keys with the same id are both left out; the other keys stay."""
        first, second = (signing_keys[name].public(kid="same") for name in ("rsa", "rsa-new"))

        assert parse_key_set(jwks(first, second), ALL) == {}
        assert list(parse_key_set(jwks(first, signing_keys["ed"].public(), second), ALL)) == ["ed"]

    def test_one_usable(self, signing_keys):
        """A key for encryption may have the same id as a key for signatures."""
        other = signing_keys["rsa-new"].public(kid="rsa", use="enc", alg="RSA-OAEP")

        assert list(parse_key_set(jwks(other, signing_keys["rsa"].public()), ALL)) == ["rsa"]


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"", "the key set is not a JSON object"),
        (b"<html>", "the key set is not a JSON object"),
        (b"[]", "the key set is not a JSON object"),
        (b"null", "the key set is not a JSON object"),
        (b'{"keys": [}', "the key set is not a JSON object"),
        (b'{"keys": [NaN]}', "the key set is not a JSON object"),
        (b'{"keys": [], "keys": []}', "the key set is not a JSON object"),
        (b'{"keys": ["\xff"]}', "the key set is not a JSON object"),
        ('{"keys": []}'.encode("utf-16"), "the key set is not a JSON object"),
        (b'{"keys": ' + b"[" * 70_000, "the key set is not a JSON object"),
        (b'{"keys": [' + b"9" * 5_000 + b"]}", "the key set is not a JSON object"),
        (b"{}", "the key set has no list of keys"),
        (b'{"keys": {}}', "the key set has no list of keys"),
        (b'{"keys": null}', "the key set has no list of keys"),
    ],
    ids=lambda value: repr(value[:20]) if isinstance(value, bytes) else None,
)
def test_no_key_set(data, reason):
    """The reason says what is wrong, and quotes nothing of the data."""
    assert refusal(data) == reason


@pytest.mark.parametrize("keys", [b"[]", b'[null, 7, "rsa", [], {}]'])
def test_without_keys(keys):
    """A key set without usable keys is a key set: its issuer has withdrawn all keys."""
    assert parse_key_set(b'{"keys": %s, "more": 1}' % keys, ALL) == {}


VALUE = st.none() | st.booleans() | st.integers() | st.text(max_size=8) | st.lists(st.text())


@settings(max_examples=200, deadline=None)
@given(
    name=st.sampled_from(["rsa", "p256", "ed"]),
    changes=st.dictionaries(
        st.sampled_from(["kty", "kid", "alg", "use", "key_ops", "crv", "n", "e", "x", "y", "d"]),
        VALUE,
        min_size=1,
        max_size=3,
    ),
)
def test_any_members(signing_keys, name, changes):
    """Whatever members a key has, it is usable or it is left out."""
    entry = json.loads(json.dumps({**signing_keys[name].public(), **changes}))
    assert len(parse_key_set(jwks(entry), ALL)) <= 1
