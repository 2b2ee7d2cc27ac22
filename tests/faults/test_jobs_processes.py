"""Jobs through real processes: a gateway, workers, S3, SQS and an endpoint (J1, J4 to J6, J9 to J13).

What takes a minute is begun before the first test, and looked at by the last ones.
"""

import json
import signal
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier
from typing import NamedTuple

import pytest

from tests.containers.account import Account, artifacts
from tests.containers.container import Answer, Container, echo, failing
from tests.faults.rows import row
from tests.support.canary import CANARY
from tests.support.job_stack import JobStack
from tests.support.problems import assert_problem
from tests.support.profile import LONG
from tests.support.relay import Relay
from tests.support.stand_in import wait_until

VISIBILITY_SECONDS = 20
"""For a message that a killed worker has asked for and does not get."""

MANY, SUBMITTERS, WORKERS = (1_000, 16, 3) if LONG else (100, 16, 3)
RACERS = 20
CALLERS_PLACE = "of-the-caller-4d1e"


def table(endpoint):
    """Return a table whose jobs have a second, so that a killed worker is noticed soon."""
    entry = f"kind: mme, endpoint: {endpoint}, target_model: a.tar.gz, job_seconds"
    return f"""\
version: 1
models:
  model: {{{entry}: 120, pass_headers: [custom-attributes]}}
  short: {{{entry}: 1}}
"""


class Begun(NamedTuple):
    """The jobs whose workers stopped working on them."""

    killed: str
    frozen: str
    busy: str


@pytest.fixture(scope="module", name="container")
def _container():
    with Container() as container:
        yield container


@pytest.fixture(scope="module", name="relay")
def _relay(sagemaker_local):
    with Relay(sagemaker_local.url) as relay:
        yield relay


@pytest.fixture(scope="module", name="stack")
def _stack(sagemaker_local, relay, container, tmp_path_factory):
    account = Account(sagemaker_local.session, sagemaker_local.url)
    endpoint = account.deploy(account.multi_model(container, artifacts("a.tar.gz")))
    folder = tmp_path_factory.mktemp("jobs")
    environment = {"AWS_ENDPOINT_URL": relay.url, "GATEWAY_JOBS_CONCURRENCY": "4"}
    with JobStack(
        sagemaker_local,
        folder,
        table(endpoint),
        visibility_seconds=VISIBILITY_SECONDS,
        **environment,
    ) as stack:
        yield stack
    account.close()


@pytest.fixture(scope="module", autouse=True, name="begun")
def _begun(stack, container):
    """Kill a worker and stop another one while the model works; let the model be busy once."""

    def job_whose_worker_gets(number):
        worker = stack.start_worker().until_ready()
        called = []

        def answer(request):
            worker.process.send_signal(number)
            called.append(request)
            return Answer(body=b"from the first worker")

        container.answer = answer
        job = stack.job("short", b'"for the next worker"')
        wait_until(lambda: called)
        return job, worker

    killed, dead = job_whose_worker_gets(signal.SIGKILL)
    dead.process.wait()
    frozen, stopped = job_whose_worker_gets(signal.SIGSTOP)
    busy_once = iter([failing(503)])
    container.answer = lambda request: next(busy_once, echo)(request)
    for worker in [stack.start_worker() for _ in range(WORKERS)]:
        worker.until_ready()
    busy = stack.job("model", b'"busy at first"')
    wait_until(lambda: b'"busy at first"' in [one.body for one in container.invocations])
    container.answer = echo
    yield Begun(killed, frozen, busy)
    stopped.process.send_signal(signal.SIGCONT)


def calls_of(container, body):
    return sum(one.body == body for one in container.invocations)


@row("J13")
def test_many_jobs_at_once(stack, container, seen):
    """Every job has its own result, and the model is called once for each."""
    bodies = [b'{"job": %d}' % number for number in range(MANY)]
    with ThreadPoolExecutor(SUBMITTERS) as pool:
        jobs = list(pool.map(lambda body: stack.job("model", body), bodies))
        results = list(pool.map(stack.result, jobs))

    assert len(set(jobs)) == MANY
    assert results == bodies
    calls = Counter(one.body for one in container.invocations)
    assert [calls[body] for body in bodies] == [1] * MANY
    ended = [line["job"] for line in stack.lines if line["message"] == "job"]
    assert Counter(job for job in ended if job in set(jobs)) == Counter(jobs)
    working = sum(any(job in worker.log for job in jobs) for worker in stack.workers)
    seen(f"{MANY} jobs, {working} workers: {len(results)} results, {sum(calls.values())} calls")


@row("J9")
def test_one_key_from_twenty_callers(stack, container, seen):
    """Twenty requests with one Idempotency-Key at the same moment are one job and one call."""
    start, body = Barrier(RACERS), b'"raced"'

    def submit(_):
        start.wait()
        return stack.job("model", body, idempotency_key="raced")

    with ThreadPoolExecutor(RACERS) as pool:
        jobs = set(pool.map(submit, range(RACERS)))

    (job,) = jobs
    assert stack.result(job) == body
    assert calls_of(container, body) == 1
    seen(f"{RACERS} callers: {len(jobs)} job, 1 call of the model")


@row("J11", "J10")
def test_another_principal(stack):
    """Somebody else's job and upload are not found; the words are those for an id that is none."""
    other = stack.issue("somebody-else")
    wait_until(lambda: stack.send("GET", "/models", key=other).status == 200)
    job, upload = stack.job("model"), stack.upload("model", b"{}")

    problems = [
        assert_problem(stack.send("GET", f"/jobs/{one}", key=other), 404, "unknown-job")["detail"]
        for one in (job, "0" * 32, "x")
    ]
    assert len(set(problems)) == 1
    assert_problem(stack.submit("model", b"", key=other, x_upload=upload), 404, "unknown-upload")
    assert stack.result(stack.job("model", b"", x_upload=upload)) == b"{}"


@row("J5")
def test_message_that_starts_no_job(stack):
    """It goes to the dead-letter queue at once, and not after the visibility timeout."""
    stack.sqs.send_message(QueueUrl=stack.urls[stack.queue], MessageBody=CANARY)

    wait_until(lambda: stack.waiting(stack.dead) == 1)
    assert all(CANARY not in worker.log for worker in stack.workers)


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
def test_places_of_a_caller(stack, relay):
    """Nothing that a caller sends names a place in S3, SQS or SageMaker."""
    before = len(relay.sent)
    assert stack.result(stack.job("model", b"[]", **PLACES)) == b"[]"
    for odd in ODD_IDS:
        assert_problem(stack.submit("model", b"", x_upload=odd), 404, "unknown-upload")
        assert_problem(stack.submit(odd.replace("/", "%2f")), 404, "unknown-model")
        assert stack.send("GET", f"/jobs/{odd}").status in {403, 404}
        asked = {"model": odd, "content_type": "text/csv", "bytes": 1}
        refused = stack.send(
            "POST", "/uploads", json.dumps(asked).encode(), content_type="application/json"
        )
        assert_problem(refused, 404, "unknown-model")
    asked = {"model": "model", "content_type": "application/json", "bytes": 2}
    more = {"bucket": CALLERS_PLACE, "key": CALLERS_PLACE, "InputLocation": CALLERS_PLACE}
    upload = stack.send(
        "POST",
        "/uploads",
        json.dumps({**asked, **more}).encode(),
        content_type="application/json",
        **PLACES,
    ).json()

    assert CALLERS_PLACE not in json.dumps(upload)
    assert CALLERS_PLACE.encode() not in relay.sent[before:]
    assert len(relay.sent) > before


@row("J12")
def test_secrets(stack, container, sagemaker_local):
    """Nothing of a body, an answer, a header or a key is in any log."""
    secret = json.dumps({"name": CANARY}).encode()
    headers = {
        "cookie": CANARY,
        "user_agent": CANARY,
        "x_amzn_sagemaker_custom_attributes": CANARY,
        "idempotency_key": CANARY,
    }
    job = stack.job("model", secret, **headers)
    assert stack.result(job) == secret
    upload = stack.upload("model", secret)
    assert stack.result(stack.job("model", b"", x_upload=upload)) == secret
    assert_problem(stack.submit("model", b"[", idempotency_key=CANARY), 400, "invalid-json")
    container.answer = failing(500, CANARY)
    try:
        failed = stack.ended(stack.job("model", secret))
    finally:
        container.answer = echo
    assert failed["problem"]["type"] == "urn:inference-gateway:model-error"

    logs = [stack.gateway.log, sagemaker_local.log, *(worker.log for worker in stack.workers)]
    assert [text for text in logs if CANARY in text or stack.key in text] == []
    assert CANARY not in json.dumps(failed)


@row("J6")
def test_model_that_was_busy(stack, begun, container):
    """After a 503 of the model the job is tried again."""
    assert stack.result(begun.busy) == b'"busy at first"'
    assert calls_of(container, b'"busy at first"') == 2


@row("J1")
def test_killed_worker(stack, begun, container, seen):
    """The job of a killed worker runs again at another one, and has one result."""
    body = b'"for the next worker"'

    assert stack.result(begun.killed) == body
    lines = [line for line in stack.lines if line.get("job") == begun.killed]
    assert [(line["outcome"], line["delivery"]) for line in lines] == [("succeeded", 2)]
    assert calls_of(container, body) <= 4
    seen(f"killed in the middle: 1 result, at delivery {lines[0]['delivery']}")


@row("J4")
def test_worker_that_comes_back(stack, begun):
    """A worker that went on after another one had ended its job changes nothing."""
    result = stack.result(begun.frozen)
    (stopped,) = [worker for worker in stack.workers if not has_lines(worker)][-1:]
    stopped.process.send_signal(signal.SIGCONT)

    wait_until(lambda: begun.frozen in stopped.log)
    (late,) = [line for line in stack.lines if line.get("outcome") == "ended before"]
    assert late["job"] == begun.frozen
    assert stack.result(begun.frozen) == result == b'"for the next worker"'
