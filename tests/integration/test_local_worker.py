"""The worker of `make run`: it stands in the place of Lambda and its event source."""

import json
import threading

import boto3
import pytest

from chalicelib.jobs.worker import JobNotDone
from chalicelib.settings import Settings
from local_stack import job_resources
from local_stack.rest_api import Context
from local_stack.worker import QueueWorker
from tests.support.gateway import AWS
from tests.support.job_desk import moto
from tests.support.stand_in import wait_until

JOBS = {"GATEWAY_JOBS": "s3://own-jobs/local", "GATEWAY_JOBS_QUEUE": "own-jobs"}
ORIGINS = ["http://127.0.0.1:8000", "http://localhost:8000"]


class Account:
    """A bucket and queues, and what the worker was called with."""

    def __init__(self, url):
        self.s3, self.sqs = (boto3.client(one, endpoint_url=url, **AWS) for one in ("s3", "sqs"))
        self.create()
        self.queue, self.dead = (
            self.sqs.get_queue_url(QueueName=name)["QueueUrl"]
            for name in ("own-jobs", "own-jobs-dead")
        )
        self.calls = []

    def create(self, **settings):
        job_resources.create(Settings.from_env({**JOBS, **settings}), self.s3, self.sqs, port=8000)

    def worker(self, work, concurrency=2):
        def called(event, context):
            self.calls.append((event, context))
            return work(event)

        def context():
            return Context("work", 1024, max_runtime_ms=900_000)

        return QueueWorker(called, self.sqs, self.queue, concurrency=concurrency, context=context)

    def send(self, text="{}"):
        self.sqs.send_message(QueueUrl=self.queue, MessageBody=text)

    def attributes(self, queue):
        asked = self.sqs.get_queue_attributes(QueueUrl=queue, AttributeNames=["All"])
        return asked["Attributes"]

    def counts(self, queue):
        """The number of messages that wait, and of those that somebody works on."""
        found = self.attributes(queue)
        names = ("ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible")
        return tuple(int(found[name]) for name in names)


@pytest.fixture
def account():
    with moto() as url:
        yield Account(url)


def test_event(account):
    """The function gets Lambda's event and context, and then the message is deleted."""
    account.send("a text")
    account.worker(lambda event: None).receive()
    wait_until(lambda: account.counts(account.queue) == (0, 0))

    ((event, context),) = account.calls
    (record,) = event["Records"]
    assert record.keys() == {
        *("messageId", "receiptHandle", "body", "attributes", "messageAttributes"),
        *("md5OfBody", "eventSource", "eventSourceARN", "awsRegion"),
    }
    assert (record["body"], record["attributes"]["ApproximateReceiveCount"]) == ("a text", "1")
    assert (record["eventSource"], record["awsRegion"]) == ("aws:sqs", AWS["region_name"])
    assert record["eventSourceARN"].endswith(":own-jobs")
    assert 0 < context.get_remaining_time_in_millis() <= 900_000


@pytest.mark.parametrize(
    ("error", "says"),
    [(JobNotDone("model-not-ready"), ""), (KeyError("canary"), ": KeyError\n")],
    ids=["not done", "a bug"],
)
def test_error(account, capsys, error, says):
    """After an error the message stays; the error's text, which may be a caller's, is not shown."""
    account.send()

    def work(_event):
        raise error

    worker = account.worker(work)
    worker.receive()
    wait_until(lambda: account.calls)
    worker.receive()  # nothing, because the message is not visible

    assert account.counts(account.queue) == (0, 1)
    assert len(account.calls) == 1
    printed = capsys.readouterr().out
    assert printed.endswith(says)
    assert "canary" not in printed


def test_deliveries(account):
    """The queue counts deliveries, and after the fourth the message is a dead letter."""
    account.send()
    counts = []

    def work(event):
        (record,) = event["Records"]
        counts.append(record["attributes"]["ApproximateReceiveCount"])
        account.sqs.change_message_visibility(
            QueueUrl=account.queue, ReceiptHandle=record["receiptHandle"], VisibilityTimeout=0
        )
        raise JobNotDone

    worker = account.worker(work, concurrency=1)
    for _ in range(6):
        worker.receive()

    assert counts == ["1", "2", "3", "4"]
    assert account.counts(account.dead) == (1, 0)


def test_concurrency(account):
    """So many messages are worked on at once, and no further one is taken from the queue."""
    for _ in range(3):
        account.send()
    release, begun = threading.Event(), threading.Semaphore(0)

    def work(_event):
        begun.release()
        release.wait(60)

    worker = account.worker(work)
    for _ in range(2):
        worker.receive()
        assert begun.acquire(timeout=60)
    third = threading.Thread(target=worker.receive)
    third.start()
    assert account.counts(account.queue) == (1, 2)
    release.set()
    third.join(60)
    wait_until(lambda: account.counts(account.queue) == (0, 0))


class TestResources:
    """What is made in the account of `make run`: docs/jobs.md."""

    def test_properties(self, account):
        """The queues and the bucket have the properties that a deployment has."""
        queue, dead = account.attributes(account.queue), account.attributes(account.dead)
        (expiry,) = account.s3.get_bucket_lifecycle_configuration(Bucket="own-jobs")["Rules"]

        assert (queue["VisibilityTimeout"], queue["MessageRetentionPeriod"]) == ("5400", "345600")
        redrive = json.loads(queue["RedrivePolicy"])
        assert (redrive["deadLetterTargetArn"], int(redrive["maxReceiveCount"])) == (
            dead["QueueArn"],
            4,
        )
        assert dead["MessageRetentionPeriod"] == str(14 * 86_400)
        assert (expiry["Filter"], expiry["Expiration"]) == ({"Prefix": "local/"}, {"Days": 7})

    @pytest.mark.parametrize("origin", ["", "*", "https://shop.example.com"])
    def test_origins(self, account, origin):
        """Pages of this gateway may use the bucket, and those that may call the gateway."""
        account.create(GATEWAY_CORS_ORIGIN=origin)
        (rule,) = account.s3.get_bucket_cors(Bucket="own-jobs")["CORSRules"]

        assert rule["AllowedOrigins"] == [*ORIGINS, *filter(None, [origin])]
        assert (rule["AllowedMethods"], rule["ExposeHeaders"]) == (["GET", "PUT"], ["ETag"])
        assert rule["AllowedHeaders"] == ["content-type", "if-none-match"]

    def test_again(self, account):
        """What is there stays, and its contents with it."""
        account.s3.put_object(Bucket="own-jobs", Key="local/jobs/a", Body=b"1")
        account.send()
        account.create()

        assert account.s3.get_object(Bucket="own-jobs", Key="local/jobs/a")["Body"].read() == b"1"
        assert account.counts(account.queue) == (1, 0)
