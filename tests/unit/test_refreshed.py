"""A table that changes without a deploy: what is in force, and who waits for it."""

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from chalicelib.aws.refreshed import FetchFailed
from chalicelib.errors import RoutingUnavailable
from chalicelib.routing.reading import file
from chalicelib.routing.s3_source import COOLDOWN_SECONDS, Fetched, S3Source
from tests.support.clock import Clock
from tests.support.gateway import Log

MAX_AGE_SECONDS = 30


def yaml(*names, more=""):
    entries = "".join(f"  {name}: {{kind: single, endpoint: {name}}}\n" for name in names)
    return f"version: 1\n{more}models:\n{entries}".encode()


class Place:
    """An S3 object whose content is what the test says; remembers how often it is looked at."""

    name = "s3://tables/routing.yaml"

    def __init__(self, content=None):
        self.content = content
        self.looks = 0
        self.parsed = 0

    def fetch(self, etag):
        self.looks += 1
        if isinstance(self.content, Exception):
            raise self.content
        new = str(hash(self.content))
        return None if new == etag else Fetched(self.content, new)

    def parse(self, data):
        self.parsed += 1
        return file.parse(data, self.name)


class Scene:
    """A source, its place, its clock and its log."""

    def __init__(self, content=None):
        self.place, self.clock, self.log = Place(content), Clock(), Log()
        self.source = S3Source(
            self.place, self.log.telemetry, max_age_seconds=MAX_AGE_SECONDS, clock=self.clock
        )

    def names(self, later=0.0):
        """The models in force, so many seconds later."""
        self.clock.now += later
        return list(self.source.table().rows)

    def messages(self):
        return [line["message"] for line in self.log.lines]


def test_looked_at_now_and_then():
    """Once at the first request, and again when it is old; never in between."""
    scene = Scene(yaml("a"))

    assert [scene.names(later) for later in (0, 1, MAX_AGE_SECONDS - 2)] == [["a"]] * 3
    assert scene.place.looks == 1
    scene.place.content = yaml("a", "b")
    assert scene.names(later=1) == ["a", "b"]
    assert (scene.place.looks, scene.place.parsed) == (2, 2)


def test_nothing_new():
    """The table that is still the newest is not read again."""
    scene = Scene(yaml("a"))
    table = scene.source.table()

    scene.names(later=MAX_AGE_SECONDS)
    assert scene.source.table() is table
    assert (scene.place.looks, scene.place.parsed) == (2, 1)


@pytest.mark.parametrize(
    ("bad", "message"),
    [
        pytest.param(FetchFailed("NoSuchKey"), "routing table not fetched", id="gone"),
        pytest.param(ZeroDivisionError("canary"), "bug", id="bug"),
        pytest.param(b"version: 2\n", "routing table refused", id="not-a-table"),
        pytest.param(b"", "routing table refused", id="empty"),
        pytest.param(yaml("a"), "routing table refused", id="too-few"),
    ],
)
def test_bad_table(bad, message):
    """The good one stays in force however long that lasts, and the log says why."""
    scene = Scene(yaml("a", "b", "c", "d"))
    good = scene.names()
    scene.place.content = bad

    assert [scene.names(later=MAX_AGE_SECONDS) for _ in range(100)] == [good] * 100
    assert set(scene.messages()) == {message}
    assert "canary" not in scene.log.text


def test_bad_table_is_read_once():
    """A table that is refused is not read, checked and refused again with every look."""
    scene = Scene(yaml("a"))
    scene.names()
    scene.place.content = b"version: 2\n"
    for _ in range(5):
        scene.names(later=MAX_AGE_SECONDS)

    assert (scene.place.looks, scene.place.parsed) == (6, 2)
    assert scene.messages() == ["routing table refused"]


def test_good_after_bad():
    """What has been mended is in force with the next look."""
    scene = Scene(yaml("a"))
    scene.names()
    scene.place.content = b"version: 2\n"
    scene.names(later=MAX_AGE_SECONDS)
    scene.place.content = yaml("a", "b")

    assert scene.names(later=MAX_AGE_SECONDS) == ["a", "b"]


@pytest.mark.parametrize(
    ("new", "taken"),
    [
        pytest.param(yaml("a", "b", "c", "d"), True, id="a-fifth"),
        pytest.param(yaml("a", "b", "c"), False, id="more-than-a-fifth"),
        pytest.param(yaml("a", "b", "c", "d", "f"), True, id="one-renamed"),
        pytest.param(yaml("a", "b", "c", "f", "g", "h", "i"), False, id="two-renamed"),
        pytest.param(yaml("a", more="allow_shrink: true\n"), True, id="meant"),
    ],
)
def test_shrinking(new, taken):
    """Losing more than a fifth of the models at once is taken for a mistake, unless it is said."""
    scene = Scene(yaml("a", "b", "c", "d", "e"))
    old = scene.names()
    scene.place.content = new

    assert (scene.names(later=MAX_AGE_SECONDS) != old) is taken
    assert bool(scene.log.lines) is not taken


def test_shrinking_is_explained():
    """The log says what would be lost, and how to mean it."""
    scene = Scene(yaml(*"abcdefgh"))
    scene.names()
    scene.place.content = yaml("a")
    scene.names(later=MAX_AGE_SECONDS)

    (line,) = scene.log.lines
    assert line["problems"] == [
        "s3://tables/routing.yaml: models: 7 of 8 models are gone (b, c, d, …), which is more than "
        "a fifth; say allow_shrink: true if that is meant"
    ]


def test_no_table_at_all():
    """Until there is one every request is told so, and it is looked for every few seconds."""
    scene = Scene(FetchFailed("NoSuchBucket"))
    for later in (0, 1, 1):
        with pytest.raises(RoutingUnavailable):
            scene.names(later)
    assert scene.place.looks == 1

    scene.place.content = yaml("a")
    assert scene.names(later=COOLDOWN_SECONDS) == ["a"]


def test_clock_that_is_set_back():
    """A moment in the future says nothing: look again."""
    scene = Scene(yaml("a"))
    scene.names()
    scene.place.content = yaml("a", "b")

    assert scene.names(later=-3_600) == ["a", "b"]


def test_age():
    """The metric grows from the last look that found the newest table in force."""
    scene = Scene(yaml("a"))
    scene.names()
    scene.place.content = FetchFailed("SlowDown")
    ages = []
    scene.log.telemetry.table_age = ages.append
    scene.names(later=MAX_AGE_SECONDS)
    scene.place.content = b"refused"
    scene.names(later=MAX_AGE_SECONDS)
    scene.names(later=MAX_AGE_SECONDS)
    scene.place.content = yaml("a", "b")
    scene.names(later=MAX_AGE_SECONDS)

    assert ages == [30, 60, 90, 0]


class Slow(Place):
    """One that answers only when it is told to."""

    def __init__(self, content):
        super().__init__(content)
        self.asked, self.go = threading.Event(), threading.Event()

    def fetch(self, etag):
        self.asked.set()
        assert self.go.wait(30)
        return super().fetch(etag)


def test_one_looks():
    """While one request looks, all others go on with the table they have."""
    scene = Scene(yaml("a"))
    scene.names()
    slow = scene.source._place = Slow(yaml("a", "b"))
    scene.clock.now += MAX_AGE_SECONDS
    with ThreadPoolExecutor(1) as pool:
        looking = pool.submit(scene.names)
        assert slow.asked.wait(30)

        assert [scene.names() for _ in range(100)] == [["a"]] * 100
        slow.go.set()
        assert looking.result() == ["a", "b"]
    assert slow.looks == 1


def test_first_requests_wait():
    """Before there is a table there is nothing to go on with: all wait for the one that looks."""
    scene = Scene()
    slow = scene.source._place = Slow(yaml("a"))
    with ThreadPoolExecutor(8) as pool:
        waiting = [pool.submit(scene.names) for _ in range(8)]
        assert slow.asked.wait(30)
        slow.go.set()
        assert [one.result() for one in waiting] == [["a"]] * 8
    assert slow.looks == 1
