"""JWTs that the issuer has not signed, and texts that are not JWTs, are refused."""

import base64
import hashlib
import hmac
import json
import time
from itertools import product

import pytest
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from hypothesis import given
from hypothesis import settings as profile
from hypothesis import strategies as st

from chalicelib.auth.credentials import BadCredential
from chalicelib.auth.json_web_tokens import LONGEST_TOKEN
from tests.support.tokens import claims, compact, encoded, refusal, scheme, token


def hs256(secret):
    """Return an HMAC with a secret that PyJWT would refuse."""
    return lambda message: hmac.new(secret, message, hashlib.sha256).digest()


class TestForged:
    """The token was made without a key of the issuer."""

    def test_changed(self, tokens, rsa):
        """A changed claim or a changed signature is refused."""
        header, payload, signature = token(rsa).split(".")
        other = encoded(claims(sub="admin")).decode()
        flipped = ("B" if signature[0] == "A" else "A") + signature[1:]

        assert refusal(tokens, f"{header}.{other}.{signature}") == "bad-signature"
        assert refusal(tokens, f"{header}.{payload}.{flipped}") == "bad-signature"
        assert refusal(tokens, f"{header}.{payload}.") == "bad-signature"

    def test_another_key(self, tokens, signing_keys):
        """A signature by another key under the issuer's key id is refused."""
        forger = signing_keys["rsa-new"]

        assert refusal(tokens, token(forger, {"kid": "rsa"})) == "bad-signature"

    @pytest.mark.parametrize("form", ["pem", "der", "n", "jwk"])
    def test_public_key_as_secret(self, published, rsa, form):
        """HS256 with the public key as the secret is refused."""
        secrets = public_forms(rsa)
        header = {"alg": "HS256", "kid": "rsa", "typ": "JWT"}
        forged = compact(header, claims(), hs256(secrets[form]))

        assert refusal(scheme(published), forged) == "algorithm-not-allowed"

    def test_no_algorithm_and_no_signature(self, tokens):
        """The algorithm `none` is refused in any spelling."""
        for alg in ("none", "None", "NONE", "nOnE", " none", "none\x00"):
            forged = compact({"alg": alg, "kid": "rsa"}, claims(), lambda message: b"")
            assert refusal(tokens, forged) == "algorithm-not-allowed"

    @pytest.mark.parametrize(("kid", "reason"), [("rsa", "bad-signature"), ("x", "unknown-key")])
    def test_key_in_the_token(self, tokens, signing_keys, kid, reason):
        """A key in the header is not used, whatever its id is."""
        forger = signing_keys["rsa-new"]
        header = {"jwk": forger.public(kid=kid), "kid": kid}

        assert refusal(tokens, token(forger, header)) == reason

    def test_weak_key(self, tokens, signing_keys):
        """The issuer's own key is not used if it has only 1024 bits."""
        assert refusal(tokens, token(signing_keys["rsa-short"])) == "unknown-key"

    def test_ecdsa_of_zeros(self, tokens, signing_keys):
        """Signatures of zeros, which some verifiers took for any message, are refused."""
        header = {"alg": "ES256", "kid": "p256"}
        for signature in (bytes(64), bytes(0), bytes(63), bytes(31) + b"\1" + bytes(32)):
            forged = compact(header, claims(), lambda message, given=signature: given)
            assert refusal(tokens, forged) == "bad-signature"


def public_forms(key):
    public = key.private.public_key()
    kind = PublicFormat.SubjectPublicKeyInfo
    return {
        "pem": public.public_bytes(Encoding.PEM, kind),
        "der": public.public_bytes(Encoding.DER, kind),
        "n": key.public()["n"].encode(),
        "jwk": json.dumps(key.public()).encode(),
    }


class TestShape:
    def test_one_spelling(self, tokens, rsa):
        """A token has one spelling: no padding, no spaces, and three parts."""
        good = token(rsa)
        header, payload, signature = good.split(".")
        spellings = [
            f"{good}=",
            f"{good}==",
            f"{header}=.{payload}.{signature}",
            f"{good}\n",
            f" {good}",
            f"{good}.",
            f"{good}.{payload}",
            f"{header}..{payload}.{signature}",
            f"{header}.{payload}",
            good.replace("-", "+").replace("_", "/") + "+",
            json.dumps({"protected": header, "payload": payload, "signature": signature}),
        ]
        for text in spellings:
            assert refusal(tokens, text) == "malformed"

    def test_last_bits(self, tokens, rsa):
        """The unused bits of the last character have to be zero."""
        good = token(rsa)
        alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
        # 256 bytes end in two bits that are used, and four that are not.
        other = alphabet[alphabet.index(good[-1]) ^ 1]

        assert refusal(tokens, good[:-1] + other) == "malformed"

    @pytest.mark.parametrize(
        "text",
        ["", ".", "..", "a", "a.b", "a.b.c", "null", "Bearer x", "\ud800.e30.e30", "é.e30.e30"],
    )
    def test_no_token(self, tokens, text):
        """Every token that is not an API key is checked as a JWT."""
        assert refusal(tokens, text) == "malformed"

    @pytest.mark.parametrize(
        "header",
        [
            b"",
            b"null",
            b"[]",
            b"7",
            b'"RS256"',
            b"{",
            b"\xff",
            b"[" * 4_000,
            b'{"alg": ' + b"9" * 5_000 + b"}",
        ],
        ids=lambda header: repr(header[:12]),
    )
    def test_header_is_not_an_object(self, tokens, header):
        """A header that is not a JSON object is refused."""
        forged = compact(header, claims(), lambda message: b"x")

        assert refusal(tokens, forged) == "malformed"

    def test_longest(self, tokens, rsa):
        """A token may have 8,000 characters, and not one more."""
        sizes = product(range(450, 520), range(5_000, 5_002))
        padded = (
            token(rsa, {"pad": "x" * header}, claims(pad="x" * payload))
            for header, payload in sizes
        )
        longest = next(text for text in padded if len(text) == LONGEST_TOKEN)

        assert tokens.authenticate(longest)
        assert refusal(tokens, longest + "A") == "too-long"

    def test_huge_token(self, tokens):
        """Tokens of five megabytes or deep nesting are refused within 5 ms of CPU time."""
        deep = base64.urlsafe_b64encode(b"[" * 5_900).decode()
        for text in ("a" * 5_000_000, f"{'a' * 2_500_000}.{'b' * 2_500_000}.c", f"{deep}.e30.AA"):
            refusal(tokens, text)
            started = time.process_time()
            refusal(tokens, text)
            assert time.process_time() - started < 0.005


@profile(max_examples=200, deadline=None)
@given(st.text(max_size=60) | st.from_regex(r"[A-Za-z0-9_-]{0,20}(\.[A-Za-z0-9_=-]{0,20}){1,3}"))
def test_any_text(published, text):
    """No unsigned text is taken."""
    with pytest.raises(BadCredential):
        scheme(published).authenticate(f"x{text}")
