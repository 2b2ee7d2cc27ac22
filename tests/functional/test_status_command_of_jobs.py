"""`gatewayctl status` beside the queue of a gateway with jobs, and its log."""

import json
from datetime import UTC, datetime

import boto3
import pytest
from botocore.exceptions import ClientError
from botocore.stub import ANY, Stubber

from chalicelib.errors import ModelFailed
from gatewayctl.command import Dependencies
from gatewayctl.report import NotReachable
from tests.support.command_line import gatewayctl
from tests.support.gateway import AWS
from tests.support.http_server import StubServer, response
from tests.support.job_desk import DEAD, QUEUE, job_desk, moto
from tests.support.request_lines import STAGE_WITH_JOBS

AGE = "GetMetricStatistics"
ASKED = {
    "Namespace": "AWS/SQS",
    "MetricName": "ApproximateAgeOfOldestMessage",
    "Dimensions": [{"Name": "QueueName", "Value": QUEUE}],
    "Period": 60,
    "Statistics": ["Maximum"],
    "StartTime": ANY,
    "EndTime": ANY,
}


@pytest.fixture(scope="module", name="url")
def _url():
    with moto() as url:
        yield url


@pytest.fixture(name="desk")
def _desk(url):
    return job_desk(url)


class Cloud:
    """Makes clients of SQS, and of a CloudWatch that knows one age; other services refuse."""

    def __init__(self, url):
        self.url = url
        self.age = None
        self.denied = None
        """The queue or the operation that may not be looked at."""

    def __call__(self, service):
        if service not in {"sqs", "cloudwatch"}:
            raise NotReachable(f"no credentials for {service}")
        client = boto3.client(service, endpoint_url=self.url, **AWS)
        if service == "cloudwatch":
            self._stub(client)
        client.meta.events.register("before-call.sqs.GetQueueUrl", self._deny)
        return client

    def _stub(self, client):
        stubber = Stubber(client)
        if self.denied == AGE:
            stubber.add_client_error("get_metric_statistics", "AccessDenied", "", 403)
        else:
            now = datetime.now(UTC)
            points = [{"Timestamp": now, "Maximum": float(self.age)}] if self.age else []
            stubber.add_response("get_metric_statistics", {"Datapoints": points}, ASKED)
        stubber.activate()

    def _deny(self, model, params, **_):
        if json.loads(params["body"])["QueueName"] == self.denied:
            error = {"Error": {"Code": "AccessDenied"}, "ResponseMetadata": {"HTTPStatusCode": 403}}
            raise ClientError(error, model.name)


@pytest.fixture(name="status")
def _status(desk, url, tmp_path, monkeypatch):
    """Run the command for a stage with jobs, whose gateway is the desk's."""
    (tmp_path / ".chalice").mkdir()
    cloud = Cloud(url)

    def status(*arguments, stage=STAGE_WITH_JOBS):
        config = json.dumps({"app_name": "gw", "stages": {"dev": stage}})
        (tmp_path / ".chalice/config.json").write_text(config)
        (tmp_path / "gateway.log").write_text(desk.gateway.log.text)
        monkeypatch.chdir(tmp_path)
        with StubServer() as server:
            server.reply = lambda request: response(200, desk.gateway.get("/health").body)
            return gatewayctl(
                *("status", server.url, "--stage", "dev", "--log", "gateway.log", *arguments),
                project=tmp_path,
                dependencies=Dependencies(connect=cloud),
            )

    status.cloud = cloud
    return status


def rows(outcome):
    """Return the text of each section."""
    pairs = [one.split("  ", 1) for one in outcome.out.splitlines() if "  " in one]
    return {name: text.strip() for name, text in pairs}


def test_nothing_to_do(status):
    """An empty queue needs no age, and an empty dead-letter queue is fine."""
    found = rows(status())

    assert found["jobs"] == f"0 waiting, 0 being worked on or to come again, in {QUEUE}"
    assert found["dead letters"] == f"0 messages in {DEAD}"
    assert "oldest job" not in found


@pytest.mark.parametrize(
    ("age", "code", "said"), [(60, 0, "60 seconds old"), (7_300, 1, "2 hours old")]
)
def test_jobs_that_wait(status, desk, age, code, said):
    """What waits and what is being worked on is counted; a job that is too old is wrong."""
    for _ in range(12):
        desk.job("churn")
    assert len(desk.receive()) == 10
    status.cloud.age = age

    outcome = status()
    found = rows(outcome)
    assert found["jobs"] == f"2 waiting, 10 being worked on or to come again, in {QUEUE}"
    assert found["oldest job"] == said
    assert outcome.code == code
    assert outcome.out.startswith("wrong: oldest job: ") == bool(code)


def test_dead_letters(status, desk):
    """A message in the dead-letter queue is wrong."""
    desk.sqs.send_message(QueueUrl=desk.urls[DEAD], MessageBody="{}")

    outcome = status()
    assert outcome.code == 1
    assert outcome.out.startswith(
        f"wrong: dead letters: 1 message in {DEAD}: docs/runbook.md#dead-letters\n"
    )


def test_failed_jobs(status, desk):
    """Jobs that ended in the period are counted, and those that failed by their error."""
    desk.job("churn")
    desk.drain()
    desk.gateway.runtime.error = ModelFailed(500)
    for _ in range(4):
        desk.job("churn")
    desk.drain()

    outcome = status()
    assert outcome.out.startswith("wrong: log: 80.0 % of the jobs failed\n")
    assert ", 5 jobs ended, 4 failed, in gateway.log, " in rows(outcome)["log"]
    assert "\nfailed job   jobs\nmodel-error  4\n" in outcome.out
    assert status("--format", "json").data["log"]["jobs"] == [
        {"outcome": "failed", "slug": "model-error", "deliveries": 4},
        {"outcome": "succeeded", "slug": None, "deliveries": 1},
    ]


@pytest.mark.parametrize(
    ("denied", "name", "said"),
    [
        (QUEUE, "jobs", "Amazon SQS answers GetQueueUrl"),
        (DEAD, "dead letters", "Amazon SQS answers GetQueueUrl"),
        (AGE, "oldest job", f"Amazon CloudWatch answers {AGE}"),
    ],
)
def test_permission_missing(status, desk, denied, name, said):
    """What may not be looked at is said, and the rest is looked at."""
    desk.job("churn")
    status.cloud.age, status.cloud.denied = 5, denied

    outcome = status()
    found = rows(outcome)
    assert outcome.code == 0
    assert found[name].startswith(f"not looked at: {said} with AccessDenied; check your IAM")
    others = {"jobs", "oldest job", "dead letters"} - {name}
    assert name == "jobs" or not any(found[one].startswith("not looked at") for one in others)


def test_no_age_yet(status, desk):
    """CloudWatch may know no age of a queue that was empty for long."""
    desk.job("churn")

    assert rows(status())["oldest job"].startswith(
        f"not looked at: Amazon CloudWatch has no age of {QUEUE} in the last 15 minutes"
    )


def test_no_queue(status, desk):
    """A queue that does not exist is wrong."""
    desk.sqs.delete_queue(QueueUrl=desk.urls[QUEUE])

    outcome = status()
    assert outcome.code == 1
    assert outcome.out.startswith(f"wrong: jobs: there is no queue {QUEUE}: each job gets 500")


def test_no_dead_letter_queue(status, desk):
    """One's own queue may have none: that is a warning."""
    desk.sqs.set_queue_attributes(QueueUrl=desk.urls[QUEUE], Attributes={"RedrivePolicy": ""})

    outcome = status()
    assert outcome.out.startswith(f"warning: jobs: {QUEUE} has no dead-letter queue: ")
    assert "dead letters" not in rows(outcome)


def test_without_jobs(status):
    """A stage without jobs has no line about them."""
    assert not {"jobs", "oldest job", "dead letters"} & rows(status(stage={})).keys()
