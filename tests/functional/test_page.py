"""The page for browsers: `GET /` and the files that it needs."""

import re
from functools import partial

import pytest
from botocore.exceptions import NoCredentialsError

from chalicelib.jobs.aws_calls import aws_client
from tests.support.chalice_server import served
from tests.support.gateway import AWS, build_gateway
from tests.support.problems import assert_problem
from tests.support.wire import send

POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; "
    "img-src 'self' data: blob:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
FILES = [
    pytest.param("/", "text/html; charset=utf-8", id="html"),
    pytest.param("/page/main.js", "text/javascript; charset=utf-8", id="script"),
    pytest.param("/page/page.css", "text/css; charset=utf-8", id="style"),
]
ANYBODY = {"Authorization": "Bearer of-nobody"}


class NoTable:
    """A source that nobody may ask."""

    def table(self):
        raise AssertionError


def asked_for(deployed, path, query=None):
    """GET the page at this path, as API Gateway was asked."""
    event = deployed.client.event("GET", "/")
    event["requestContext"]["path"] = path
    event["multiValueQueryStringParameters"] = query
    return deployed.client.deliver(event)


@pytest.mark.parametrize(("path", "media_type"), FILES)
def test_files(build, path, media_type):
    """Everybody gets the page, also while there is no table; nothing in it may come from others."""
    response = build(source=NoTable()).get(path, ANYBODY)

    assert (response.status, response.headers["content-type"]) == (200, media_type)
    assert response.headers["content-security-policy"] == POLICY
    assert response.headers["x-content-type-options"] == "nosniff"
    assert response.headers["cache-control"] == "no-cache"
    assert "set-cookie" not in response.headers


def test_addresses_are_relative(gateway):
    """Every file that the HTML names is there, below the page's own address."""
    html = gateway.get("/").body.decode()

    names = re.findall(r'(?:src|href)="(?!#|data:)([^"]+)"', html)
    assert names
    for name in names:
        assert not name.startswith("/")
        assert gateway.get(f"/{name}").status == 200


@pytest.mark.parametrize("path", ["/", "/page/main.js"])
@pytest.mark.parametrize(
    ("known", "status"),
    [
        pytest.param("{weak}", 304, id="weak"),
        pytest.param("{strong}", 304, id="strong"),
        pytest.param('"other", {weak}', 304, id="list"),
        pytest.param("*", 304, id="any"),
        pytest.param(" * ", 304, id="any-with-spaces"),
        pytest.param('W/"other"', 200, id="other"),
        pytest.param('"*"', 200, id="star-in-quotes"),
        pytest.param("{bare}", 200, id="no-quotes"),
        pytest.param("", 200, id="empty"),
    ],
)
def test_known(gateway, path, known, status):
    """A browser that has the file gets a 304 without it."""
    first = gateway.get(path)
    weak = first.headers["etag"]
    strong = weak.removeprefix("W/")
    forms = {"weak": weak, "strong": strong, "bare": strong.strip('"')}

    again = gateway.get(path, {"If-None-Match": known.format(**forms)})

    assert weak == f"W/{strong}"
    assert (again.status, again.body) == (status, b"" if status == 304 else first.body)
    assert again.headers["etag"] == weak
    assert again.headers["content-security-policy"] == POLICY


@pytest.mark.parametrize(
    "name", ["nothing.js", "index.html", "__init__.py", "..", "%2e%2e%2fapi%2fpage.py", "a%0Ab"]
)
def test_no_such_file(gateway, name):
    """Any other name is a path that does not exist."""
    assert_problem(gateway.get(f"/page/{name}"), 404, "no-such-path")

    (line,) = gateway.log.requests
    assert line["reason"].isprintable()


@pytest.mark.parametrize(
    ("path", "location"),
    [
        pytest.param("/dev", "dev/?redirected=", id="stage"),
        pytest.param("/models/v1", "v1/?redirected=", id="base-path"),
    ],
)
def test_no_slash_at_the_end(deployed, path, location):
    """The address of a stage without a slash leads to the one with it, and only once."""
    redirect = asked_for(deployed, path)
    again = asked_for(deployed, path, {"redirected": [""]})

    assert (redirect.status, redirect.headers["location"]) == (302, location)
    assert (again.status, again.headers["content-security-policy"]) == (200, POLICY)


@pytest.mark.parametrize("path", ["/", "/dev/", "/models/v1/", None])
def test_no_redirect(deployed, path):
    """An address with a slash, or one that is not known, is answered with the page."""
    assert asked_for(deployed, path).status == 200


def test_log(gateway):
    """A request for the page has a line in the log, of nobody."""
    assert [gateway.get(path).status for path in ("/", "/page/page.css")] == [200, 200]

    lines = gateway.log.lines
    assert [(line["message"], line["status"]) for line in lines] == [("request", 200)] * 2
    assert all("principal" not in line for line in lines)


@pytest.fixture
def build_with_jobs(build):
    """Build a gateway with jobs, whose clients of AWS have these settings."""

    def build_with_jobs(**settings):
        make_client = partial(aws_client, **{**AWS, **settings})
        return build(make_jobs_client=make_client, jobs="s3://bucket/jobs/dev", jobs_queue="queue")

    return build_with_jobs


def connect_src(response):
    """Return what the page of this response may call."""
    (directive,) = re.findall("connect-src ([^;]+)", response.headers["content-security-policy"])
    return directive


@pytest.mark.parametrize(
    ("settings", "bucket"),
    [
        ({}, "https://bucket.s3.us-east-1.amazonaws.com/"),
        ({"region_name": "eu-west-1"}, "https://bucket.s3.eu-west-1.amazonaws.com/"),
        ({"endpoint_url": "http://127.0.0.1:4000"}, "http://127.0.0.1:4000/bucket/"),
        ({"endpoint_url": "http://localhost:4000"}, "http://localhost:4000/bucket/"),
    ],
)
def test_bucket_of_jobs(build_with_jobs, settings, bucket):
    """With jobs, the page may also call their bucket, where URLs of uploads lead: no other host."""
    gateway = build_with_jobs(**settings)

    page = gateway.get("/")
    body = b'{"model": "iris", "content_type": "text/csv", "bytes": 1}'
    upload = gateway.post("/uploads", body).json()

    assert connect_src(page) == f"'self' {bucket}"
    assert upload["url"].startswith(f"{bucket}jobs/dev/")
    assert connect_src(gateway.get("/page/main.js")) == "'self'"


def test_bucket_of_jobs_in_an_old_page(build, build_with_jobs):
    """A browser that knows the page of before gets the new one, because it keeps its old policy."""
    before = build().get("/")
    gateway = build_with_jobs()

    page = gateway.get("/", {"If-None-Match": before.headers["etag"]})
    again = gateway.get("/", {"If-None-Match": page.headers["etag"]})

    assert (page.status, page.body, again.status) == (200, before.body, 304)


def test_bucket_of_jobs_without_a_url(build):
    """The page is there also while no URL of the bucket can be made."""

    def make_client(_):
        raise NoCredentialsError

    gateway = build(make_jobs_client=make_client, jobs="s3://bucket/jobs", jobs_queue="queue")
    page = gateway.get("/")

    assert (page.status, page.headers["content-security-policy"]) == (200, POLICY)


def test_off(build):
    """Without the page its paths do not exist."""
    off, on = build(page="off").app.routes, build().app.routes

    assert on.keys() - off.keys() == {"/", "/page/{file}"}


def test_under_chalice_local():
    """`chalice local` serves the page at its root, and a browser may ask again for what it has."""
    with served(build_gateway().app) as url:
        page = send(url, "/", method="GET")
        again = send(url, "/", method="GET", headers={"If-None-Match": page.headers["ETag"]})
        script = send(url, "/page/main.js", method="GET")

    assert (page.status, again.status, script.status) == (200, 304, 200)
    assert page.headers["Content-Security-Policy"] == POLICY
    assert again.body == b""
