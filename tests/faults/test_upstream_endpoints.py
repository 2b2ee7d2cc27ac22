"""Endpoints that change or disappear under load, or never existed (U15, U16)."""

import itertools
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager

import pytest

from tests.containers.account import INSTANCES, VARIANT, image
from tests.containers.container import Container, wrapping
from tests.faults.outcome import gateway_at, predict, summary
from tests.faults.rows import row
from tests.support.problems import assert_problem
from tests.support.profile import LONG
from tests.support.stand_in import wait_until

CALLERS = 8
TIMEOUT_SECONDS = 3
UPDATES = 10 if LONG else 2
CALLS_BETWEEN = 200 if LONG else 50


@contextmanager
def load(gateway, outcomes):
    """Call the model from several threads until the end of the `with`."""
    over = threading.Event()

    def call():
        while not over.is_set():
            outcomes.append(predict(gateway, "m", b"1").response)

    with ThreadPoolExecutor(CALLERS) as threads:
        calling = [threads.submit(call) for _ in range(CALLERS)]
        try:
            yield
        finally:
            over.set()
    for one in calling:
        one.result()


def gateway_to(account, endpoint):
    entry = f"{{kind: single, endpoint: {endpoint}, timeout_seconds: {TIMEOUT_SECONDS}}}"
    return gateway_at(account.url, f"version: 1\nmodels:\n  m: {entry}\n")


@row("U15")
def test_update_under_load(account, seen):
    """While an endpoint changes its model, every call is answered by the old or the new one."""
    with ExitStack() as containers:
        names = [b"a", b"b"]
        images = [
            image(containers.enter_context(Container(answer=wrapping(name.decode()))))
            for name in names
        ]
        models = [account.create_model(container) for container in images]
        configs = [
            account.create_config(
                {"VariantName": VARIANT, "ModelName": model, "InitialVariantWeight": 1, **INSTANCES}
            )
            for model in models
        ]
        endpoint = account.start_endpoint(configs[0])
        account.wait_for(endpoint, "endpoint_in_service")
        answers = []
        with load(gateway_to(account, endpoint), answers):
            for config in itertools.islice(itertools.cycle(reversed(configs)), UPDATES):
                before = len(answers)
                account.sagemaker.update_endpoint(EndpointName=endpoint, EndpointConfigName=config)
                account.wait_for(endpoint, "endpoint_in_service")
                wait_until(lambda before=before: len(answers) > before + CALLS_BETWEEN)
        account.close()

    bodies = {answer.body for answer in answers}
    assert {answer.status for answer in answers} == {200}
    assert bodies == {b"a(1)", b"b(1)"}
    seen(f"{UPDATES} updates, {len(answers):,} calls: errors 0")


@row("U16")
def test_deleted_under_load(account, seen):
    """When an endpoint is deleted, callers never get a 4xx; a call under way may time out."""
    with Container() as container:
        endpoint = account.deploy(image(container))
        answers = []
        with load(gateway_to(account, endpoint), answers):
            wait_until(lambda: len(answers) > CALLS_BETWEEN)
            account.delete_endpoint(endpoint)
            before = len(answers)
            wait_until(lambda: len(answers) > before + CALLS_BETWEEN)
        account.close()

    unanswered = {"504 model-timeout", "504 upstream-timeout"}
    assert set(map(summary, answers)) <= {"200", "503 model-unavailable", *unanswered}
    assert_problem(answers[-1], 503, "model-unavailable")
    seen(f"deleted under load, {len(answers):,} calls: 200, then 503 model-unavailable; 4xx 0")


NOT_THERE, MISFIT = "503 model-unavailable", "502 upstream-rejected"
MISFITS = [
    ("no endpoint", "kind: single, endpoint: nowhere", NOT_THERE),
    (
        "no component",
        "kind: component, endpoint: shared, inference_component: nothing",
        NOT_THERE,
    ),
    (
        "no such container",
        "kind: mce, endpoint: diabetes, target_container_hostname: nobody",
        NOT_THERE,
    ),
    ("no such variant", "kind: single, endpoint: digit-reader, target_variant: green", NOT_THERE),
    (
        "no such artifact",
        "kind: mme, endpoint: tabular, target_model: nothing.tar.gz",
        MISFIT,
    ),
    ("a container is to be named", "kind: single, endpoint: diabetes", MISFIT),
    ("an artifact is to be named", "kind: single, endpoint: tabular", MISFIT),
    ("a component is to be named", "kind: single, endpoint: shared", MISFIT),
    (
        "no artifacts",
        "kind: mme, endpoint: digit-reader, target_model: a.tar.gz",
        MISFIT,
    ),
    (
        "no container to be named",
        "kind: mce, endpoint: digit-reader, target_container_hostname: a",
        MISFIT,
    ),
]


@row("U16")
@pytest.mark.parametrize(("what", "entry", "expected"), MISFITS)
def test_misfit(demo, seen, what, entry, expected):
    """What is missing may appear later (503); what does not fit has to be corrected (502)."""
    outcome = predict(gateway_at(demo.url, f"version: 1\nmodels:\n  m: {{{entry}}}\n"), "m")

    status, slug = expected.split()
    assert_problem(outcome.response, int(status), slug)
    assert outcome.attempts == 1
    seen(f"{what}: {expected}")
