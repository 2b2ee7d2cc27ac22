"""A routing table in S3 that changes without a deploy: which table is in use."""

import pytest

from chalicelib.aws.refreshed import FetchFailed
from chalicelib.errors import RoutingUnavailable
from chalicelib.routing.reading import file
from chalicelib.routing.s3_source import COOLDOWN_SECONDS, Fetched, S3Source
from tests.faults.rows import row
from tests.support.clock import Clock
from tests.support.gateway import Log

MAX_AGE_SECONDS = 30
BAD = b"version: 2\n"


def yaml(*names, more=""):
    entries = "".join(f"  {name}: {{kind: single, endpoint: {name}}}\n" for name in names)
    return f"version: 1\n{more}models:\n{entries}".encode()


class FakeObject:
    """An S3 object with the content that a test sets; it counts the calls."""

    name = "s3://tables/routing.yaml"

    def __init__(self, content):
        self.content = content
        self.fetches = 0
        self.parsed = 0
        self.crash = None

    def fetch(self, etag):
        self.fetches += 1
        if isinstance(self.content, Exception):
            raise self.content
        new = str(hash(self.content))
        return None if new == etag else Fetched(self.content, new)

    def compiled(self, fetched):
        self.parsed += 1
        if self.crash is not None:
            raise self.crash
        return file.parse(fetched.data, self.name)


class SourceUnderTest:
    """A source with its S3 object, its clock and its log."""

    def __init__(self, content):
        self.object, self.clock, self.log = FakeObject(content), Clock(), Log()
        self.s3_source = S3Source(
            self.object, self.log.telemetry, max_age_seconds=MAX_AGE_SECONDS, clock=self.clock
        )

    def names(self, later=0.0):
        """Return the models of the table after so many seconds more."""
        self.clock.now += later
        return list(self.s3_source.table().rows)

    def names_after(self, content):
        """Return the models of the table after the object has changed."""
        self.object.content = content
        return self.names(later=MAX_AGE_SECONDS)

    def messages(self):
        return [line["message"] for line in self.log.lines]


def test_change():
    """A new table is in use after the maximum age; a table that did not change is not parsed."""
    source = SourceUnderTest(yaml("a"))
    table = source.s3_source.table()
    assert source.names(later=MAX_AGE_SECONDS - 1) == ["a"]
    assert (source.object.fetches, source.object.parsed) == (1, 1)

    source.names(later=1)
    assert source.s3_source.table() is table
    assert (source.object.fetches, source.object.parsed) == (2, 1)
    assert source.names_after(yaml("a", "b")) == ["a", "b"]
    assert source.messages() == []


@pytest.mark.parametrize(
    ("bad", "message"),
    [
        pytest.param(FetchFailed("NoSuchKey"), "routing table not fetched", id="gone"),
        pytest.param(ZeroDivisionError("canary"), "bug", id="bug"),
        pytest.param(BAD, "routing table refused", id="not-a-table"),
        pytest.param(b"", "routing table refused", id="empty"),
        pytest.param(yaml("a"), "routing table refused", id="too-few"),
    ],
)
def test_bad_table(bad, message):
    """The good table stays in use without end, and the log says why."""
    source = SourceUnderTest(yaml("a", "b", "c", "d"))
    good = source.names()

    assert [source.names_after(bad) for _ in range(100)] == [good] * 100
    assert set(source.messages()) == {message}
    assert "canary" not in source.log.text


def test_bad_table_is_parsed_once():
    """A refused table is parsed and logged once; the next good table is used."""
    source = SourceUnderTest(yaml("a"))
    source.names()
    for _ in range(5):
        source.names_after(BAD)

    assert (source.object.fetches, source.object.parsed) == (6, 2)
    assert source.messages() == ["routing table refused"]
    assert source.names_after(yaml("a", "b")) == ["a", "b"]


@row("R10")
@pytest.mark.parametrize("crash", [ZeroDivisionError, MemoryError, RecursionError])
def test_crash(crash):
    """After a bug while a table is read, every later look reads the same object again."""
    source = SourceUnderTest(yaml("a"))
    source.names()
    source.object.crash = crash()
    for _ in range(3):
        assert source.names_after(yaml("a", "b")) == ["a"]

    assert source.messages() == ["bug"] * 3
    source.object.crash = None
    assert source.names(later=MAX_AGE_SECONDS) == ["a", "b"]
    assert (source.object.fetches, source.object.parsed) == (5, 5)


@row("R10")
def test_crash_at_the_start():
    """Without a table, the next look after the pause reads the object again."""
    source = SourceUnderTest(yaml("a"))
    source.object.crash = MemoryError()
    for later in (0, 1):
        with pytest.raises(RoutingUnavailable):
            source.names(later)
    source.object.crash = None

    assert source.names(later=COOLDOWN_SECONDS) == ["a"]
    assert source.messages() == ["bug"]


@pytest.mark.parametrize(
    ("new", "is_used"),
    [
        pytest.param(yaml("a", "b", "c", "d"), True, id="a-fifth"),
        pytest.param(yaml("a", "b", "c"), False, id="more-than-a-fifth"),
        pytest.param(yaml("a", "b", "c", "d", "f"), True, id="one-renamed"),
        pytest.param(yaml("a", "b", "c", "f", "g", "h", "i"), False, id="two-renamed"),
        pytest.param(yaml("a", more="allow_shrink: true\n"), True, id="allowed"),
    ],
)
def test_shrinking(new, is_used):
    """A table that loses more than a fifth of the models is refused unless it allows that."""
    source = SourceUnderTest(yaml("a", "b", "c", "d", "e"))
    old = source.names()

    assert (source.names_after(new) != old) is is_used
    assert bool(source.log.lines) is not is_used


def test_shrinking_is_explained():
    """The log says which models are gone, and which key allows it."""
    source = SourceUnderTest(yaml(*"abcdefgh"))
    source.names()
    source.names_after(yaml("a"))

    (line,) = source.log.lines
    assert line["problems"] == [
        "s3://tables/routing.yaml: models: 7 of 8 models are gone (b, c, d, …), which is more than "
        "a fifth; say allow_shrink: true if that is meant"
    ]


@pytest.mark.parametrize("bad", [FetchFailed("NoSuchBucket"), BAD], ids=["away", "refused"])
def test_no_table_yet(bad):
    """Until there is a table every request fails, and every few seconds one request fetches."""
    source = SourceUnderTest(bad)
    for later in (0, 1, 1):
        with pytest.raises(RoutingUnavailable):
            source.names(later)
    assert source.object.fetches == 1
    with pytest.raises(RoutingUnavailable):
        source.names(COOLDOWN_SECONDS)

    source.object.content = yaml("a")
    assert source.names(later=COOLDOWN_SECONDS) == ["a"]


LOOKS_MAY_FAIL = 3 * MAX_AGE_SECONDS


@pytest.mark.parametrize(
    "bad", [FetchFailed("SlowDown"), ZeroDivisionError("canary")], ids=["away", "bug"]
)
def test_stale(bad):
    """A table is stale when looks fail for longer than three looks take, until one is good."""
    source = SourceUnderTest(yaml("a"))
    ages = []
    source.names()
    for _ in range(5):
        source.names_after(bad)
        ages.append(source.s3_source.stale_seconds())
    source.names_after(yaml("a", "b"))
    ages.append(source.s3_source.stale_seconds())

    assert ages == [None, None, None, None, 5 * MAX_AGE_SECONDS, None]


def test_not_stale_after_a_sleep():
    """After an hour of standing still, a process is stale only if looks fail for long enough."""
    source = SourceUnderTest(yaml("a"))
    source.names()
    source.names(later=3_600)
    assert source.s3_source.stale_seconds() is None

    source.clock.now += 3_600
    source.names_after(FetchFailed("SlowDown"))
    assert source.s3_source.stale_seconds() is None
    source.names(later=LOOKS_MAY_FAIL + 1)
    assert source.s3_source.stale_seconds() == 3_600 + MAX_AGE_SECONDS + LOOKS_MAY_FAIL + 1


def test_refused_table_is_stale():
    """A refused table makes the one in force stale at once, and so it stays while S3 is away."""
    source = SourceUnderTest(yaml("a"))
    source.names()
    ages = []
    for content in (BAD, BAD, FetchFailed("SlowDown"), yaml("a")):
        source.names_after(content)
        ages.append(source.s3_source.stale_seconds())

    assert ages == [30, 60, 90, None]


def test_no_table_is_not_stale():
    """Without a table, there is nothing to be stale."""
    source = SourceUnderTest(BAD)
    with pytest.raises(RoutingUnavailable):
        source.names()
    assert source.s3_source.stale_seconds() is None


def test_age():
    """The metric is the time since the table in use was known to be the newest."""
    source = SourceUnderTest(yaml("a"))
    source.names()
    ages = []
    source.log.telemetry.table_age = ages.append
    for content in (FetchFailed("SlowDown"), BAD, BAD, yaml("a", "b"), BAD):
        source.names_after(content)

    assert ages == [30, 60, 90, 30]
