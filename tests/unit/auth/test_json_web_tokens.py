"""Which JWTs are taken, and for whom."""

import time

import pytest

from chalicelib.auth.credentials import Identity
from chalicelib.auth.json_web_tokens import LATEST_TIME, JsonWebTokens
from tests.unit.auth.issuer import claims, refusal, scheme, seconds, token


class TestTaken:
    def test_identity(self, tokens, rsa):
        """Who it is, what they may call, and until when: the leeway is in it."""
        end = int(time.time()) + 600

        assert tokens.authenticate(token(rsa, payload=claims(exp=end))) == Identity(
            principal="somebody",
            grants=("iris", "house-price/*"),
            expires=end + 30,
            key_id=None,
        )

    @pytest.mark.parametrize("kid", ["rsa", "p256", "p384", "ed"])
    def test_algorithms(self, tokens, signing_keys, kid):
        """Each with a key of its own."""
        assert tokens.authenticate(token(signing_keys[kid])).principal == "somebody"

    @pytest.mark.parametrize(
        "typ",
        [None, "JWT", "jwt", "at+jwt", "AT+JWT", "application/at+jwt", "Application/AT+JWT"],
    )
    def test_types(self, tokens, rsa, typ):
        """In any case, with `application/` and without; or none at all."""
        assert tokens.authenticate(token(rsa, {"typ": typ}))

    @pytest.mark.parametrize(
        "changes",
        [
            {"exp": seconds(-10)},
            {"iat": seconds(20)},
            {"nbf": seconds(20)},
            {"exp": seconds(600.5), "iat": seconds(-5.5)},
            {"exp": LATEST_TIME},
            {"sub": "x" * 256},
            {"sub": "auth0|5f7c8ec7c33c6c004bbafe82"},
            {"sub": "Zoë  Łódź"},
            {"scope": None},
            {"token_use": "access", "roles": {"a": [1, {"b": None}]}},
        ],
        ids=str,
    )
    def test_claims(self, tokens, rsa, changes):
        """Clocks may differ by 30 s; what we do not know is not our business."""
        assert tokens.authenticate(token(rsa, payload=claims(**changes)))

    @pytest.mark.parametrize("name", ["jwk", "jku", "x5u", "x5c", "x5t", "cty", "unheard-of"])
    def test_headers_that_are_ignored(self, tokens, signing_keys, rsa, name):
        """Whatever key a token brings or points at, the issuer's is used."""
        value = {"jwk": signing_keys["rsa-new"].public()}.get(name, "https://attacker.example/")

        assert tokens.authenticate(token(rsa, {name: value}))

    def test_no_grants(self, tokens, rsa):
        """Somebody whom no model was granted is still somebody."""
        assert tokens.authenticate(token(rsa, payload=claims(scope="openid"))).grants == ()

    def test_other_claims_for_audience_and_grants(self, published, rsa):
        """As the settings say."""
        tokens = scheme(
            published,
            jwt_audience_claim="client_id",
            jwt_audience="abc",
            jwt_grants_claim="https://gateway.example/models",
            jwt_grant_prefix="",
        )
        payload = claims(client_id="abc", aud=["others"])
        payload["https://gateway.example/models"] = ["iris", "is-digit/7"]

        assert tokens.authenticate(token(rsa, payload=payload)).grants == ("iris", "is-digit/7")


class TestWhoseItIs:
    def test_an_api_key_is_not_ours(self, tokens):
        """None, whatever else is wrong with it."""
        assert tokens.authenticate("gw_") is None
        assert tokens.authenticate("gw_abcdefgh_" + "x" * 43) is None

    def test_without_an_issuer(self, rsa):
        """Every JWT is refused, the good ones too."""
        assert refusal(JsonWebTokens(None, None), token(rsa)) == "no-issuer"
