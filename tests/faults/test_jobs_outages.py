"""Jobs while S3 or SQS refuses connections, or does not take the gateway's clock (J2, J3, J7, J8).

Both stand behind relays that close their ports in the middle of a submission or of a delivery.
"""

import json
from contextlib import ExitStack

import pytest
from botocore.exceptions import ClientError

from chalicelib.jobs.job import KEPT_SECONDS
from tests.faults.rows import row
from tests.support.gateway import FixedTable, table
from tests.support.http_server import StubServer, response
from tests.support.job_desk import BUCKET, DEAD, PREFIX, QUEUE, fetch, job_desk, moto, send
from tests.support.ports import full_backlog
from tests.support.problems import assert_problem
from tests.support.relay import Relay

TABLE = "version: 1\nmodels:\n  churn: {kind: single, endpoint: churn}\n"
BODY = b'{"a": 1}'
HOURS = 3 * 3600


@pytest.fixture(scope="module", name="url")
def _url():
    with moto() as url:
        yield url


@pytest.fixture(name="relays")
def _relays(url):
    with ExitStack() as opened:
        yield {name: opened.enter_context(Relay(url)) for name in ("s3", "sqs")}


@pytest.fixture(name="desk")
def _desk(url, relays):
    places = {name: relay.url for name, relay in relays.items()}
    return job_desk(url, source=FixedTable(table(TABLE)), relays=places)


OF_SQS = ("GetQueueUrl", "SendMessage")


@pytest.fixture(name="outage")
def _outage(desk, relays):
    """Return a function that ends a service at one of its calls, and returns the relay."""

    def begin_at(operation, step=0):
        relay = relays["sqs" if operation in OF_SQS else "s3"]
        desk.faults.next[operation] = [*[None] * step, relay.refuse]
        return relay

    return begin_at


S3_AWAY, SQS_AWAY = row("J2"), row("J3")


def steps(*names):
    """Parametrize with an operation and how many of its calls come before the outage."""
    rows = [(name, SQS_AWAY if name[0] in OF_SQS else S3_AWAY) for name in names]
    return pytest.mark.parametrize(
        ("operation", "step"), [pytest.param(*name, marks=mark) for name, mark in rows]
    )


@steps(
    ("GetObject", 0),  # whether the key has a job
    ("PutObject", 0),  # the body
    ("PutObject", 1),  # the document
    ("GetQueueUrl", 0),
    ("SendMessage", 0),
)
def test_submission(desk, outage, seen, operation, step):
    """A submission without S3 or SQS is a 503; the same request later is one job."""
    service = outage(operation, step)

    refused = desk.submit("churn", BODY, idempotency_key="k")
    assert_problem(refused, 503, "jobs-unavailable")
    assert desk.receive() == []

    service.accept()
    job = desk.job("churn", BODY, idempotency_key="k")
    assert desk.drain() == 1
    assert fetch(desk.status(job)["result"]["url"])[1] == BODY
    assert len(desk.gateway.runtime.calls) == 1
    seen(f"{operation} of a submission: 503 jobs-unavailable, then one result")


@row("J2")
def test_mark(desk, outage):
    """S3 away after the message was sent: the caller has its job."""
    storage = outage("PutObject", 2)

    job = desk.job("churn", BODY, idempotency_key="k")
    storage.accept()

    assert desk.drain() == 1
    assert desk.job("churn", BODY, idempotency_key="k") == job
    desk.drain()
    assert len(desk.gateway.runtime.calls) == 1


@steps(("GetObject", 0), ("HeadObject", 0))
def test_question(desk, outage, operation, step):
    """A question without S3 is a 503; the same one later is answered."""
    job = desk.job("churn", BODY)
    service = outage(operation, step)

    assert_problem(desk.gateway.get(f"/jobs/{job}"), 503, "jobs-unavailable")
    service.accept()
    assert desk.status(job)["status"] == "running"


@steps(
    ("GetObject", 0),  # the document
    ("HeadObject", 0),  # whether it has ended
    ("GetObject", 1),  # the body
)
def test_worker(desk, outage, seen, operation, step):
    """A worker without S3 leaves the message, which comes again; the model is called once."""
    job = desk.job("churn", BODY)
    service = outage(operation, step)
    (record,) = desk.receive()

    assert not desk.work(record)
    service.accept()

    assert desk.drain() == 1
    assert fetch(desk.status(job)["result"]["url"])[1] == BODY
    assert len(desk.gateway.runtime.calls) == 1
    seen(f"{operation} of a worker: the message comes again, then one result")


@row("J3")
def test_worker_without_sqs(desk, relays):
    """A worker that cannot reach SQS does its work all the same."""
    job = desk.job("churn", BODY)
    (record,) = desk.receive()
    relays["sqs"].refuse()

    assert desk.work(record)
    assert desk.status(job)["status"] == "succeeded"


@row("J2", "J3")
def test_worker_without_both(desk, relays):
    """Without S3 and SQS the message stays, and comes again by the queue's own timeout."""
    job = desk.job("churn", BODY)
    desk.receive()
    desk.pass_time(5_500)
    (record,) = desk.receive()
    for relay in relays.values():
        relay.refuse()
    assert not desk.work(record)
    for relay in relays.values():
        relay.accept()

    assert desk.drain() == 1
    assert desk.status(job)["status"] == "succeeded"


@row("J7")
def test_result(desk, outage, seen):
    """S3 away when the model has answered: the job runs again, and has one result."""
    job = desk.job("churn", BODY)
    storage = outage("PutObject")
    (record,) = desk.receive()

    assert not desk.work(record)
    storage.accept()
    assert desk.status(job)["status"] == "running"

    assert desk.drain() == 1
    assert fetch(desk.status(job)["result"]["url"])[1] == BODY
    calls = len(desk.gateway.runtime.calls)
    assert calls == 2
    seen(f"the result's write refused: {calls} calls of the model, 1 result")


@row("J7")
def test_result_that_can_never_be_written(desk, outage):
    """After the last delivery the message is in the dead-letter queue, and can be sent again."""
    job = desk.job("churn", BODY)
    storage = outage("PutObject")

    assert desk.drain() == 4
    storage.accept()
    assert desk.status(job)["status"] == "running"

    (dead,) = desk.receive(DEAD)
    desk.sqs.send_message(QueueUrl=desk.urls[QUEUE], MessageBody=dead["body"])
    assert desk.drain() == 1
    assert desk.status(job)["status"] == "succeeded"


@pytest.mark.parametrize(
    "service", [pytest.param("s3", marks=row("J2")), pytest.param("sqs", marks=row("J3"))]
)
def test_connection_that_is_not_accepted(url, service):
    """A service that accepts no connection is a 503, long before the request's own time ends."""
    with full_backlog() as silent:
        desk = job_desk(url, source=FixedTable(table(TABLE)), relays={service: silent})

        assert_problem(desk.submit("churn", BODY), 503, "jobs-unavailable")


BY_S3 = {"S3: an odd answer", "S3: 500"}
"""The second is botocore's word for a success of S3's that is no XML."""


class TestAnotherAnswer:
    """What stands between the gateway and AWS, such as a proxy, answers 200 with its own words."""

    @pytest.fixture(name="between")
    def _between(self, desk, relays):
        """Return a function that puts the other answer in the place of one operation's."""
        with StubServer() as stub:

            def answer(operation, body):
                stub.reply = lambda _: response(200, body, {"Content-Type": "text/html"})
                relay = relays["sqs" if operation in OF_SQS else "s3"]

                def begin():
                    relay.refuse()
                    relay.accept(stub.url)

                desk.faults.next[operation] = [begin]

                def end():
                    relay.refuse()
                    relay.accept(desk.s3.meta.endpoint_url)

                return end

            yield answer

    @pytest.mark.parametrize("body", [b"", b"{}", b"<html>secret</html>"])
    @pytest.mark.parametrize("operation", ["PutObject", *OF_SQS])
    @row("J2", "J3")
    def test_submission(self, desk, between, operation, body):
        """No caller is told of a job that AWS never got: 503, and the same request is one later."""
        end = between(operation, body)

        refused = desk.submit("churn", BODY, idempotency_key="k")
        assert_problem(refused, 503, "jobs-unavailable")
        reason = desk.gateway.log.requests[-1]["reason"]
        assert reason in ({"SQS: an odd answer"} if operation in OF_SQS else BY_S3)
        assert "secret" not in desk.gateway.log.text

        end()
        job = desk.job("churn", BODY, idempotency_key="k")
        assert desk.drain() == 1
        assert desk.status(job)["status"] == "succeeded"

    @row("J2")
    def test_question(self, desk, between):
        """An answer without the size of an object says nothing about a job."""
        job = desk.job("churn", BODY)
        end = between("HeadObject", b"")

        assert_problem(desk.gateway.get(f"/jobs/{job}"), 503, "jobs-unavailable")
        end()
        assert desk.status(job)["status"] == "running"


class TestClock:
    """S3 and SQS take no request whose time differs from theirs by more than 15 minutes."""

    @pytest.fixture(name="strict")
    def _strict(self):
        with StubServer() as strict:
            yield strict

    @row("J8")
    def test_everything_is_refused(self, desk, relays, strict, seen):
        """The caller sees that the gateway is at fault, and no job ends because of it."""
        skewed = b"<Error><Code>RequestTimeTooSkewed</Code><Message>secret</Message></Error>"
        strict.reply = lambda _: response(403, skewed, {"Content-Type": "application/xml"})
        job = desk.job("churn", BODY)
        relays["s3"].refuse()
        relays["s3"].accept(strict.url)
        (record,) = desk.receive()

        asked = desk.gateway.get(f"/jobs/{job}")
        assert_problem(asked, 500, "gateway-misconfigured")
        submitted = desk.submit("churn", BODY, idempotency_key="k")
        assert_problem(submitted, 500, "gateway-misconfigured")
        assert not desk.work(record)
        assert {line.get("reason") for line in desk.gateway.log.requests[1:]} == {
            "S3: RequestTimeTooSkewed"
        }
        assert "secret" not in desk.gateway.log.text

        relays["s3"].refuse()
        relays["s3"].accept(desk.s3.meta.endpoint_url)
        later = desk.job("churn", BODY, idempotency_key="k")
        desk.drain()
        assert desk.status(job)["status"] == desk.status(later)["status"] == "succeeded"
        seen("refused by S3: 500 gateway-misconfigured; with the right time the job succeeds")

    @row("J8")
    def test_sqs_refuses(self, desk, relays, strict):
        """The same with the words of SQS: the document is there, and the job can be sent later."""
        kind = {"x-amzn-ErrorType": "InvalidSignatureException"}
        strict.reply = lambda _: response(400, b'{"message": "Signature expired"}', kind)
        relays["sqs"].refuse()
        relays["sqs"].accept(strict.url)

        refused = desk.submit("churn", BODY, idempotency_key="k")
        assert_problem(refused, 500, "gateway-misconfigured")

        relays["sqs"].refuse()
        relays["sqs"].accept(desk.sqs.meta.endpoint_url)
        job = desk.job("churn", BODY, idempotency_key="k")
        desk.drain()
        assert desk.status(job)["status"] == "succeeded"

    @row("J8")
    @pytest.mark.parametrize("hours", [-HOURS, HOURS])
    def test_age_of_an_upload(self, desk, hours):
        """An upload that S3 has just taken is not too old for a clock that is ahead or behind."""
        desk.now[0] += hours
        asked = {"model": "churn", "content_type": "application/json", "bytes": len(BODY)}
        upload = desk.gateway.post("/uploads", json.dumps(asked).encode()).json()
        assert send(upload, BODY) == 200

        job = desk.job("churn", b"", x_upload=upload["upload"])
        desk.drain()
        assert desk.status(job)["status"] == "succeeded"


@row("J9")
@pytest.mark.parametrize(("conflicts", "status"), [(2, 202), (3, 503)])
def test_write_that_races(desk, conflicts, status):
    """S3's 409 for a write beside another one of the same key: tried again, then a 503."""
    conflict = {
        "Error": {"Code": "ConditionalRequestConflict"},
        "ResponseMetadata": {"HTTPStatusCode": 409},
    }
    desk.faults.next["PutObject"] = [ClientError(conflict, "PutObject")] * conflicts

    assert desk.submit("churn", BODY, idempotency_key="k").status == status
    desk.job("churn", BODY, idempotency_key="k")
    assert desk.drain() == 1


@row("J9")
def test_key_of_a_job_that_has_expired(desk):
    """A key can be used again once its job has expired, even before S3 has deleted it."""
    first = desk.job("churn", BODY, idempotency_key="k")
    desk.drain()
    desk.pass_time(KEPT_SECONDS)

    second = desk.job("churn", b"[2]", idempotency_key="k")
    assert desk.job("churn", b"[2]", idempotency_key="k") == second != first
    assert desk.drain() == 1
    assert fetch(desk.status(second)["result"]["url"])[1] == b"[2]"


def test_job_of_a_newer_gateway(desk):
    """A job whose document has more members, as after a deployment was undone, is worked on."""
    job = desk.job("churn", BODY)
    keys = desk.keys()
    (key,) = [f"{PREFIX}/{key}" for key in keys if key.endswith(f"{job}.json")]
    document = json.loads(desk.s3.get_object(Bucket=BUCKET, Key=key)["Body"].read())
    desk.s3.put_object(Bucket=BUCKET, Key=key, Body=json.dumps({**document, "newer": 1}))

    assert desk.drain() == 1
    assert desk.status(job)["status"] == "succeeded"
