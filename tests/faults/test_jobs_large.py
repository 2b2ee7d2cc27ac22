"""What no request can carry or wait for, through processes and real endpoints (J14 to J16)."""

import pytest

from tests.containers.container import echo, failing
from tests.faults.conftest import LOAD_SECONDS
from tests.faults.rows import row
from tests.support.problems import assert_problem

MB = 1_000_000
LARGEST = 25 * MB
INLINE = 128_000
MOST_TIMES = 3

pytestmark = pytest.mark.usefixtures("begun")


def text(size):
    """Return JSON of this many bytes."""
    return b'"' + b"x" * (size - 2) + b'"'


@row("J14")
def test_cold_artifact(job_stack, seen):
    """A job waits for an artifact that no request could wait for."""
    job = job_stack.job("cold", b'"cold"')
    headers = {"content_type": "application/json", "x_request_timeout_ms": "1000"}

    refused = job_stack.send("POST", "/predict/cold", b"{}", **headers)
    assert_problem(refused, 503, "model-not-ready")
    assert job_stack.result(job) == b'"cold"'
    assert job_stack.tries(job) == [("succeeded", 1)]
    seen(f"{LOAD_SECONDS:.0f} s to load: the request gets 503, the job its result in one try")


@row("J15")
def test_largest_body(job_stack, job_container, measured):
    """25 MB go to a multi-model endpoint and back; the worker needs little more than both."""
    idle = {worker: worker.bytes_now for worker in job_stack.running_workers}
    body = text(LARGEST)

    job = job_stack.job("model", b"", x_upload=job_stack.upload("model", body))
    assert job_stack.result(job) == body

    assert body in [one.body for one in job_container.invocations]
    times = max(worker.peak_bytes - before for worker, before in idle.items()) / (2 * LARGEST)
    figure = f"{times:.2f} times {2 * LARGEST / MB:.0f} MB"
    conditions = "a worker: 25 MB of JSON through a multi-model endpoint and back"
    measured("N17", "gateway", figure, conditions, meets=times <= MOST_TIMES)
    assert times <= MOST_TIMES


@row("J15")
def test_body_that_is_too_large(job_stack):
    """A byte more is refused before anything is sent."""
    asked = b'{"model": "model", "content_type": "application/json", "bytes": 25000001}'
    refused = job_stack.send("POST", "/uploads", asked, content_type="application/json")

    assert_problem(refused, 413, "payload-too-large")


@row("J15")
@pytest.mark.parametrize("size", [INLINE, INLINE + 1])
def test_body_of_an_asynchronous_endpoint(job_stack, job_caller, job_container, size):
    """A body goes with the call if it may; otherwise SageMaker reads the gateway's own object."""
    before, body = set(job_stack.objects()), text(size)

    job = job_stack.job("film", body)
    assert job_stack.result(job) == body

    assert body in [one.body for one in job_container.invocations]
    stored = [key for key in {*job_stack.objects()} - before if key.startswith("bodies/")]
    assert len(stored) == (size > INLINE)
    if stored:
        assert "less than or equal to 128000" in job_caller.error(Body=body)["Message"]
        accepted = job_caller.invoke(
            InputLocation=f"s3://{job_stack.bucket}/stage/{stored[0]}",
            ContentType="application/json",
        )
        assert job_caller.result(accepted) == body


@row("J16")
def test_asynchronous_endpoint_that_fails(job_stack, job_container):
    """The failure object of SageMaker's makes a failed job."""
    job_container.answer = lambda one: (failing(500) if one.body == b'"fail"' else echo)(one)
    try:
        failed = job_stack.ended(job_stack.job("film", b'"fail"'))
    finally:
        job_container.answer = echo

    assert failed["problem"]["type"] == "urn:inference-gateway:model-error"
