"""URLs of uploads, on an emulator that checks signatures."""

from functools import partial

import pytest
from urllib3 import PoolManager

from chalicelib.aws.deadline import Deadline
from chalicelib.jobs.store import JobStore, aws_client
from chalicelib.settings import JobsLocation
from tests.support.gateway import AWS

BUCKET = "uploads"
HEADERS = {"Content-Type": "text/csv", "If-None-Match": "*"}


@pytest.fixture(scope="module", name="store")
def _store(aws):
    aws.client("s3").create_bucket(Bucket=BUCKET)
    return JobStore(JobsLocation(BUCKET, "stage"), partial(aws_client, endpoint_url=aws.url, **AWS))


def put(store, key, body=b"1,2", headers=HEADERS):
    """Send a body to a URL for three bytes of CSV."""
    url = store.url_to_put(key, 3, "text/csv")
    return PoolManager().request("PUT", url, body=body, headers=headers).status


def test_an_upload_is_taken_once(store):
    """The URL takes what it was made for, and not a second time."""
    assert put(store, "bodies/once") == 200
    assert put(store, "bodies/once") == 412

    with Deadline.after(10).in_force():
        found = store.find("bodies/once")
    assert (found.size_bytes, found.content_type) == (3, "text/csv")


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
    assert put(store, "bodies/other", body, headers) == 403
    with Deadline.after(10).in_force():
        assert store.find("bodies/other") is None


def test_a_result_is_read_by_its_url(store):
    """The URL of a result needs no credential, and names this one object."""
    with Deadline.after(10).in_force():
        assert store.create("jobs/result", b"[1]", "application/json")
        assert not store.create("jobs/result", b"[2]", "application/json")
    url = store.url_to_get(store.place("jobs/result"))

    assert PoolManager().request("GET", url).data == b"[1]"
    assert PoolManager().request("GET", url.replace("result?", "other?")).status in {403, 404}
