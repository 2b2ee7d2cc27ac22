"""URLs of uploads, on an emulator that checks signatures."""

from functools import partial

import pytest
from urllib3 import PoolManager

from chalicelib.aws.deadline import Deadline
from chalicelib.jobs.aws_calls import aws_client
from chalicelib.jobs.store import JobStore
from chalicelib.settings import JobsLocation
from tests.faults.rows import row
from tests.support.gateway import AWS
from tests.support.stand_in import wait_until

BUCKET = "uploads"
HEADERS = {"Content-Type": "text/csv", "If-None-Match": "*"}


@pytest.fixture(scope="module", name="new_store")
def _new_store(aws):
    """Return a function that makes the bucket's store, with URLs of so many seconds."""
    aws.client("s3").create_bucket(Bucket=BUCKET)
    make_client = partial(aws_client, endpoint_url=aws.url, **AWS)
    return partial(JobStore, JobsLocation(BUCKET, "stage"), make_client)


@pytest.fixture(scope="module", name="store")
def _store(new_store):
    return new_store()


def put(store, key, body=b"1,2", headers=HEADERS):
    """Send a body to a URL for three bytes of CSV."""
    return PoolManager().request(
        "PUT", store.url_to_put(key, 3, "text/csv"), body=body, headers=headers
    )


def is_there(store, key):
    with Deadline.after(10).in_force():
        return store.find(key) is not None


@row("J10")
def test_an_upload_is_taken_once(store):
    """The URL takes what it was made for, and not a second time."""
    assert put(store, "bodies/once").status == 200
    assert put(store, "bodies/once").status == 412

    with Deadline.after(10).in_force():
        found = store.find("bodies/once")
    assert (found.size_bytes, found.content_type) == (3, "text/csv")


@row("J10")
@pytest.mark.parametrize(
    ("body", "headers"),
    [
        pytest.param(b"1,2,", HEADERS, id="a byte more"),
        pytest.param(b"1,", HEADERS, id="a byte less"),
        pytest.param(b"1,2", {**HEADERS, "Content-Type": "text/html"}, id="another type"),
        pytest.param(b"1,2", {"Content-Type": "text/csv"}, id="without the condition"),
    ],
)
def test_another_body(store, body, headers):
    """A body of another size or type is refused by its signature."""
    assert put(store, "bodies/other", body, headers).status == 403
    assert not is_there(store, "bodies/other")


@row("J10")
def test_an_upload_that_comes_too_late(new_store):
    """A body is refused once the URL's time is over."""
    store = new_store(url_seconds=1)
    url = store.url_to_put("bodies/late", 3, "text/csv")
    other_type = {**HEADERS, "Content-Type": "text/html"}  # never taken

    def answer(headers):
        return PoolManager().request("PUT", url, body=b"1,2", headers=headers)

    wait_until(lambda: b"Request has expired" in answer(other_type).data)
    assert answer(HEADERS).status == 403
    assert not is_there(store, "bodies/late")


@row("J10")
@pytest.mark.parametrize(
    ("method", "place"),
    [("PUT", "bodies/of-another"), ("PUT", "jobs/mine.json"), ("GET", "bodies/mine")],
)
def test_another_use_of_the_url(store, method, place):
    """The URL is for one object, and writes it: another principal's body is out of reach."""
    url = store.url_to_put("bodies/mine", 3, "text/csv").replace("bodies/mine", place)

    assert PoolManager().request(method, url, body=b"1,2", headers=HEADERS).status == 403
    assert not is_there(store, place)


def test_a_result_is_read_by_its_url(store):
    """The URL of a result needs no credential, and names this one object."""
    with Deadline.after(10).in_force():
        assert store.create("jobs/result", b"[1]", "application/json")
        assert not store.create("jobs/result", b"[2]", "application/json")
    url = store.url_to_get(store.place("jobs/result"))

    assert PoolManager().request("GET", url).data == b"[1]"
    assert PoolManager().request("GET", url.replace("result?", "other?")).status in {403, 404}
