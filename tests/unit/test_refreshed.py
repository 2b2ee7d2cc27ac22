"""When a value is fetched from its store, who waits for it, and how long an old value is used."""

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from chalicelib.aws.refreshed import FetchFailed, Refreshed, StoreUnavailable
from tests.support.clock import Clock

MAX_AGE, COOLDOWN, DAY = 60, 10, 24 * 3600


class Store:
    """Returns or raises what a test sets, and counts the fetches."""

    def __init__(self):
        self.value = "first"
        self.error = None
        self.fetches = 0

    def fetch(self):
        self.fetches += 1
        if self.error is not None:
            raise self.error
        return self.value


class SlowStore(Store):
    """A store whose fetch lasts until the test releases it."""

    def __init__(self):
        super().__init__()
        self.started, self.released = threading.Event(), threading.Event()

    def fetch(self):
        self.started.set()
        assert self.released.wait(30)
        return super().fetch()


@pytest.fixture(name="clock")
def _clock():
    return Clock()


@pytest.fixture(name="store")
def _store():
    return Store()


@pytest.fixture(name="reports")
def _reports():
    return []


@pytest.fixture(name="make")
def _make(store, clock, reports):
    def make(store=store, **settings):
        keywords = {"max_age_seconds": MAX_AGE, "cooldown_seconds": COOLDOWN, **settings}
        return Refreshed(store.fetch, clock=clock, report=reports.append, **keywords)

    return make


@pytest.fixture(name="refreshed")
def _refreshed(make):
    return make(expires_after_seconds=DAY)


def test_fetched_once_per_max_age(refreshed, store, clock):
    """The value is fetched when it is first needed, and again when it has reached its age."""
    assert (store.fetches, refreshed.age_seconds) == (0, None)
    assert refreshed.value() == "first"
    store.value = "second"

    clock.passes(MAX_AGE - 0.1)
    assert (refreshed.value(), store.fetches) == ("first", 1)
    clock.passes(0.1)
    assert (refreshed.value(), store.fetches) == ("second", 2)


def test_age(refreshed, store, clock):
    """The age counts from the last fetch that succeeded."""
    refreshed.value()
    clock.passes(42)
    assert refreshed.age_seconds == pytest.approx(42)

    store.error = FetchFailed("away")
    clock.passes(42)
    refreshed.value()
    assert refreshed.age_seconds == pytest.approx(84)


def test_clock_that_was_set_back(refreshed, store, clock):
    """If the fetch seems to be in the future, the value is fetched again."""
    refreshed.value()
    clock.passes(-3600)

    refreshed.value()
    assert store.fetches == 2


class TestOutage:
    """The store does not answer."""

    @pytest.fixture(autouse=True)
    def _outage(self, refreshed, store, clock):
        refreshed.value()
        store.value = "second"
        store.error = FetchFailed("away")
        clock.passes(MAX_AGE)

    def test_last_good_value_is_used_until_it_expires(self, refreshed, clock):
        """The last good value is used for a day, and not a second longer."""
        for _ in range(23 * 60):
            assert refreshed.value() == "first"
            clock.passes(60)
        clock.passes(DAY - MAX_AGE - 23 * 3600 - 1)
        assert (refreshed.value(), refreshed.last_fetch_failed) == ("first", True)

        clock.passes(1)
        with pytest.raises(StoreUnavailable) as raised:
            refreshed.value()
        assert raised.value.reason == "away"

    def test_one_fetch_per_cooldown(self, refreshed, store, clock):
        """600 calls in ten minutes cause 60 fetches."""
        store.fetches = 0
        for _ in range(600):
            refreshed.value()
            clock.passes(1)

        assert store.fetches == 60

    def test_end(self, refreshed, store, clock):
        """The first fetch after the cooldown brings the new value."""
        refreshed.value()
        store.error = None

        clock.passes(COOLDOWN - 0.1)
        assert (refreshed.value(), refreshed.last_fetch_failed) == ("first", True)
        clock.passes(0.1)
        assert (refreshed.value(), refreshed.last_fetch_failed) == ("second", False)

    def test_failing_seconds(self, refreshed, store, clock):
        """It counts from the first failed fetch, whatever the pauses are, to the next good one."""
        assert refreshed.failing_seconds is None
        for _ in range(2):
            refreshed.value()
            clock.passes(COOLDOWN)
        assert refreshed.failing_seconds == pytest.approx(2 * COOLDOWN)
        store.error = None
        refreshed.value()
        assert refreshed.failing_seconds is None

    def test_each_failed_fetch_is_reported(self, refreshed, store, reports, clock):
        """Each failed fetch is reported once, a bug in the fetch too."""
        bug = KeyError("canary")
        for error in (store.error, store.error, bug):
            store.error = error
            assert refreshed.value() == refreshed.value() == "first"
            clock.passes(COOLDOWN)

        assert [type(error) for error in reports] == [FetchFailed, FetchFailed, KeyError]


def test_no_value_yet(make, store, clock):
    """Without a value every call raises; the pause between the fetches may be a shorter one."""
    refreshed = make(cold_cooldown_seconds=5)
    store.error = ValueError("canary")
    for _ in range(30):
        with pytest.raises(StoreUnavailable, match=r"^ValueError$"):
            refreshed.value()
        clock.passes(1)
    assert store.fetches == 6

    store.error = None
    assert refreshed.value() == "first"


def test_no_expiry(make, store, clock):
    """Without `expires_after_seconds` the last good value is used without end."""
    refreshed = make()
    refreshed.value()
    store.error = FetchFailed("away")
    clock.passes(365 * DAY)

    assert refreshed.value() == "first"


@pytest.mark.parametrize("error", [None, FetchFailed("away")])
def test_renewed(refreshed, store, clock, error):
    """`renewed` fetches before the value has reached its age, but once per cooldown."""
    refreshed.value()
    for _ in range(1000):
        refreshed.renewed()
    assert store.fetches == 1

    clock.passes(COOLDOWN)
    store.error = error
    for _ in range(1000):
        assert refreshed.renewed() == "first"
    assert store.fetches == 2


class TestThreads:
    """Only one thread fetches at a time."""

    @pytest.mark.parametrize("serve_stale", [False, True])
    def test_first_value(self, make, serve_stale):
        """All threads wait for the first value, and one of them fetches it."""
        store = SlowStore()
        refreshed = make(store, serve_stale=serve_stale)
        with ThreadPoolExecutor(8) as pool:
            calls = [pool.submit(refreshed.value) for _ in range(8)]
            assert store.started.wait(30)
            store.released.set()
            assert [call.result() for call in calls] == ["first"] * 8
        assert store.fetches == 1

    def test_failure(self, make):
        """Threads that waited for a failed fetch do not fetch again."""
        store = SlowStore()
        store.error = FetchFailed("timeout")
        refreshed = make(store)
        with ThreadPoolExecutor(8) as pool:
            calls = [pool.submit(refreshed.value) for _ in range(8)]
            assert store.started.wait(30)
            store.released.set()
            assert {type(call.exception()) for call in calls} == {StoreUnavailable}
        assert store.fetches == 1

    def test_wait_for_the_newest(self, make, clock):
        """By default all threads wait for the new value."""
        store, refreshed = self.stale(make, clock)
        with ThreadPoolExecutor(8) as pool:
            calls = [pool.submit(refreshed.value) for _ in range(8)]
            assert store.started.wait(30)
            store.released.set()
            assert [call.result() for call in calls] == ["second"] * 8
        assert store.fetches == 2

    def test_serve_stale(self, make, clock):
        """With `serve_stale` the other threads use the old value meanwhile."""
        store, refreshed = self.stale(make, clock, serve_stale=True)
        with ThreadPoolExecutor(1) as pool:
            call = pool.submit(refreshed.value)
            assert store.started.wait(30)
            assert [refreshed.value() for _ in range(100)] == ["first"] * 100
            store.released.set()
            assert call.result() == "second"
        assert store.fetches == 2

    def stale(self, make, clock, **settings):
        """Return a store, and its value that has reached its age."""
        store = SlowStore()
        refreshed = make(store, **settings)
        store.released.set()
        refreshed.value()
        store.value = "second"
        store.started.clear()
        store.released.clear()
        clock.passes(MAX_AGE)
        return store, refreshed
