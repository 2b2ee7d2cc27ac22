"""Jobs in a stack: the emulated SQS starts the worker, which has no right but its role's."""

import json

import pytest
from urllib3 import PoolManager

from tests.support.stand_in import wait_until

JSON = ("Content-Type", "application/json")
RESPOND_ASYNC = ("Prefer", "respond-async")
BUCKET, QUEUE, DEAD = "acme-jobs", "acme-jobs", "acme-jobs-dead"
SOON_SECONDS = 60.0


@pytest.fixture(scope="module", name="stack")
def _stack(create_stack, package_with_jobs, demo):
    return create_stack("jobs", demo.url, of=package_with_jobs)


@pytest.fixture(name="credential")
def _credential(keys):
    return ("Authorization", f"Bearer {keys.everything}")


def ended(stack, credential, job):
    """Wait for the end of a job and return how it ended."""

    def status():
        return stack.send("GET", f"/jobs/{job}", [credential]).json()

    wait_until(lambda: status()["status"] != "running", SOON_SECONDS)
    return status()


def test_job(stack, credential):
    """A prediction that is asked for as a job has its result in the bucket."""
    example = json.dumps(stack.send("GET", "/models/wine", [credential]).json()["example"])
    headers = [credential, JSON, RESPOND_ASYNC]

    taken = stack.send("POST", "/predict/wine", headers, example.encode())

    assert taken.status == 202, taken.body
    end = ended(stack, credential, taken.json()["job"])
    assert end["status"] == "succeeded", end
    result = PoolManager().request("GET", end["result"]["url"])
    assert json.loads(result.data) == {"predictions": [0]}
