"""Fixtures of the fault matrix."""

from functools import partial
from typing import NamedTuple

import pytest

from tests.containers.account import Account, artifacts
from tests.containers.async_caller import Caller
from tests.containers.container import Container, echo, failing
from tests.functional.conftest import chalices_signature
from tests.support.clients import Response
from tests.support.job_stack import JobStack
from tests.support.profile import LONG
from tests.support.relay import Relay
from tests.support.stand_in import StandIn, wait_until

__all__ = ["chalices_signature"]

WORKERS = 3
BUSY = b'"busy"'
VISIBILITY_SECONDS = 30
"""For a message that a worker has asked for and does not get, because it or AWS is away."""

LOAD_SECONDS, LOAD_BUDGET_SECONDS = (90.0, 60.0) if LONG else (5.0, 2.0)
"""How long a cold artifact loads, and how long SageMaker lets a request wait for it."""


@pytest.fixture
def account(sagemaker_local):
    """An account of the local SageMaker; its endpoints are deleted after the test."""
    account = Account(sagemaker_local.session, sagemaker_local.url)
    yield account
    account.close()


@pytest.fixture(scope="session")
def job_container():
    """The container of every model of `job_stack` but the cold one."""
    with Container() as container:
        yield container


@pytest.fixture(scope="session")
def job_account():
    """An account of a local SageMaker whose requests wait for a cold artifact in vain."""
    budget = ("--load-budget", str(LOAD_BUDGET_SECONDS))
    with StandIn("--creating-seconds", "0.05", *budget) as stand_in:
        account = Account(stand_in.session, stand_in.url)
        account.stand_in = stand_in
        yield account
        account.close()
        assert stand_in.stop() == 0, stand_in.log


@pytest.fixture(scope="session")
def job_relay(job_account):
    """The way from the processes of `job_stack` to AWS."""
    with Relay(job_account.url) as relay:
        yield relay


@pytest.fixture(scope="session")
def job_caller(job_account, job_container):
    """A caller of the asynchronous endpoint."""
    return Caller(job_account, job_container)


@pytest.fixture(scope="session")
def job_stack(job_account, job_relay, job_container, job_caller, tmp_path_factory):
    """A gateway with jobs; one worker is started beside it."""
    with Container(load_seconds=LOAD_SECONDS) as cold:
        mme, slow = (
            job_account.deploy(job_account.multi_model(one, artifacts("a.tar.gz")))
            for one in (job_container, cold)
        )
        table = f"""\
version: 1
defaults:
  content_types: [application/json, text/csv]
models:
  model: {{kind: mme, endpoint: {mme}, target_model: a.tar.gz, pass_headers: [custom-attributes]}}
  short: {{kind: mme, endpoint: {mme}, target_model: a.tar.gz, job_seconds: 3}}
  cold: {{kind: mme, endpoint: {slow}, target_model: a.tar.gz}}
  film: {{kind: async, endpoint: {job_caller.endpoint}}}
"""
        stack = JobStack(
            job_account.stand_in,
            tmp_path_factory.mktemp("jobs"),
            table,
            visibility_seconds=VISIBILITY_SECONDS,
            AWS_ENDPOINT_URL=job_relay.url,
            GATEWAY_JOBS_CONCURRENCY="4",
        )
        stack.start_worker()
        with stack:
            yield stack


class Begun(NamedTuple):
    """Jobs that do not end at their first try, and what the gateway said while AWS was away."""

    killed: str
    busy: str
    late: str
    refused: tuple[Response, ...]


@pytest.fixture(scope="session")
def begun(job_stack, job_container, job_relay):
    """Kill a worker while the model works, let AWS be away, and the model be busy once.

    Then new workers go on.
    """
    (worker,) = job_stack.workers
    worker.until_ready()

    def kill(request):
        worker.kill()
        return echo(request)

    job_container.answer = kill
    killed = job_stack.job("short", b'"killed"')
    worker.process.wait(timeout=60)
    request = partial(job_stack.submit, "model", b'"late"', idempotency_key="late")
    job_relay.refuse()
    refused = (request(), job_stack.send("GET", f"/jobs/{killed}"))
    job_relay.accept()
    late = request().json()["job"]
    answers = iter([failing(503)])
    job_container.answer = lambda one: (next(answers, echo) if one.body == BUSY else echo)(one)
    for one in [job_stack.start_worker() for _ in range(WORKERS)]:
        one.until_ready()  # by then the killed one's last question to the queue is over
    busy = job_stack.job("short", BUSY)
    wait_until(lambda: job_stack.outcomes[busy])
    job_container.answer = echo
    return Begun(killed, busy, late, refused)
