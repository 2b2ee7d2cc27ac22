"""JWTs that are refused although the issuer has signed them."""

import json
import traceback

import pytest
from hypothesis import given
from hypothesis import settings as profile
from hypothesis import strategies as st

from chalicelib.auth.credentials import BadCredential
from chalicelib.auth.json_web_tokens import LATEST_TIME
from tests.support.tokens import ISSUER, claims, compact, refusal, scheme, seconds, token

CLAIMS = [
    ("expired", {"exp": seconds(-40)}),
    ("expired", {"exp": 0}),
    ("claim-missing", {"exp": None}),
    ("claim-missing", {"iat": None}),
    ("claim-missing", {"sub": None}),
    ("claim-missing", {"iss": None}),
    ("bad-time", {"exp": "4102444800"}),
    ("bad-time", {"exp": LATEST_TIME + 1}),
    ("bad-time", {"exp": 10**400}),
    ("bad-time", {"exp": 1e300}),
    ("bad-time", {"iat": True}),
    ("bad-time", {"iat": "1700000000"}),
    ("bad-time", {"iat": -1}),
    ("bad-time", {"nbf": "1700000000"}),
    ("bad-time", {"nbf": False}),
    ("expired", {"exp": True}),
    ("bad-claims", {"exp": "soon"}),
    ("bad-claims", {"exp": [4102444800]}),
    ("bad-claims", {"exp": {}}),
    ("bad-claims", {"exp": float("nan")}),
    ("bad-claims", {"exp": float("inf")}),
    ("bad-claims", {"nbf": "soon"}),
    ("bad-claims", {"iat": []}),
    ("not-yet-valid", {"nbf": seconds(60)}),
    ("not-yet-valid", {"iat": seconds(60)}),
    ("wrong-issuer", {"iss": ISSUER + "/"}),
    ("wrong-issuer", {"iss": "https://attacker.example"}),
    ("wrong-issuer", {"iss": [ISSUER]}),
    ("wrong-audience", {"aud": None}),
    ("wrong-audience", {"aud": "other"}),
    ("wrong-audience", {"aud": ""}),
    ("wrong-audience", {"aud": []}),
    ("wrong-audience", {"aud": ["other", "Gateway", "gateway "]}),
    ("wrong-audience", {"aud": ["gateway", 7]}),
    ("wrong-audience", {"aud": [["gateway"]]}),
    ("wrong-audience", {"aud": "gateway other"}),
    ("wrong-audience", {"aud": True}),
    ("wrong-audience", {"aud": {"gateway": 1}}),
    ("bad-claims", {"sub": 7}),
    ("bad-claims", {"sub": ["somebody"]}),
    ("bad-claims", {"jti": 7}),
    ("bad-subject", {"sub": ""}),
    ("bad-subject", {"sub": "x" * 257}),
    ("bad-subject", {"sub": "some\nbody"}),
    ("bad-subject", {"sub": "some\x00body"}),
    ("bad-subject", {"sub": "\ud800"}),
]


@pytest.mark.parametrize(
    ("reason", "changes"),
    [pytest.param(*row, id=f"{row[0]}-{str(row[1])[:40]}") for row in CLAIMS],
)
def test_bad_claims(tokens, rsa, reason, changes):
    """The claims must give an expiry, the right audience, and a subject that can be logged."""
    assert refusal(tokens, token(rsa, payload=claims(**changes))) == reason


@pytest.mark.parametrize(
    "payload",
    [
        b"",
        b"null",
        b"[]",
        b'"text"',
        b"7",
        b"{",
        b"\xff\xfe{}",
        b"[" * 4_000,
        b'{"a":' * 800 + b"1" + b"}" * 800,
        b'{"exp": ' + b"9" * 5_000 + b"}",
        b'{"exp": 1e400}',
        json.dumps([claims()]).encode(),
    ],
    ids=lambda payload: repr(payload[:20]),
)
def test_payload_is_not_an_object(tokens, rsa, payload):
    """A signed payload without claims is refused."""
    assert refusal(tokens, token(rsa, payload=payload)) in {"bad-claims", "claim-missing"}


def test_number_too_long_for_python(tokens, rsa):
    """An expiry of 5,000 digits is refused like any other bad claim."""
    text = json.dumps(claims(exp=0)).replace('"exp": 0', '"exp": ' + "9" * 5_000)

    assert refusal(tokens, token(rsa, payload=text.encode())) == "bad-claims"


@pytest.mark.parametrize(
    ("reason", "changes"),
    [
        ("algorithm-not-allowed", {"alg": "none"}),
        ("algorithm-not-allowed", {"alg": "nOnE"}),
        ("algorithm-not-allowed", {"alg": ""}),
        ("algorithm-not-allowed", {"alg": None}),
        ("algorithm-not-allowed", {"alg": ["RS256"]}),
        ("algorithm-not-allowed", {"alg": {"RS256": 1}}),
        ("algorithm-not-allowed", {"alg": "rs256"}),
        ("algorithm-not-allowed", {"alg": "HS256"}),
        ("algorithm-not-allowed", {"alg": "PS256"}),
        ("algorithm-not-allowed", {"alg": "RSA-OAEP", "enc": "A256GCM"}),
        ("not-the-keys-algorithm", {"alg": "ES256"}),
        ("wrong-type", {"typ": "JWE"}),
        ("wrong-type", {"typ": "id_token"}),
        ("wrong-type", {"typ": ""}),
        ("wrong-type", {"typ": "application/application/jwt"}),
        ("wrong-type", {"typ": ["JWT"]}),
        ("wrong-type", {"typ": 7}),
        ("malformed", {"crit": ["exp"]}),
        ("malformed", {"crit": []}),
        ("malformed", {"crit": "b64"}),
        ("malformed", {"crit": ["unheard-of"], "unheard-of": 1}),
        ("critical-header", {"crit": ["b64"], "b64": True}),
        ("critical-header", {"b64": True}),
        ("critical-header", {"b64": 0}),
        ("malformed", {"b64": False, "crit": ["b64"]}),
        ("bad-key-id", {"kid": None}),
        ("bad-key-id", {"kid": ""}),
        ("bad-key-id", {"kid": "x" * 257}),
        ("malformed", {"kid": 7}),
        ("malformed", {"kid": ["rsa"]}),
        ("unknown-key", {"kid": "rsa-short"}),
        ("unknown-key", {"kid": "../../etc/passwd"}),
        ("unknown-key", {"kid": "\ud800"}),
        ("bad-signature", {"kid": "rsa-new"}),
        ("not-the-keys-algorithm", {"kid": "p256"}),
    ],
    ids=str,
)
def test_bad_headers(tokens, rsa, reason, changes):
    """A signed token with good claims is refused for its header."""
    assert refusal(tokens, token(rsa, changes)) == reason


class TestSecrecy:
    def test_exception(self, tokens, rsa):
        """Neither the exception nor its traceback quotes the token."""
        canary = "c4n4ry"
        bad = [
            token(rsa, {"kid": canary}),
            token(rsa, {"alg": canary}),
            token(rsa, {"typ": canary}),
            token(rsa, {"crit": [canary]}),
            token(rsa, payload=claims(iss=canary)),
            token(rsa, payload=claims(aud=canary)),
            token(rsa, payload=claims(exp=canary)),
            token(rsa, payload=claims(sub=f"{canary}\n")),
            token(rsa, payload=canary.encode()),
            f"{canary}.{canary}.{canary}",
        ]
        for text in bad:
            with pytest.raises(BadCredential) as refused:
                tokens.authenticate(text)
            printed = "".join(traceback.format_exception(refused.value))
            assert canary not in printed + repr(refused.value)
            assert text not in printed

    def test_repr(self, tokens, rsa):
        """The scheme's repr shows no claim."""
        tokens.authenticate(token(rsa))

        assert "somebody" not in repr(tokens)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=9),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3)
    ),
    max_leaves=4,
)


@profile(max_examples=200, deadline=None)
@given(
    header=st.dictionaries(
        st.sampled_from(["alg", "kid", "typ", "crit", "b64", "jwk", "zip"]), JSON, max_size=3
    ),
    payload=st.dictionaries(
        st.sampled_from(["exp", "iat", "nbf", "iss", "aud", "sub", "jti", "scope"]),
        JSON,
        max_size=3,
    )
    | st.binary(max_size=30),
)
def test_any_signed_token(published, rsa, header, payload):
    """Whatever a signed token holds, it is taken or refused."""
    tokens = scheme(published)
    signed = payload if isinstance(payload, bytes) else {**claims(), **payload}
    text = compact({"alg": "RS256", "kid": "rsa", **header}, signed, rsa.sign)
    try:
        assert tokens.authenticate(text) is not None
    except BadCredential as refused:
        assert refused.reason.replace("-", "").isalpha()
