"""When something that is kept elsewhere is fetched, and what holds while it is away."""

import threading

import pytest

from chalicelib.aws.refreshed import FetchFailed, Refreshed, StoreUnavailable
from tests.support.stand_in import wait_until


class Source:
    """Gives what it has, and counts how often it is asked."""

    def __init__(self, value="first"):
        self.value = value
        self.error = None
        self.fetches = 0

    def __call__(self):
        self.fetches += 1
        if self.error is not None:
            raise self.error
        return self.value


@pytest.fixture
def source():
    return Source()


@pytest.fixture
def reports():
    return []


@pytest.fixture
def kept(source, clock, reports):
    return Refreshed(
        source, max_age_seconds=60, cooldown_seconds=10, clock=clock, report=reports.append
    )


def test_nothing_is_fetched_before_it_is_needed(kept, source):
    """Making it costs nothing."""
    assert source.fetches == 0
    assert kept.age_seconds is None


def test_fetched_once_for_as_long_as_it_is_new(kept, source, clock):
    """Up to its age it is used as it is, from then on it is looked at again."""
    assert kept.value() == "first"
    source.value = "second"

    clock.passes(59.9)
    assert (kept.value(), source.fetches) == ("first", 1)
    clock.passes(0.1)
    assert (kept.value(), source.fetches) == ("second", 2)


def test_age(kept, source, clock):
    """Counts from the last fetch that succeeded."""
    kept.value()
    clock.passes(42)

    assert kept.age_seconds == pytest.approx(42)
    source.error = FetchFailed("away")
    clock.passes(42)
    kept.value()
    assert kept.age_seconds == pytest.approx(84)


def test_a_clock_that_is_set_back(kept, source, clock):
    """Says nothing about how old a value is, so it is fetched again."""
    kept.value()
    clock.passes(-3600)

    kept.value()
    assert source.fetches == 2


class TestOutage:
    """The source is away."""

    @pytest.fixture(autouse=True)
    def _away(self, kept, source, clock):
        kept.value()
        source.value = "second"
        source.error = FetchFailed("away")
        clock.passes(60)

    def test_last_good_one_holds(self, kept, source, clock):
        """For a day, of which every moment is answered."""
        for _ in range(23 * 60):
            assert kept.value() == "first"
            clock.passes(60)

        assert kept.last_fetch_failed

    def test_not_for_longer_than_a_day(self, kept, clock):
        """By then too much may have been revoked."""
        clock.passes(24 * 3600 - 60 - 1)
        assert kept.value() == "first"

        clock.passes(1)
        with pytest.raises(StoreUnavailable) as refused:
            kept.value()
        assert refused.value.reason == "away"

    def test_one_attempt_for_each_cool_down(self, kept, source, clock):
        """However many ask: 600 of them in ten minutes make 60 attempts."""
        source.fetches = 0
        for _ in range(600):
            kept.value()
            clock.passes(1)

        assert source.fetches == 60

    def test_it_ends(self, kept, source, clock):
        """With the first attempt after the source is back."""
        kept.value()
        source.error = None

        clock.passes(9.9)
        assert (kept.value(), kept.last_fetch_failed) == ("first", True)
        clock.passes(0.1)
        assert (kept.value(), kept.last_fetch_failed) == ("second", False)

    def test_it_is_reported(self, kept, reports, clock):
        """Once for each attempt."""
        for _ in range(5):
            kept.value()
            clock.passes(5)

        assert reports == ["away"] * 3

    def test_any_failure_is_one(self, kept, source, reports):
        """Also one that nobody foresaw; it is told by its class, never by its text."""
        source.error = KeyError("somebody's secret")

        assert kept.value() == "first"
        assert reports == ["KeyError"]


def test_cold(kept, source, clock):
    """Without any value there is nothing to say; the attempts are as few."""
    source.error = FetchFailed("away")
    for _ in range(30):
        with pytest.raises(StoreUnavailable):
            kept.value()
        clock.passes(1)
    assert source.fetches == 3

    source.error = None
    clock.passes(10)
    assert kept.value() == "first"


class TestRenewed:
    """Asked to look again now."""

    def test_at_most_once_for_each_cool_down(self, kept, source, clock):
        """A thousand who ask for what is not there cost one fetch each cool-down."""
        kept.value()
        for _ in range(1000):
            kept.renewed()
        assert source.fetches == 1

        clock.passes(10)
        for _ in range(1000):
            kept.renewed()
        assert source.fetches == 2

    def test_not_while_it_is_away(self, kept, source, clock):
        """A failure has the same cool-down."""
        kept.value()
        clock.passes(10)
        source.error = FetchFailed("away")
        for _ in range(1000):
            assert kept.renewed() == "first"

        assert source.fetches == 2


def test_single_flight(clock):
    """Eight threads at once make one fetch, and all have the new value."""
    fetching, go_on = threading.Event(), threading.Event()
    fetches, values = [], []

    def fetch():
        fetches.append(threading.current_thread())
        fetching.set()
        assert go_on.wait(10)
        return len(fetches)

    kept = Refreshed(fetch, max_age_seconds=60, cooldown_seconds=10, clock=clock)
    threads = [threading.Thread(target=lambda: values.append(kept.value())) for _ in range(8)]
    for thread in threads:
        thread.start()
    assert fetching.wait(10)
    go_on.set()
    for thread in threads:
        thread.join(10)

    assert (len(fetches), values) == (1, [1] * 8)


def test_those_who_waited_for_a_failure_do_not_try_again(clock):
    """A time-out is paid once, not by one after the other."""
    waiting, fetches, refused = threading.Event(), [], []

    def fetch():
        fetches.append(1)
        wait_until(waiting.is_set, 10)
        raise FetchFailed("timeout")

    kept = Refreshed(fetch, max_age_seconds=60, cooldown_seconds=10, clock=clock)

    def ask():
        with pytest.raises(StoreUnavailable):
            kept.value()
        refused.append(1)

    threads = [threading.Thread(target=ask) for _ in range(8)]
    for thread in threads:
        thread.start()
    waiting.set()
    for thread in threads:
        thread.join(10)

    assert (len(fetches), len(refused)) == (1, 8)
