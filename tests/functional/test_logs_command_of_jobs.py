"""`gatewayctl logs` joins the lines of a job that a gateway and its worker really write."""

import json

import pytest

from chalicelib.errors import UpstreamThrottled
from gatewayctl.joined_lines import MOST_ASKS
from tests.support.clients import TOKEN
from tests.support.command_line import gatewayctl
from tests.support.job_desk import job_desk, moto

CREDENTIAL = {"authorization": f"Bearer {TOKEN}"}


@pytest.fixture(scope="module", name="url")
def _url():
    with moto() as url:
        yield url


@pytest.fixture(name="desk")
def _desk(url):
    return job_desk(url)


@pytest.fixture(name="logs")
def _logs(desk, tmp_path):
    """Search the log of the gateway and its worker for an id."""

    def logs(some_id, *arguments):
        log = tmp_path / "gateway.log"
        log.write_text(desk.gateway.log.text)
        return gatewayctl("logs", some_id, "--log", str(log), *arguments, project=tmp_path)

    return logs


def submitted(desk):
    """Submit a job that is postponed once, and return the ids of the job and of the request."""
    answer = desk.submit("churn", b"{}", **CREDENTIAL)
    desk.gateway.runtime.error = UpstreamThrottled()
    (record,) = desk.receive()
    desk.work(record)
    desk.gateway.runtime.error = None
    desk.drain()
    return answer.json()["job"], answer.headers["x-request-id"]


def test_of_a_job(desk, logs):
    """From a job's id to its submission with the credential, each try, and who asked for it."""
    desk.job("churn")
    desk.drain()
    job, request = submitted(desk)
    desk.status(job)

    outcome = logs(job)
    assert (outcome.code, outcome.err) == (0, "")
    assert outcome.out.startswith(f"job {job} of request {request}: 5 lines in ")
    assert "  worker, WARNING\n  postponed, delivery 1: 503 upstream-throttled\n" in outcome.out
    assert "  worker\n  succeeded after " in outcome.out
    assert f"  200: GET /api/jobs/{job}\n" in outcome.out
    assert "\non SageMaker\n  container's log  /aws/sagemaker/Endpoints/churn-prod\n" in outcome.out
    assert f"  InferenceId      {request}, " in outcome.out
    kinds = [line["kind"] for line in logs(job, "--format", "json").data["lines"]]
    assert kinds == ["credential", "request", "job", "job", "request"]


def test_of_the_request_that_submitted_it(desk, logs):
    """From that request's id, which a failed job's problem has, to the tries; not to the asks."""
    job, request = submitted(desk)
    desk.status(job)

    outcome = logs(request)
    assert outcome.out.startswith(f"request {request}: 4 lines in ")
    data = logs(request[:20], "--format", "json").data
    assert [line["kind"] for line in data["lines"]] == ["credential", "request", "job", "job"]
    assert (data["request_id"], data["job"]) == (request, None)


def test_of_an_ask(desk, logs):
    """The id of a request that asked for a job leads to that request alone."""
    job, _ = submitted(desk)
    asked = desk.gateway.get(f"/jobs/{job}").headers["x-request-id"]

    assert logs(asked).out.startswith(f"request {asked}: 1 line in ")


def test_many_asks(desk, logs):
    """Of many requests that asked for a job the last ones are shown, and never instead of a try."""
    job, _ = submitted(desk)
    for _ in range(MOST_ASKS + 3):
        desk.status(job)

    outcome = logs(job)
    assert outcome.out.count(f": GET /api/jobs/{job}\n") == MOST_ASKS
    assert "  worker\n  succeeded after " in outcome.out
    assert "3 earlier requests for the job are not shown, before the last 20" in outcome.err


def test_job_that_is_submitted_again(desk, logs):
    """A request with a known Idempotency-Key leads to the job, whose own request is the first."""
    first = desk.submit("churn", b"{}", idempotency_key="k")
    again = desk.submit("churn", b"{}", idempotency_key="k")
    desk.drain()
    job, ids = first.json()["job"], [one.headers["x-request-id"] for one in (first, again)]

    assert logs(job).out.startswith(f"job {job} of request {ids[0]}: 3 lines in ")
    assert "worker" in logs(ids[1]).out


def test_unknown_request(desk, logs):
    """A try that could not read the job has no request's id; the job's id leads to it."""
    job, request = submitted(desk)
    lines = [json.loads(line) for line in desk.gateway.log.text.splitlines()]
    (line, *_) = [one for one in lines if one["message"] == "job" and one["job"] == job]
    text = json.dumps({**line, "request_id": "unknown", "delivery": 9})
    desk.gateway.log.stream.write(f"{text}\n")

    for some_id in (job, request):
        assert ", delivery 9: 503" in logs(some_id).out
