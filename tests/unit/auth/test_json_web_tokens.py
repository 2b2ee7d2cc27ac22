"""Which JWTs are good, and which identity they give."""

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chalicelib.auth.credentials import Identity
from chalicelib.auth.json_web_tokens import (
    LATEST_TIME,
    JsonWebTokens,
    TokenRules,
    claim_of,
    find_grants,
)
from chalicelib.auth.key_document import LONGEST_GRANTS
from chalicelib.auth.principal import OK, Principal, is_grant
from tests.support.tokens import claims, refusal, scheme, seconds, settings, token


class TestGoodTokens:
    def test_identity(self, tokens, rsa):
        """The identity has the subject, the grants, and the expiry with its leeway."""
        end = int(time.time()) + 600

        assert tokens.authenticate(token(rsa, payload=claims(exp=end))) == Identity(
            principal="somebody",
            grants=("iris", "house-price/*"),
            expires=end + 30,
            key_id=None,
        )

    @pytest.mark.parametrize("kid", ["rsa", "p256", "p384", "ed"])
    def test_algorithms(self, tokens, signing_keys, kid):
        """Each allowed algorithm is taken with a key for it."""
        assert tokens.authenticate(token(signing_keys[kid])).principal == "somebody"

    @pytest.mark.parametrize(
        "typ",
        [None, "JWT", "jwt", "at+jwt", "AT+JWT", "application/at+jwt", "Application/AT+JWT"],
    )
    def test_types(self, tokens, rsa, typ):
        """`typ` may have any case, may begin with `application/`, and may be missing."""
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
        """Clocks may differ by 30 seconds, and unknown claims are ignored."""
        assert tokens.authenticate(token(rsa, payload=claims(**changes)))

    @pytest.mark.parametrize("name", ["jwk", "jku", "x5u", "x5c", "x5t", "cty", "unheard-of"])
    def test_ignored_headers(self, tokens, signing_keys, rsa, name):
        """The issuer's key is used, whatever key or address is in the token."""
        value = {"jwk": signing_keys["rsa-new"].public()}.get(name, "https://attacker.example/")

        assert tokens.authenticate(token(rsa, {name: value}))

    def test_no_grants(self, tokens, rsa):
        """A good token without grants gives an identity without grants."""
        assert tokens.authenticate(token(rsa, payload=claims(scope="openid"))).grants == ()

    def test_other_claims_for_audience_and_grants(self, published, rsa):
        """The settings name the claims for the audience and the grants."""
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


class TestOtherSchemes:
    def test_api_key(self, tokens):
        """An API key is left to its own scheme, whatever its form is."""
        assert tokens.authenticate("gw_") is None
        assert tokens.authenticate("gw_abcdefgh_" + "x" * 43) is None

    def test_without_an_issuer(self, rsa):
        """Without an issuer in the settings, every JWT is refused."""
        assert refusal(JsonWebTokens(None, None), token(rsa)) == "no-issuer"


@pytest.mark.parametrize(
    ("claim", "prefix", "grants"),
    [
        ("model:iris openid model:wine", "model:", ("iris", "wine")),
        (["model:iris", "email", "model:wine"], "model:", ("iris", "wine")),
        ("model:house-price:houston", "model:", ("house-price/houston",)),
        ("model:house-price/*", "model:", ("house-price/*",)),
        ("gateway/iris gateway/is-digit:7 other/wine", "gateway/", ("iris", "is-digit/7")),
        ("gateway/model:iris", "gateway/model:", ("iris",)),
        ("iris openid", "", ("iris", "openid")),
        ("model:*", "model:", ("*",)),
        ("model:iris model:iris", "model:", ("iris",)),
        ("model: model:Iris model:a:b:c:d  model:iris", "model:", ("iris",)),
        ("model:model:iris", "model:", ("model/iris",)),
        (["model:iris model:*", "model:wine"], "model:", ("wine",)),
        (["model:iris", 7, None, ["model:wine"], {"model:wine": 1}], "model:", ("iris",)),
        ("model:iris\nmodel:wine", "model:", ()),
        ("MODEL:iris", "model:", ()),
        (None, "model:", ()),
        ({"model:iris": True}, "", ()),
        (7, "", ()),
        (True, "", ()),
        ("", "", ()),
        ([], "", ()),
    ],
)
def test_grants(claim, prefix, grants):
    """Values with the prefix that are grants are taken; all other values are ignored."""
    assert find_grants({"scope": claim}, rules(jwt_grant_prefix=prefix)).grants == grants


@pytest.mark.parametrize("claim", ["", " ", [], [""], 7, {}])
def test_empty_claim(claim):
    """A claim without a text has no value, also if the prefix is empty."""
    found = find_grants({"scope": claim}, rules(jwt_grant_prefix=""))

    assert (found.ignored, found.nothing_because) == ((), "no-value-with-prefix")


@pytest.mark.parametrize(
    ("name", "claims", "value"),
    [
        ("scope", {"scope": "a"}, "a"),
        ("scope", {"scp": "a"}, None),
        ("scope", {}, None),
        ("realm_access.roles", {"realm_access": {"roles": ["a"]}}, ["a"]),
        ("realm_access.roles", {"realm_access.roles": "a", "realm_access": {"roles": "b"}}, "a"),
        ("https://a.example/roles", {"https://a.example/roles": ["a"]}, ["a"]),
        ("https://a.example/x.roles", {"https://a.example/x": {"roles": "a"}}, "a"),
        ("kubernetes.io.namespace", {"kubernetes.io": {"namespace": "a"}}, "a"),
        ("kubernetes.io.pod.name", {"kubernetes.io": {"pod": {"name": "a"}}}, "a"),
        ("a.my.client.roles", {"a": {"my.client": {"roles": "b"}, "my": {"client": 1}}}, "b"),
        ("a.b.c", {"a": {"b": {"c": 1}, "b.c": 3}, "a.b": {"c": 2}}, 2),
        ("a.b.c", {"a": {"b.c": 3, "b": {"c": 4}}}, 3),
        ("a.b.c", {"a.b": "text", "a": {"b": {"c": 5}}}, 5),
        ("a.b", {"a": ["b"]}, None),
        ("a.b", {"a": "b"}, None),
        ("a.b", {"a": None}, None),
        ("a.0", {"a": ["b"]}, None),
    ],
)
def test_claim_of(name, claims, value):
    """A dot leads to a member, and the longest name that exists is tried first."""
    assert claim_of(claims, name) == value


def test_several_claims():
    """The grants of several claims are added up, each of them once."""
    several = rules(jwt_grants_claim="scope, realm_access.roles,missing")
    held = {"scope": "model:iris", "realm_access": {"roles": ["model:wine", "model:iris"]}}

    assert find_grants(held, several).grants == ("iris", "wine")


@pytest.mark.parametrize("audience", ["gateway", ["gateway"], ["x", "two"], ["two"] * 600])
def test_audiences(published, rsa, audience):
    """The audience is one of the settings' audiences, or a list with one of them."""
    tokens = scheme(published, jwt_audience="gateway, two")

    assert tokens.authenticate(token(rsa, payload=claims(aud=audience)))


def test_audience_in_a_member(published, rsa):
    """The claim of the audience may be a member of an object."""
    tokens = scheme(published, jwt_audience_claim="kubernetes.io.namespace", jwt_audience="shop")

    assert tokens.authenticate(
        token(rsa, payload=claims(aud=[], **{"kubernetes.io": {"namespace": "shop"}}))
    )


def test_too_many_grants(published, rsa):
    """Grants that do not fit into the authorizer's decision refuse the token: none is left out."""
    tokens = scheme(published, jwt_grants_claim="models", jwt_grant_prefix="")
    most = [f"{number:015}" for number in range(LONGEST_GRANTS // 16)]

    assert len(tokens.authenticate(token(rsa, payload=claims(models=most))).grants) == len(most)
    assert refusal(tokens, token(rsa, payload=claims(models=[*most, "x"]))) == "too-many-grants"
    repeated = claims(models=["iris"] * 600)
    assert tokens.authenticate(token(rsa, payload=repeated)).grants == ("iris",)
    assert refusal(tokens, token(rsa, payload=claims(models=["m"] * 10_000))) == "too-long"


def rules(**environ):
    return TokenRules.of(settings(**environ))


@given(st.lists(st.text(alphabet="aZ*/:. 0-", max_size=8)), st.sampled_from(["", "a:"]))
def test_any_claim(values, prefix):
    """Whatever a claim holds, its grants mean the same when they are joined with spaces."""
    for claim in (values, " ".join(values)):
        grants = find_grants({"scope": claim}, rules(jwt_grant_prefix=prefix)).grants
        assert tuple(" ".join(grants).split()) == grants
        assert all(is_grant(grant) for grant in grants)
        context = {"outcome": OK, "principal": "somebody", "grants": " ".join(grants)}
        may_call = Principal(context, now=0).may_call
        assert may_call("no/such/model/anywhere") == ("*" in grants)
