"""A routing table in S3, read by the real client from a server that speaks S3."""

import hashlib
import itertools
import json
from functools import partial

import pytest

from chalicelib.errors import RoutingUnavailable
from chalicelib.routing.reading import file
from chalicelib.routing.s3_source import S3Object, S3Source, s3_client
from chalicelib.settings import S3Location
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
        return [line["reason"] for line in self.log.lines]


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


@pytest.mark.parametrize(
    ("source", "description"),
    [
        pytest.param(TABLE, "From the compiled form", id="current"),
        pytest.param(OTHER, "Iris species from four measurements", id="of-another-table"),
        pytest.param(None, "Iris species from four measurements", id="broken"),
    ],
)
def test_compiled_form(scene, source, description):
    """The compiled form is used if it was made from this YAML; otherwise the YAML is parsed."""
    compiled = b"{"
    if source is not None:
        document = json.loads(file.compiled(file.parse(source.encode(), "")))
        document["models"]["iris"]["description"] = "From the compiled form"
        compiled = json.dumps(document).encode()
    scene.put(compiled, key="gateway/routing.json")
    scene.put(TABLE)

    assert scene.gateway.get("/models/iris").json()["description"] == description
    assert scene.log.lines == []


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
