"""Jobs through a gateway, workers, S3, SQS and an endpoint, all of them processes.

The last three tests are of jobs that `begun` starts before the first test of the session that needs
processes of jobs: a killed worker is noticed only after a minute.
"""

import json
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from itertools import count
from threading import Barrier

from tests.containers.container import Answer, echo, failing
from tests.faults.conftest import BUSY
from tests.faults.rows import row
from tests.support.canary import CANARY
from tests.support.problems import assert_problem
from tests.support.profile import LONG
from tests.support.stand_in import wait_until

MANY, SUBMITTERS = (1_000 if LONG else 100), 16
MANY_SECONDS = 600
RACERS = 20
CALLERS_PLACE = "of-the-caller-4d1e"


def calls_of(container, body):
    """Return how many times the model was called with this body."""
    return sum(one.body == body for one in container.invocations)


@row("J13")
def test_many_jobs_at_once(job_stack, job_container, seen):
    """Every job has its own result, and the model is called once for each."""
    bodies = [b'{"job": %d}' % number for number in range(MANY)]
    before = job_stack.deliveries()
    with ThreadPoolExecutor(SUBMITTERS) as pool:
        jobs = list(pool.map(lambda body: job_stack.job("model", body), bodies))
        wait_until(lambda: job_stack.deliveries() >= before + MANY, MANY_SECONDS)
        results = list(pool.map(job_stack.result, jobs))

    assert len(set(jobs)) == MANY
    assert results == bodies
    by_job = job_stack.outcomes
    outcomes = [by_job[job] for job in jobs]
    assert [str(one).count("succeeded") for one in outcomes] == [1] * MANY
    # A standard queue may deliver a message twice; nothing else calls the model again.
    again = sum(len(one) - 1 for one in outcomes)
    calls = Counter(one.body for one in job_container.invocations)
    surplus = sum(calls[body] - 1 for body in bodies)
    assert 0 <= surplus <= again
    workers = len(job_stack.running_workers)
    seen(f"{MANY} jobs, {workers} workers: {len(results)} results, {MANY + surplus} calls")


@row("J9")
def test_one_key_from_twenty_callers(job_stack, job_container, seen):
    """Twenty requests with one Idempotency-Key at the same moment are one job and one call."""
    start, body = Barrier(RACERS), b'"raced"'

    def submit(_):
        start.wait()
        return job_stack.job("model", body, idempotency_key="raced")

    with ThreadPoolExecutor(RACERS) as pool:
        jobs = set(pool.map(submit, range(RACERS)))

    (job,) = jobs
    assert job_stack.result(job) == body
    assert calls_of(job_container, body) == 1
    seen(f"{RACERS} callers: {len(jobs)} job, 1 call of the model")


@row("J11", "J10")
def test_another_principal(job_stack):
    """Somebody else's job and upload are not found; the words are those for an id that is none."""
    other = job_stack.other_key
    job, upload = job_stack.job("model"), job_stack.upload("model", b"{}")

    problems = [
        assert_problem(job_stack.send("GET", f"/jobs/{one}", key=other), 404, "unknown-job")[
            "detail"
        ]
        for one in (job, "0" * 32, "x")
    ]
    assert len(set(problems)) == 1
    assert_problem(
        job_stack.submit("model", b"", key=other, x_upload=upload), 404, "unknown-upload"
    )
    assert job_stack.result(job_stack.job("model", b"", x_upload=upload)) == b"{}"


@row("J5")
def test_message_that_starts_no_job(job_stack):
    """It goes to the dead-letter queue at once, and not after the visibility timeout."""
    job_stack.sqs.send_message(QueueUrl=job_stack.urls[job_stack.queue], MessageBody=CANARY)

    wait_until(lambda: job_stack.waiting(job_stack.dead) == 1)
    assert all(CANARY not in worker.log for worker in job_stack.workers)


PLACES = {
    "x_amzn_sagemaker_inputlocation": f"s3://{CALLERS_PLACE}/x",
    "x_amzn_sagemaker_outputlocation": f"s3://{CALLERS_PLACE}/x",
    "x_amzn_sagemaker_filename": CALLERS_PLACE,
    "x_amzn_sagemaker_target_model": f"{CALLERS_PLACE}.tar.gz",
    "x_amz_copy_source": f"/{CALLERS_PLACE}/x",
    "x_amz_meta_status": CALLERS_PLACE,
    "idempotency_key": f"../{CALLERS_PLACE}/x",
}
ODD_IDS = (f"../{CALLERS_PLACE}", f"s3://{CALLERS_PLACE}/x", f"%2e%2e%2f{CALLERS_PLACE}")


@row("J12")
def test_places_of_a_caller(job_stack, job_relay):
    """Nothing that a caller sends names a place in S3, SQS or SageMaker."""
    before = len(job_relay.sent)
    assert job_stack.result(job_stack.job("model", b"[]", **PLACES)) == b"[]"
    for odd in ODD_IDS:
        assert_problem(job_stack.submit("model", b"", x_upload=odd), 404, "unknown-upload")
        assert_problem(job_stack.submit(odd.replace("/", "%2f")), 404, "unknown-model")
        assert job_stack.send("GET", f"/jobs/{odd}").status in {403, 404}
        asked = {"model": odd, "content_type": "text/csv", "bytes": 1}
        refused = job_stack.send(
            "POST", "/uploads", json.dumps(asked).encode(), content_type="application/json"
        )
        assert_problem(refused, 404, "unknown-model")
    asked = {"model": "model", "content_type": "application/json", "bytes": 2}
    more = {"bucket": CALLERS_PLACE, "key": CALLERS_PLACE, "InputLocation": CALLERS_PLACE}
    upload = job_stack.send(
        "POST",
        "/uploads",
        json.dumps({**asked, **more}).encode(),
        content_type="application/json",
        **PLACES,
    ).json()

    assert CALLERS_PLACE not in json.dumps(upload)
    assert CALLERS_PLACE.encode() not in job_relay.sent[before:]
    assert len(job_relay.sent) > before


@row("J12")
def test_secrets(job_stack, job_container):
    """Nothing of a body, an answer, a header, a key or a signed URL is in any log."""
    secret = json.dumps({"name": CANARY}).encode()
    headers = {
        "cookie": CANARY,
        "user_agent": CANARY,
        "x_amzn_sagemaker_custom_attributes": CANARY,
        "idempotency_key": CANARY,
    }
    job = job_stack.job("model", secret, **headers)
    assert job_stack.result(job) == secret
    upload = job_stack.upload("model", secret)
    assert job_stack.result(job_stack.job("model", b"", x_upload=upload)) == secret
    assert_problem(job_stack.submit("model", b"[", idempotency_key=CANARY), 400, "invalid-json")
    job_container.answer = lambda one: (failing(500) if one.body == secret else echo)(one)
    try:
        failed = job_stack.ended(job_stack.job("model", secret))
    finally:
        job_container.answer = echo
    assert failed["problem"]["type"] == "urn:inference-gateway:model-error"

    logs = [one.log for one in (job_stack.gateway, job_stack.stand_in, *job_stack.workers)]
    for text in (CANARY, job_stack.key, "X-Amz-Signature"):
        assert [log for log in logs if text in log] == []
    assert CANARY not in json.dumps(failed)


@row("J4")
def test_message_that_comes_twice(job_stack, job_container, seen):
    """Two workers that have one job at the same moment: both call the model, one result stays."""
    both, numbers, body = Barrier(2, timeout=60), count(1), b'"twice"'

    def answer(request):
        if request.body != body:
            return echo(request)
        both.wait()
        return Answer(body=b"answer %d" % next(numbers))

    job_container.answer = answer
    try:
        job = job_stack.job("model", body)
        (key,) = [key for key in job_stack.objects() if key.endswith(f"{job}.json")]
        message = {"owner": key.split("/")[1], "job": job}
        job_stack.sqs.send_message(
            QueueUrl=job_stack.urls[job_stack.queue], MessageBody=json.dumps(message)
        )
        wait_until(lambda: len(job_stack.outcomes[job]) == 2)
    finally:
        job_container.answer = echo

    assert sorted(outcome for outcome, _ in job_stack.outcomes[job]) == [
        "ended before",
        "succeeded",
    ]
    assert calls_of(job_container, body) == 2
    assert job_stack.result(job) in {b"answer 1", b"answer 2"}
    seen("one message twice: 2 calls of the model, 1 result")


@row("J2", "J3")
def test_aws_away(job_stack, begun):
    """While AWS refuses connections the gateway says so; the same request then is a job."""
    for refused in begun.refused:
        assert_problem(refused, 503, "jobs-unavailable")

    assert job_stack.result(begun.late) == b'"late"'


@row("J6")
def test_model_that_was_busy(job_stack, begun, job_container):
    """After a 503 of the model the job is tried again."""
    assert job_stack.result(begun.busy) == BUSY
    assert [outcome for outcome, _ in job_stack.tries(begun.busy)] == [
        "postponed",
        "succeeded",
    ]
    assert calls_of(job_container, BUSY) == 2


@row("J1")
def test_killed_worker(job_stack, begun, job_container, seen):
    """The job of a killed worker runs again at another one, and has one result."""
    assert job_stack.result(begun.killed) == b'"killed"'
    assert job_stack.tries(begun.killed) == [("succeeded", 2)]
    assert calls_of(job_container, b'"killed"') == 2
    seen("killed in the middle: the 2nd delivery ends it, 2 calls of the model, 1 result")
