"""Jobs in a stack: the emulated SQS starts the worker, which has no right but its role's.

The emulator applies the bucket's CORS and its policy, and neither its encryption nor its lifecycle:
tests/deployed/test_jobs.py has those. It answers 404 for an object that is not there, whether or
not the role may list the bucket.
"""

import json

import pytest
from urllib3 import PoolManager

from tests.deployed.emulated.translation import ONLY_TLS
from tests.support.problems import assert_problem
from tests.support.stand_in import wait_until

JSON = ("Content-Type", "application/json")
RESPOND_ASYNC = ("Prefer", "respond-async")
BUCKET, QUEUE, DEAD_LETTER_QUEUE = "acme-jobs", "acme-jobs", "acme-jobs-dead"
ORIGIN = {"Origin": "https://shop.example"}
SOON_SECONDS = 60.0


@pytest.fixture(scope="module", name="stack")
def _stack(create_stack, package_with_jobs, demo):
    return create_stack("jobs", demo.url, of=package_with_jobs)


@pytest.fixture(name="credential")
def _credential(keys):
    return ("Authorization", f"Bearer {keys.everything}")


@pytest.fixture(name="example")
def _example(stack, credential):
    shown = stack.send("GET", "/models/wine", [credential]).json()
    return json.dumps(shown["example"]).encode()


@pytest.fixture(name="submit")
def _submit(stack, credential):
    """Return a function that asks for a prediction of wine as a job."""

    def submit(body, *headers):
        return stack.send("POST", "/predict/wine", [credential, RESPOND_ASYNC, *headers], body)

    return submit


def ended(stack, credential, taken):
    """Wait for the end of a job and return how it ended."""
    assert taken.status == 202, taken.body
    path = f"/jobs/{taken.json()['job']}"

    def status():
        return stack.send("GET", path, [credential]).json()

    wait_until(lambda: status()["status"] != "running", SOON_SECONDS)
    return status()


def fetched(url, **headers):
    return PoolManager().request("GET", url, headers=headers)


def test_job(stack, submit, credential, example):
    """The queue starts the worker; the result is in the bucket, and a line in the worker's log."""
    end = ended(stack, credential, submit(example, JSON))

    assert end["status"] == "succeeded", end
    assert json.loads(fetched(end["result"]["url"]).data) == {"predictions": [0]}
    (line,) = [line for line in stack.logged("Work", "job") if line["job"] == end["job"]]
    assert (line["outcome"], line["delivery"], line["model"]) == ("succeeded", 1, "wine")


def test_upload(stack, submit, credential, example):
    """A body that the caller puts into the bucket becomes a job, also from a page."""
    asked = {"model": "wine", "content_type": "application/json", "bytes": len(example)}
    upload = stack.send("POST", "/uploads", [credential, JSON], json.dumps(asked).encode()).json()
    asks = {
        **ORIGIN,
        "Access-Control-Request-Method": upload["method"],
        "Access-Control-Request-Headers": ",".join(upload["headers"]).lower(),
    }

    preflight = PoolManager().request("OPTIONS", upload["url"], headers=asks)
    put = PoolManager().request(
        upload["method"], upload["url"], body=example, headers={**upload["headers"], **ORIGIN}
    )
    end = ended(stack, credential, submit(b"", ("X-Upload", upload["upload"])))

    assert preflight.status == put.status == 200
    for response in (preflight, put, fetched(end["result"]["url"], **ORIGIN)):
        assert response.headers["Access-Control-Allow-Origin"] in {"*", ORIGIN["Origin"]}
    assert end["status"] == "succeeded", end


def test_poisoned_message(aws, stack, submit, credential, example):
    """A message that starts no job ends in the dead-letter queue; jobs go on."""
    sqs = aws.client("sqs")
    queue, dead = (
        sqs.get_queue_url(QueueName=name)["QueueUrl"] for name in (QUEUE, DEAD_LETTER_QUEUE)
    )
    # Nobody waits four times 90 minutes here.
    sqs.set_queue_attributes(QueueUrl=queue, Attributes={"VisibilityTimeout": "1"})

    sqs.send_message(QueueUrl=queue, MessageBody="poison")

    assert ended(stack, credential, submit(example, JSON))["status"] == "succeeded"
    found = []
    wait_until(
        lambda: found.extend(sqs.receive_message(QueueUrl=dead).get("Messages", [])) or found,
        SOON_SECONDS,
    )
    assert [message["Body"] for message in found] == ["poison"]
    log = list(stack.log("Work"))
    assert any('"event refused"' in line for line in log)
    assert not any("poison" in line for line in log)


def test_only_tls(aws, stack, submit, package_with_jobs, example):
    """The bucket's policy refuses even the gateway if it comes without TLS, as it does here."""
    assert stack.physical("JobsBucket") == BUCKET
    policy = package_with_jobs.template[ONLY_TLS]["Properties"]["PolicyDocument"]
    (statement,) = policy["Statement"]
    arn = f"arn:aws:s3:::{BUCKET}"
    written = {**policy, "Statement": [{**statement, "Resource": [arn, f"{arn}/*"]}]}
    storage = aws.client("s3")

    storage.put_bucket_policy(Bucket=BUCKET, Policy=json.dumps(written))
    try:
        assert_problem(submit(example, JSON), 500, "gateway-misconfigured")
    finally:
        storage.delete_bucket_policy(Bucket=BUCKET)
