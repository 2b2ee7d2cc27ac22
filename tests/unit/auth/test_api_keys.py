"""Which API keys are good, and which identity they give."""

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
from tests.support.key_documents import api_key, document, entry


class Store:
    """A store with a key document that a test changes; it can fail."""

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


@pytest.fixture(name="keys")
def _keys(store, clock):
    """A scheme that has read nothing yet."""
    keys = Refreshed(store.read, max_age_seconds=60, cooldown_seconds=10, clock=clock)
    return ApiKeys(keys, clock)


def refusal(keys, key):
    """Return the reason for the log.

    The exception holds nothing else but the id of the key, if the document has it.
    """
    with pytest.raises(BadCredential) as refused:
        keys.authenticate(key)
    assert refused.value.args == (refused.value.reason,)
    is_known = refused.value.reason in {"wrong-secret", "disabled", "expired"}
    assert refused.value.key_id == (key[3:11] if is_known else None)
    assert key not in "".join(traceback.format_exception(refused.value))
    return refused.value.reason


def test_identity(keys, store, clock):
    """The identity has the principal, the grants, the expiry and the key id."""
    store.entries["abcd1234"] = entry(expires="2126-06-30T00:00:00Z")

    assert keys.authenticate(api_key()) == Identity(
        principal="web-shop",
        grants=("iris", "house-price/*"),
        expires=4_938_451_200,
        key_id="abcd1234",
    )


@pytest.mark.parametrize("token", ["", "eyJ.e30.x", "GW_abcd1234_", "gw-", "g", " gw_abcd1234_"])
def test_other_schemes(keys, store, token):
    """A token without the prefix is left to other schemes, and the keys are not read."""
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
    """A malformed key is refused before the keys are read."""
    store.is_away = True

    assert refusal(keys, token) == "malformed"


def test_wrong_secret(keys):
    """A difference in any character is found."""
    good = "s" * 43
    for place in range(43):
        other = f"{good[:place]}S{good[place + 1 :]}"
        assert refusal(keys, api_key(secret=other)) == "wrong-secret"


def test_secret_of_another_key(keys, store):
    """A secret is good only with its own key id."""
    store.entries["zzzzzzzz"] = entry(api_key("zzzzzzzz", "z" * 43))

    assert refusal(keys, api_key("zzzzzzzz")) == "wrong-secret"
    assert refusal(keys, api_key(secret="z" * 43)) == "wrong-secret"
    assert keys.authenticate(api_key("zzzzzzzz", "z" * 43)).key_id == "zzzzzzzz"


def test_unknown(keys):
    """A key id that the document does not have is refused."""
    assert refusal(keys, api_key("zzzzzzzz")) == "unknown-key"


def test_disabled(keys, store):
    """A disabled key is refused; with a wrong secret nothing shows that it is disabled."""
    store.entries["abcd1234"] = entry(disabled=True)

    assert refusal(keys, api_key()) == "disabled"
    assert refusal(keys, api_key(secret="x" * 43)) == "wrong-secret"


def test_expires(keys, store, clock):
    """A key is refused from the second in `expires`, also between two reads of the document."""
    clock.now = 1_814_313_600 - 1
    store.entries["abcd1234"] = entry(expires="2027-06-30T00:00:00Z")

    assert keys.authenticate(api_key())
    clock.passes(1)
    assert refusal(keys, api_key()) == "expired"


def test_without_a_store(clock):
    """Without a secret in the settings, every API key is refused."""
    assert refusal(ApiKeys(None, clock), api_key()) == "no-api-keys"


def test_age_of_the_document(store, clock):
    """The age of the document is reported each time that a key is checked."""
    ages = []
    refreshed = Refreshed(store.read, max_age_seconds=60, cooldown_seconds=10, clock=clock)
    keys = ApiKeys(refreshed, clock, ages.append)

    keys.authenticate("eyJ.e30.x")
    keys.authenticate(api_key())
    clock.passes(42)
    refusal(keys, api_key("zzzzzzzz"))
    store.is_away = True
    clock.passes(42)
    keys.authenticate(api_key())

    assert ages == pytest.approx([0, 42, 84])


def test_cold_outage(keys, store):
    """If the keys cannot be read, neither a good nor a bad key can be checked."""
    store.is_away = True
    for key in (api_key(), api_key("zzzzzzzz")):
        with pytest.raises(StoreUnavailable):
            keys.authenticate(key)


def test_bad_document(keys, store, clock):
    """A bad document is refused altogether, and the last good one is used."""
    keys.authenticate(api_key())
    store.entries = {"abcd1234": entry(disabled=True), "zzzzzzzz": entry(grants="iris")}
    clock.passes(60)

    assert keys.authenticate(api_key())


@given(st.text(max_size=70))
def test_any_text(text):
    """No key that is not in the document is taken."""
    store = Store(abcd1234=entry())
    keys = ApiKeys(Refreshed(store.read, max_age_seconds=60, cooldown_seconds=10))
    with pytest.raises(BadCredential):
        keys.authenticate(f"gw_{text}")


def test_time_of_a_refusal(keys):
    """The refusals of a wrong secret and of an unknown key id have the same median time.

    `hmac.compare_digest` promises this for the comparison; the test is about the work before it.
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
