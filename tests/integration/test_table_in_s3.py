"""A routing table in S3, read with boto3 from a real server."""

import hashlib
import itertools
import json
from functools import partial

import pytest

from chalicelib.errors import RoutingUnavailable
from chalicelib.routing.reading import file
from chalicelib.routing.s3_source import S3Object, S3Source, s3_client
from chalicelib.settings import S3Location
from tests.support.doors import ApiGatewayDoor
from tests.support.gateway import AWS, TABLE, Log, house
from tests.support.problems import assert_problem
from tests.support.upstream import Upstream, sends, sends_and_closes, sends_and_resets

OTHER = TABLE.replace("churn-prod", "churn-next")
_numbers = itertools.count()


class Desk:
    """A bucket with a table, and a gateway that looks at it before every request."""

    def __init__(self, sagemaker_local):
        self.s3 = sagemaker_local.client("s3")
        self.location = S3Location(f"tables-{next(_numbers)}", "gateway/routing.yaml")
        self.s3.create_bucket(Bucket=self.location.bucket)
        self.log = Log()
        self.place = S3Object(
            self.location, partial(s3_client, endpoint_url=sagemaker_local.url, **AWS)
        )
        source = S3Source(self.place, self.log.telemetry, max_age_seconds=0)
        self.gateway = house(ApiGatewayDoor, source=source)

    def put(self, text, *, key=None, digest=None, **metadata):
        data = text if isinstance(text, bytes) else text.encode()
        metadata = metadata or {"sha256": digest or hashlib.sha256(data).hexdigest()}
        self.s3.put_object(
            Bucket=self.location.bucket, Key=key or self.location.key, Body=data, Metadata=metadata
        )

    def endpoint(self):
        """Where a prediction went, by the table in force."""
        assert self.gateway.predict("churn").status == 200
        return self.gateway.log.requests[-1]["endpoint"]

    def reasons(self):
        return [line["reason"] for line in self.log.lines]


@pytest.fixture(name="desk")
def _desk(sagemaker_local):
    return Desk(sagemaker_local)


def test_change(desk):
    """What is put there is in force with the next look; the log and /health say which it is."""
    desk.put(TABLE)
    before = desk.endpoint()
    desk.put(OTHER)

    assert (before, desk.endpoint()) == ("churn-prod", "churn-next")
    digest = hashlib.sha256(OTHER.encode()).hexdigest()[:12]
    assert desk.gateway.get("/health").json()["table"] == digest
    assert desk.gateway.log.requests[-1]["table"] == digest


def test_nothing_there(desk):
    """No table is a 503 for everybody, and the log says what is missing."""
    assert_problem(desk.gateway.predict("churn"), 503, "routing-unavailable")
    assert_problem(desk.gateway.get("/health"), 503, "routing-unavailable")
    assert set(desk.reasons()) == {"NoSuchKey"}


@pytest.mark.parametrize(
    ("bad", "reason"),
    [
        pytest.param({"other": "x"}, "its metadata has no sha256; use gatewayctl publish", id="no"),
        pytest.param(
            {"sha256": "0" * 64}, "it is not what the sha256 in its metadata says", id="wrong"
        ),
    ],
)
def test_digest(desk, bad, reason):
    """A table that nobody vouches for is not taken, and the good one stays."""
    desk.put(TABLE)
    desk.endpoint()
    desk.put(OTHER, **bad)

    assert desk.endpoint() == "churn-prod"
    assert desk.reasons() == [reason]
    # Mended with the same content, which is the same ETag.
    desk.put(OTHER)
    assert desk.endpoint() == "churn-next"


def test_every_truncation(desk):
    """A table that was uploaded in part is none, wherever it breaks off."""
    desk.put(TABLE)
    desk.endpoint()
    digest = hashlib.sha256(OTHER.encode()).hexdigest()
    for length in range(0, len(OTHER), 97):
        desk.put(OTHER[:length], digest=digest)
        assert desk.endpoint() == "churn-prod"


def test_gone(desk):
    """A table that is deleted stays in force."""
    desk.put(TABLE)
    desk.endpoint()
    desk.s3.delete_object(Bucket=desk.location.bucket, Key=desk.location.key)

    assert desk.endpoint() == "churn-prod"
    assert desk.reasons() == ["NoSuchKey"]


@pytest.mark.parametrize(
    ("made_from", "described"),
    [
        pytest.param(TABLE, "From the compiled form", id="current"),
        pytest.param(OTHER, "Iris species from four measurements", id="of-another-table"),
        pytest.param(None, "Iris species from four measurements", id="broken"),
    ],
)
def test_compiled_form(desk, made_from, described):
    """It is taken if it was made from this very YAML; otherwise the YAML is read."""
    compiled = b"{"
    if made_from is not None:
        document = json.loads(file.compiled(file.parse(made_from.encode(), "")))
        document["models"]["iris"]["description"] = "From the compiled form"
        compiled = json.dumps(document).encode()
    desk.put(compiled, key="gateway/routing.json")
    desk.put(TABLE)

    assert desk.gateway.get("/models/iris").json()["description"] == described
    assert desk.log.lines == []


NEVER = [
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


@pytest.mark.parametrize("script", NEVER)
def test_away(script):
    """However S3 is away: no table, a reason in our words, and no request that waits for long."""
    with Upstream(script) as upstream:
        log = Log()
        place = S3Object(
            S3Location("tables", "routing.yaml"),
            partial(s3_client, endpoint_url=upstream.url, **AWS),
        )
        source = S3Source(place, log.telemetry, max_age_seconds=30)
        for _ in range(20):
            with pytest.raises(RoutingUnavailable):
                source.table()

    (line,) = log.lines
    assert line["message"] == "routing table not fetched"
    assert len(upstream.requests) == 1


def test_no_region():
    """Without a region there is nobody to ask."""
    log = Log()
    place = S3Object(S3Location("tables", "routing.yaml"), partial(s3_client, region_name=""))
    source = S3Source(place, log.telemetry, max_age_seconds=30)

    with pytest.raises(RoutingUnavailable):
        source.table()
    assert len(log.lines) == 1
