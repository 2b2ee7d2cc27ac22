"""Which API keys are taken, and for whom."""

import random
import string
import time
import traceback

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chalicelib.auth.api_keys import ApiKeys
from chalicelib.auth.credentials import BadCredential, Identity
from chalicelib.auth.key_document import parse
from chalicelib.aws.refreshed import FetchFailed, Refreshed, StoreUnavailable
from tests.unit.auth.documents import api_key, document, entry


class Store:
    """A key document that can be changed, and be away."""

    def __init__(self, **entries):
        self.entries = entries
        self.is_away = False

    def read(self):
        if self.is_away:
            raise FetchFailed("away")
        return parse(document(**self.entries).encode())


@pytest.fixture(name="store")
def _store():
    return Store(abcd1234=entry())


@pytest.fixture(name="make")
def _make(store, clock):
    """A scheme that knows nothing yet."""

    def make():
        keys = Refreshed(store.read, max_age_seconds=60, cooldown_seconds=10, clock=clock)
        return ApiKeys(keys, clock)

    return make


@pytest.fixture(name="keys")
def _keys(make):
    return make()


def refusal(keys, key):
    """The reason in our log; the exception is one class and holds nothing else."""
    with pytest.raises(BadCredential) as refused:
        keys.authenticate(key)
    assert refused.value.args == (refused.value.reason,)
    assert key not in "".join(traceback.format_exception(refused.value))
    return refused.value.reason


def test_identity(keys, store, clock):
    """Who holds it, what they may call, until when, and which key it was."""
    store.entries["abcd1234"] = entry(expires="2126-06-30T00:00:00Z")

    assert keys.authenticate(api_key()) == Identity(
        principal="web-shop",
        grants=("iris", "house-price/*"),
        expires=4_938_451_200,
        key_id="abcd1234",
    )


@pytest.mark.parametrize("token", ["", "eyJ.e30.x", "GW_abcd1234_", "gw-", "g", " gw_abcd1234_"])
def test_somebody_elses(keys, store, token):
    """What does not begin like one is none, and nobody is asked about it."""
    store.is_away = True

    assert keys.authenticate(token) is None


@pytest.mark.parametrize(
    "token",
    [
        "gw_",
        "gw_abcd1234",
        "gw_abcd1234_",
        api_key(secret="s" * 42),
        api_key(secret="s" * 44),
        api_key(secret="s" * 42 + "="),
        api_key(secret="s" * 42 + "\n"),
        api_key() + "\n",
        api_key(secret="s" * 42 + "é"),
        api_key(secret="s" * 42 + "\ud800"),
        api_key("abcd123"),
        api_key("abcd12345"),
        api_key("ABCD1234"),
        api_key("abcd-234"),
        api_key("abcd123٤"),
        "gw_" + "x" * 5_000_000,
    ],
    ids=lambda token: repr(token[:60]),
)
def test_malformed(keys, store, token):
    """Another shape is refused before the store is asked."""
    store.is_away = True

    assert refusal(keys, token) == "malformed"


def test_wrong_secret(keys):
    """Every character counts."""
    good = "s" * 43
    for place in range(43):
        other = f"{good[:place]}S{good[place + 1 :]}"
        assert refusal(keys, api_key(secret=other)) == "wrong-secret"


def test_another_keys_secret(keys, store):
    """The digest is of the whole key, so a secret is good under its own id alone."""
    store.entries["zzzzzzzz"] = entry(api_key("zzzzzzzz", "z" * 43))

    assert refusal(keys, api_key("zzzzzzzz")) == "wrong-secret"
    assert refusal(keys, api_key(secret="z" * 43)) == "wrong-secret"
    assert keys.authenticate(api_key("zzzzzzzz", "z" * 43)).key_id == "zzzzzzzz"


def test_unknown(keys):
    """No such id."""
    assert refusal(keys, api_key("zzzzzzzz")) == "unknown-key"


def test_disabled(keys, store):
    """Known, right, and refused; nobody else learns that it was disabled."""
    store.entries["abcd1234"] = entry(disabled=True)

    assert refusal(keys, api_key()) == "disabled"
    assert refusal(keys, api_key(secret="x" * 43)) == "wrong-secret"


def test_expires(keys, store, clock):
    """From that very second on, also while the document is not read again."""
    clock.now = 1_814_313_600 - 1
    store.entries["abcd1234"] = entry(expires="2027-06-30T00:00:00Z")

    assert keys.authenticate(api_key())
    clock.passes(1)
    assert refusal(keys, api_key()) == "expired"


def test_without_a_store(clock):
    """No secret in the settings: there are no API keys."""
    assert refusal(ApiKeys(None, clock), api_key()) == "no-api-keys"


def test_age_of_the_document(store, clock):
    """Is told each time that a key is judged by it, for a metric."""
    ages = []
    kept = Refreshed(store.read, max_age_seconds=60, cooldown_seconds=10, clock=clock)
    keys = ApiKeys(kept, clock, ages.append)

    keys.authenticate("eyJ.e30.x")
    keys.authenticate(api_key())
    clock.passes(42)
    refusal(keys, api_key("zzzzzzzz"))
    store.is_away = True
    clock.passes(42)
    keys.authenticate(api_key())

    assert ages == pytest.approx([0, 42, 84])


class TestOutage:
    def test_warm(self, keys, store, clock):
        """Good keys stay good for a day, bad ones bad."""
        keys.authenticate(api_key())
        store.is_away = True
        for _ in range(24 * 60 - 1):
            clock.passes(60)
            assert keys.authenticate(api_key())
        assert refusal(keys, api_key("zzzzzzzz")) == "unknown-key"
        assert refusal(keys, api_key(secret="x" * 43)) == "wrong-secret"

        clock.passes(60)
        with pytest.raises(StoreUnavailable):
            keys.authenticate(api_key())

    def test_cold(self, keys, store):
        """Good or bad, it cannot be known."""
        store.is_away = True
        for key in (api_key(), api_key("zzzzzzzz")):
            with pytest.raises(StoreUnavailable):
                keys.authenticate(key)

    def test_document_that_became_bad(self, keys, store, clock):
        """Is refused whole; the last good one stays, also for the keys that were right in it."""
        keys.authenticate(api_key())
        store.entries = {"abcd1234": entry(disabled=True), "zzzzzzzz": entry(grants="iris")}
        clock.passes(60)

        assert keys.authenticate(api_key())


@given(st.text(max_size=70))
def test_whatever_comes(text):
    """Nothing that is not in the document is taken."""
    store = Store(abcd1234=entry())
    keys = ApiKeys(Refreshed(store.read, max_age_seconds=60, cooldown_seconds=10))
    with pytest.raises(BadCredential):
        keys.authenticate(f"gw_{text}")


def test_time_that_a_refusal_takes(keys):
    """A wrong secret and an id that does not exist take the same time, as far as medians can tell.

    That the comparison itself takes the same time is `hmac.compare_digest`'s to promise; this is
    about the work before it.
    """
    choose = random.Random(4)
    alphabet = string.ascii_letters + string.digits
    taken = {"abcd1234": [], "zzzzzzzz": []}
    for _ in range(4_000):
        key_id = choose.choice(list(taken))
        key = api_key(key_id, "".join(choose.choices(alphabet, k=43)))
        started = time.perf_counter_ns()
        with pytest.raises(BadCredential):
            keys.authenticate(key)
        taken[key_id].append(time.perf_counter_ns() - started)

    wrong, unknown = (sorted(times)[len(times) // 2] for times in taken.values())
    assert abs(wrong - unknown) < 0.25 * max(wrong, unknown)
