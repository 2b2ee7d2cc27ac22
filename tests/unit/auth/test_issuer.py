"""Fetching an issuer's keys: from which address, how often, and what happens when it fails."""

import threading
import time

import pytest

from chalicelib.auth.credentials import BadCredential
from chalicelib.auth.issuer import FETCH_SECONDS
from chalicelib.auth.schemes import schemes
from chalicelib.aws.refreshed import StoreUnavailable
from tests.faults.rows import row
from tests.support.issuer_server import FAILURES, JWKS, SLOW, WITHDRAWALS, Issuer
from tests.support.tokens import claims, jwks, seconds, settings, token


class Scene:
    """An issuer on loopback, a clock, and the reported failures."""

    def __init__(self, web, clock, keys):
        self.web = web
        self.clock = clock
        self.keys = keys
        self.reports = []

    def scheme(self, **environ):
        """Return a scheme that has fetched nothing yet."""
        environ = {"jwt_jwks_url": self.web.jwks_url, **environ}
        made = schemes(
            settings(jwt_issuer=self.web.url, **environ),
            clock=self.clock,
            report_failure=lambda *report: self.reports.append(report),
        )
        return made.json_web_tokens

    def token(self, name="rsa", header=None):
        return token(self.keys[name], header, claims(iss=self.web.url))


@pytest.fixture(name="scene")
def _scene(clock, signing_keys):
    with Issuer() as web:
        web.key_set = jwks(signing_keys["rsa"].public())
        yield Scene(web, clock, signing_keys)


@pytest.fixture(name="web")
def _web(scene):
    return scene.web


@pytest.fixture
def tokens(scene):
    return scene.scheme()


@pytest.fixture(name="good")
def _good(scene):
    return scene.token()


def outcome(tokens, text):
    try:
        return tokens.authenticate(text).principal
    except BadCredential as refused:
        return refused.reason
    except StoreUnavailable:
        return "unavailable"


class TestDiscovery:
    def test_both_documents(self, scene, web, good):
        """Without GATEWAY_JWT_JWKS_URL, the discovery document gives the address."""
        assert outcome(scene.scheme(jwt_jwks_url=""), good) == "somebody"
        assert web.requests == {"/.well-known/openid-configuration": 1, JWKS: 1}

    def test_not_needed(self, tokens, web, good):
        """With GATEWAY_JWT_JWKS_URL, the discovery document is not fetched."""
        assert outcome(tokens, good) == "somebody"
        assert web.requests == {JWKS: 1}

    @pytest.mark.parametrize(
        "discovery",
        [
            {},
            {"jwks_uri": None},
            {"jwks_uri": 7},
            {"jwks_uri": ""},
            {"jwks_uri": "/keys"},
            {"jwks_uri": "file:///etc/passwd"},
            {"jwks_uri": "http://169.254.169.254/latest/meta-data"},
            {"jwks_uri": "http://localhost.attacker.example/keys"},
            {"jwks_uri": "http://[::1/keys"},
            {"jwks_uri": "http://169.254.169.254\\@127.0.0.1/keys"},
            {"jwks_uri": "https://somebody@127.0.0.1/keys"},
            {"jwks_uri": "https://127.0.0.1/keys\r\nX: 1"},
            {"issuer": None},
            {"issuer": "https://another.example"},
            {"issuer": ["http://127.0.0.1"]},
        ],
        ids=str,
    )
    def test_refused_document(self, scene, web, good, discovery):
        """A document of another issuer, or with an unsafe address, is refused."""
        web.discovery = {**web.discovery, **discovery} if discovery else {}

        assert outcome(scene.scheme(jwt_jwks_url=""), good) == "unavailable"
        assert web.fetches == 0
        ((store, reason),) = scene.reports
        assert (store, reason.partition(" document")[0]) == ("jwks", "the discovery")

    def test_no_json_object(self, scene, web, good):
        """A document that is not a JSON object is refused."""
        web.discovery = ["not an object"]

        assert outcome(scene.scheme(jwt_jwks_url=""), good) == "unavailable"
        assert scene.reports == [("jwks", "the discovery document is not a JSON object")]


class TestFailures:
    """The key set cannot be fetched."""

    @pytest.mark.parametrize("failure", sorted(set(FAILURES) - SLOW))
    def test_warm_and_cold(self, scene, web, good, failure):
        """Keys that were fetched before are used on; without keys a token cannot be checked."""
        warm, cold = scene.scheme(), scene.scheme()
        assert outcome(warm, good) == "somebody"
        web.failure = failure
        scene.clock.passes(301)

        assert outcome(cold, good) == "unavailable"
        assert outcome(warm, good) == "somebody"
        assert [store for store, _ in scene.reports] == ["jwks", "jwks"]
        web.failure = None
        scene.clock.passes(30)
        assert outcome(cold, good) == "somebody"

    @pytest.mark.parametrize("failure", sorted(SLOW))
    def test_slow(self, tokens, web, good, failure):
        """One caller waits for a second and a half; the next callers do not wait."""
        web.failure = failure
        started = time.monotonic()
        assert outcome(tokens, good) == "unavailable"
        first = time.monotonic() - started
        for _ in range(100):
            assert outcome(tokens, good) == "unavailable"

        assert FETCH_SECONDS - 0.1 < first < FETCH_SECONDS + 0.25
        assert time.monotonic() - started - first < 0.25
        assert web.fetches == 1

    def test_a_day(self, scene, web, good):
        """The last good keys are used for a day."""
        warm, cold = scene.scheme(), scene.scheme()
        assert outcome(warm, good) == "somebody"
        web.stop()

        for _ in range(24 * 60 - 1):
            scene.clock.passes(60)
            assert outcome(warm, good) == "somebody"
        scene.clock.passes(60)
        assert outcome(warm, good) == "unavailable"
        assert outcome(cold, good) == "unavailable"


class TestWithdrawal:
    """The issuer answers, and none of its keys can be used."""

    @row("K1")
    @pytest.mark.parametrize("how", WITHDRAWALS)
    def test_warm_and_cold(self, scene, web, good, how):
        """The old keys are not used on; the log says once per fetch that there is no key."""
        warm, cold = scene.scheme(), scene.scheme()
        assert outcome(warm, good) == "somebody"
        web.failure = how
        scene.clock.passes(300)

        for tokens in (warm, cold):
            assert [outcome(tokens, good) for _ in range(5)] == ["unknown-key"] * 5
        assert scene.reports == [("jwks", "the key set has no usable key")] * 2

    def test_next_key(self, tokens, scene, web, good):
        """The issuer's next key is good after 30 seconds, and the issuer is asked no more often."""
        web.failure = "no-keys"
        for _ in range(30):
            assert outcome(tokens, good) == "unknown-key"
            scene.clock.passes(1)
        web.failure = None

        assert outcome(tokens, good) == "somebody"
        assert web.fetches == 2

    def test_other_key_set(self, scene, web, good):
        """The discovery document may name another key set, which is used from the next fetch on."""
        tokens = scene.scheme(jwt_jwks_url="")
        assert outcome(tokens, good) == "somebody"
        web.discovery["jwks_uri"] = f"{web.url}/elsewhere"
        web.key_set = b'{"keys": []}'
        scene.clock.passes(300)

        assert outcome(tokens, good) == "unknown-key"
        assert web.requests["/elsewhere"] == 1


class TestFetches:
    def test_every_five_minutes(self, tokens, scene, good):
        """Nothing is fetched before the first token, and then every five minutes."""
        assert scene.web.fetches == 0
        for _ in range(3000):
            assert outcome(tokens, good) == "somebody"
            scene.clock.passes(1)

        assert scene.web.fetches == 10

    def test_unknown_keys(self, tokens, scene, good):
        """Tokens with unknown key ids cause one fetch per cooldown; other callers are served."""
        flood = [scene.token(header={"kid": f"unknown-{n}"}) for n in range(100)]
        assert outcome(tokens, good) == "somebody"
        for second in range(90):
            for text in flood[second % 10 :: 10]:
                assert outcome(tokens, text) in {"unknown-key", "unavailable"}
            assert outcome(tokens, good) == "somebody"
            scene.clock.passes(1)

        assert scene.web.fetches == 1 + 2

    def test_refused_without_a_key(self, tokens, scene, web):
        """A token that no key could make good causes no request."""
        for header in ({"alg": "none"}, {"alg": "HS256"}, {"typ": "JWE"}, {"kid": "x" * 300}):
            named = {**header, "jku": web.jwks_url, "x5u": web.jwks_url}
            outcome(tokens, scene.token(header=named))
        outcome(tokens, "a.b.c")
        outcome(tokens, "x" * 9_000)

        assert web.requests == {}

    def test_single_flight(self, tokens, web, good):
        """Eight callers at once cause one fetch."""
        answers = []
        threads = [
            threading.Thread(target=lambda: answers.append(outcome(tokens, good))) for _ in range(8)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(10)

        assert (answers, web.fetches) == (["somebody"] * 8, 1)


class TestRotation:
    def test_new_key(self, tokens, scene, web, good):
        """A new key is used within 30 seconds; an old key is used until it is not published.

        Until the issuer may be asked again, a token with the new key cannot be checked.
        """
        new = scene.token("rsa-new")
        assert outcome(tokens, good) == "somebody"
        web.key_set = jwks(scene.keys["rsa"].public(), scene.keys["rsa-new"].public())

        assert outcome(tokens, new) == "unavailable"
        scene.clock.passes(30)
        assert (outcome(tokens, new), outcome(tokens, good)) == ("somebody", "somebody")

        web.key_set = jwks(scene.keys["rsa-new"].public())
        scene.clock.passes(300)
        assert (outcome(tokens, new), outcome(tokens, good)) == ("somebody", "unknown-key")

    @pytest.mark.parametrize(
        ("changes", "expected"),
        [
            ({}, "unavailable"),
            ({"iat": seconds(-290)}, "unavailable"),
            ({"iat": seconds(-310)}, "unknown-key"),
            ({"iss": "https://another.example"}, "wrong-issuer"),
            ({"exp": seconds(-60)}, "expired"),
            ({"iat": None}, "claim-missing"),
            ({"iat": "soon"}, "bad-claims"),
        ],
        ids=str,
    )
    def test_unknown_key_too_soon(self, tokens, scene, good, changes, expected):
        """While the issuer may not be asked again, only a token that may be good is not refused."""
        assert outcome(tokens, good) == "somebody"
        payload = claims(**{"iss": scene.web.url, **changes})
        text = token(scene.keys["rsa-new"], payload=payload)

        assert outcome(tokens, text) == expected
        scene.clock.passes(30)
        assert outcome(tokens, text) == "unknown-key"

    def test_new_key_while_the_issuer_is_away(self, tokens, scene, web, good):
        """A token with an unknown key may be good, so the result is `unavailable`."""
        new = scene.token("rsa-new")
        assert outcome(tokens, good) == "somebody"
        web.failure = "500"
        scene.clock.passes(30)

        assert (outcome(tokens, new), outcome(tokens, good)) == ("unavailable", "somebody")

    def test_same_id_for_another_key(self, tokens, scene, web, good):
        """A token that the old key signed is refused after the next fetch."""
        assert outcome(tokens, good) == "somebody"
        web.key_set = jwks(scene.keys["rsa-new"].public(kid="rsa"))
        scene.clock.passes(300)

        assert outcome(tokens, good) == "bad-signature"
