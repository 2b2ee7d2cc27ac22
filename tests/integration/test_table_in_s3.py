"""A routing table in S3, read by the real client from a server that speaks S3."""

import dataclasses
import hashlib
import itertools
from functools import partial

import pytest

from chalicelib.errors import RoutingUnavailable
from chalicelib.routing.reading import file
from chalicelib.routing.s3_source import COMPILED_DIGEST, S3Object, S3Source, s3_client
from chalicelib.settings import S3Location
from tests.faults.rows import row
from tests.support.clients import LambdaClient
from tests.support.gateway import AWS, TABLE, Log, build_gateway
from tests.support.http_server import StubServer, sends, sends_and_closes, sends_and_resets
from tests.support.problems import assert_problem

OTHER = TABLE.replace("churn-prod", "churn-next")
_numbers = itertools.count()


class Scene:
    """A bucket, and a gateway that fetches the table from it before every request."""

    def __init__(self, sagemaker_local):
        self.s3 = sagemaker_local.client("s3")
        self.location = S3Location(f"tables-{next(_numbers)}", "gateway/routing.yaml")
        self.s3.create_bucket(Bucket=self.location.bucket)
        self.log = Log()
        self.object = S3Object(
            self.location, partial(s3_client, endpoint_url=sagemaker_local.url, **AWS)
        )
        source = S3Source(self.object, self.log.telemetry, max_age_seconds=0)
        self.gateway = build_gateway(LambdaClient, source=source)

    def put(self, text, *, key=None, digest=None, **metadata):
        data = text if isinstance(text, bytes) else text.encode()
        metadata = metadata or {"sha256": digest or hashlib.sha256(data).hexdigest()}
        self.s3.put_object(
            Bucket=self.location.bucket, Key=key or self.location.key, Body=data, Metadata=metadata
        )

    def endpoint(self):
        """Return the endpoint that a prediction goes to."""
        assert self.gateway.predict("churn").status == 200
        return self.gateway.log.requests[-1]["endpoint"]

    def reasons(self):
        """Return why tables were not fetched."""
        lines = [line for line in self.log.lines if line["message"] == "routing table not fetched"]
        return [line["reason"] for line in lines]


@pytest.fixture(name="scene")
def _scene(sagemaker_local):
    return Scene(sagemaker_local)


def test_change(scene):
    """A new table is used after the next fetch; the log and /health give its digest."""
    scene.put(TABLE)
    before = scene.endpoint()
    scene.put(OTHER)

    assert (before, scene.endpoint()) == ("churn-prod", "churn-next")
    digest = hashlib.sha256(OTHER.encode()).hexdigest()[:12]
    assert scene.gateway.get("/health").json()["table"] == digest
    assert scene.gateway.log.requests[-1]["table"] == digest


def test_degraded(scene):
    """`/health` is degraded while the published table is refused, and names nothing of S3."""
    scene.put(TABLE)
    good = scene.gateway.get("/health").json()
    scene.put("version: 2\n")
    degraded = scene.gateway.get("/health")
    scene.put(TABLE)

    members = degraded.json()
    assert (degraded.status, members.pop("table_age_seconds") >= 0) == (200, True)
    assert members == {**good, "status": "degraded"}
    assert scene.gateway.get("/health").json() == good == {**good, "status": "ok"}


def test_nothing_there(scene):
    """Without a table every request gets a 503, and the log says what is missing."""
    assert_problem(scene.gateway.predict("churn"), 503, "routing-unavailable")
    assert_problem(scene.gateway.get("/health"), 503, "routing-unavailable")
    assert set(scene.reasons()) == {"NoSuchKey"}


@pytest.mark.parametrize(
    ("bad", "reason"),
    [
        pytest.param({"other": "x"}, "its metadata has no sha256; use gatewayctl publish", id="no"),
        pytest.param(
            {"sha256": "0" * 64}, "it is not what the sha256 in its metadata says", id="wrong"
        ),
    ],
)
def test_digest(scene, bad, reason):
    """A table without the right digest is refused, and the good table stays in use."""
    scene.put(TABLE)
    scene.endpoint()
    scene.put(OTHER, **bad)

    assert scene.endpoint() == "churn-prod"
    assert scene.reasons() == [reason]
    # The corrected object has the same content, and so the same ETag.
    scene.put(OTHER)
    assert scene.endpoint() == "churn-next"


def test_every_truncation(scene):
    """A table that was uploaded in part is refused, wherever it ends."""
    scene.put(TABLE)
    scene.endpoint()
    digest = hashlib.sha256(OTHER.encode()).hexdigest()
    for length in range(0, len(OTHER), 97):
        scene.put(OTHER[:length], digest=digest)
        assert scene.endpoint() == "churn-prod"


def test_gone(scene):
    """A table stays in use after it was deleted from S3."""
    scene.put(TABLE)
    scene.endpoint()
    scene.s3.delete_object(Bucket=scene.location.bucket, Key=scene.location.key)

    assert scene.endpoint() == "churn-prod"
    assert scene.reasons() == ["NoSuchKey"]


class Compiled:
    """A table and its compiled form, whose endpoint of `churn` tells which of the two is used."""

    def __init__(self, scene):
        self.scene = scene
        digest = hashlib.sha256(TABLE.encode()).hexdigest()
        other = file.parse(OTHER.encode(), "")
        self.form = file.compiled(dataclasses.replace(other, digest=digest))

    def put(self, form=None, *, names=True, **metadata):
        """Store both; the table names the form that `publish` would have written."""
        form = self.form if form is None else form
        self.scene.put(form, key="gateway/routing.json", **metadata)
        digests = {"sha256": hashlib.sha256(TABLE.encode()).hexdigest()}
        if names:
            digests[COMPILED_DIGEST] = file.content_digest(self.form)
        self.scene.put(TABLE, **digests)

    def reason(self):
        """Return why the compiled form is not used, which the log says once for the table."""
        assert [self.scene.endpoint() for _ in range(3)] == ["churn-prod"] * 3
        (line,) = self.scene.log.lines
        assert line["message"] == "compiled table not used"
        assert line["place"] == self.scene.object.name
        return line["reason"]


@pytest.fixture(name="both")
def _both(scene):
    return Compiled(scene)


def test_compiled_form(scene, both):
    """The compiled form is used if it is the one that was published with the table."""
    both.put()

    assert scene.endpoint() == "churn-next"
    assert scene.log.lines == []


@row("R9")
def test_other_compiled_form(both):
    """Whoever may write only the compiled form cannot change the table, even with right digests."""
    digest = hashlib.sha256(TABLE.encode()).hexdigest()
    evil = file.parse(TABLE.replace("churn-prod", "evil").encode(), "")
    for other in (evil, dataclasses.replace(evil, digest=digest)):
        both.put(file.compiled(other))

    assert both.reason() == "it is not the one that was published with the table"


@row("R9")
@pytest.mark.parametrize("form", [b"", b"null", b"{}", b'{"models": {}}', b"[" * 100_000])
def test_no_compiled_form(both, form):
    """An object that is no compiled form is not used."""
    both.put(form)

    assert both.reason() == "it is not what this version of gatewayctl writes"


@row("R9")
def test_compiled_form_without_its_digest_in_the_table(both):
    """A table that names no compiled form was not published by gatewayctl: its YAML is read."""
    both.put(names=False)

    assert both.reason() == "the table's metadata has no compiled-sha256; use gatewayctl publish"


@row("R9")
def test_missing_compiled_form(scene, both):
    """A compiled form that was deleted is a reason too, said once for each table."""
    both.put()
    scene.s3.delete_object(Bucket=scene.location.bucket, Key="gateway/routing.json")

    assert both.reason() == "NoSuchKey"


@row("R9")
def test_few_models_in_the_compiled_form(scene, both):
    """A compiled form cannot get around the limit of a fifth; that one is of the table itself."""
    both.put()
    assert scene.endpoint() == "churn-next"
    few = file.parse(
        b"version: 1\nallow_shrink: true\nmodels: {a: {kind: single, endpoint: e}}", ""
    )
    text = TABLE + "# changed\n"
    digest = hashlib.sha256(text.encode()).hexdigest()
    scene.put(file.compiled(dataclasses.replace(few, digest=digest)), key="gateway/routing.json")
    scene.put(text, **{"sha256": digest, COMPILED_DIGEST: file.content_digest(both.form)})

    assert scene.endpoint() == "churn-prod"
    assert scene.gateway.get("/health").json()["models"] == 12


CHURN = {"kind": "single", "target": {"endpoint": "churn-prod"}}
ONE = {**CHURN, "target": {"endpoint": "churn-{a}"}}
UNFIT_ROWS = [
    ("churn", {}),
    ("churn", {**CHURN, "example": "not JSON"}),
    ("churn/*", {**ONE, "parameters": {"a": {"one_of": []}}}),
]


@row("R9")
@pytest.mark.parametrize(("key", "unfit"), UNFIT_ROWS)
def test_row_that_does_not_fit(scene, both, key, unfit):
    """A row that the parser cannot have made is refused once; then the YAML is read."""
    table = file.parse(TABLE.encode(), "")
    both.form = file.compiled(dataclasses.replace(table, rows={**table.rows, key: unfit}))
    both.put()

    assert_problem(scene.gateway.get("/models"), 503, "routing-unavailable")
    assert both.reason() == file.MISFIT
    assert scene.gateway.get("/models").status == 200


OUTAGES = [
    pytest.param(sends(), id="silence"),
    pytest.param(sends_and_closes(b""), id="closes"),
    pytest.param(sends_and_resets(b"HTTP/1.1 200 OK\r\nContent-Le"), id="resets"),
    pytest.param(
        sends_and_resets(b"HTTP/1.1 200 OK\r\nETag: a\r\nContent-Length: 9\r\n\r\nvers"),
        id="breaks",
    ),
    pytest.param(
        sends_and_closes(b"HTTP/1.1 200 OK\r\nETag: a\r\nContent-Length: 9\r\n\r\nvers"), id="ends"
    ),
    pytest.param(sends(b"HTTP/1.1 503 Slow Down\r\nContent-Length: 0\r\n\r\n"), id="slow-down"),
    pytest.param(
        sends(b"HTTP/1.1 200 OK\r\nETag: a\r\nContent-Length: 99999999\r\n\r\n"), id="too-large"
    ),
    pytest.param(sends(b"SSH-2.0\r\n"), id="no-http"),
]


@pytest.mark.parametrize("script", OUTAGES)
def test_outage(script):
    """When S3 does not answer, one of twenty requests waits; the log has one line."""
    with StubServer(script) as upstream:
        log = Log()
        s3_object = S3Object(
            S3Location("tables", "routing.yaml"),
            partial(s3_client, endpoint_url=upstream.url, **AWS),
        )
        source = S3Source(s3_object, log.telemetry, max_age_seconds=30)
        for _ in range(20):
            with pytest.raises(RoutingUnavailable):
                source.table()

    (line,) = log.lines
    assert line["message"] == "routing table not fetched"
    assert len(upstream.requests) == 1


def test_no_region():
    """Without a region there is no client; the log has one line."""
    log = Log()
    s3_object = S3Object(S3Location("tables", "routing.yaml"), partial(s3_client, region_name=""))
    source = S3Source(s3_object, log.telemetry, max_age_seconds=30)

    with pytest.raises(RoutingUnavailable):
        source.table()
    assert len(log.lines) == 1
