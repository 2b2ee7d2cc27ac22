"""Endpoints that change, are not there or take less than was sent (U15, U16, U24, U25)."""

import itertools
import json
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager

import pytest

from tests.containers.account import INSTANCES, VARIANT, artifacts, image
from tests.containers.container import Container, failing, wrapping
from tests.faults.outcome import gateway_at, predict, summary
from tests.faults.rows import row
from tests.support.problems import assert_problem
from tests.support.profile import LONG
from tests.support.stand_in import wait_until

CALLERS = 8
TIMEOUT_SECONDS = 3
UPDATES = 10 if LONG else 2
SERVERLESS_LIMIT = 4 * 1024 * 1024
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


def json_of(size):
    """Return a JSON text of so many bytes."""
    return b'"%b"' % (b"a" * (size - 2))


@pytest.fixture
def serverless(account):
    """A serverless endpoint, and the container that it hosts."""
    with Container() as container:
        model = account.create_model(image(container))
        size = {"MemorySizeInMB": 1024, "MaxConcurrency": 1}
        variant = {"VariantName": VARIANT, "ModelName": model, "ServerlessConfig": size}
        endpoint = account.start_endpoint(account.create_config(variant))
        account.wait_for(endpoint, "endpoint_in_service")
        yield gateway_to(account, endpoint), container
        account.close()


@row("U24")
def test_limit_of_a_serverless_endpoint(serverless, seen):
    """What an endpoint takes reaches the model whole; one byte more is a 413 with the limit."""
    gateway, container = serverless
    largest = predict(gateway, "m", json_of(SERVERLESS_LIMIT))
    larger = predict(gateway, "m", json_of(SERVERLESS_LIMIT + 1))

    assert (largest.response.status, len(largest.response.body)) == (200, SERVERLESS_LIMIT)
    problem = assert_problem(larger.response, 413, "payload-too-large")
    assert problem["detail"] == (
        "The body is too large for the model's endpoint; "
        "a serverless one takes at most 4,194,304 bytes."
    )
    assert larger.attempts == 1
    assert len(container.invocations) == 1
    seen(f"{SERVERLESS_LIMIT:,} bytes: {largest}; one more: {larger}")


@row("U24")
def test_limit_of_the_model(serverless, seen):
    """A model that finds a body too large is not taken for an endpoint with a limit."""
    gateway, container = serverless
    container.answer = failing(413)
    outcome = predict(gateway, "m")

    assert_problem(outcome.response, 413, "model-rejected-input")
    seen(f"the container's own 413: {outcome}")


CHOSEN = """\
version: 1
models:
  free/{name}:
    kind: mme
    endpoint: ENDPOINT
    target_model: "{name}.tar.gz"
    parameters: {name: {pattern: "[a-z0-9-]+"}}
  both/{city}/{release}:
    kind: mme
    endpoint: ENDPOINT
    target_model: "{city}-{release}.tar.gz"
    parameters: {city: {one_of: [iris]}, release: {pattern: "v[0-9]"}}
  listed/{name}:
    kind: mme
    endpoint: ENDPOINT
    target_model: "{name}.tar.gz"
    parameters: {name: {one_of: [nothing]}}
"""
NO_ARTIFACT = "404 no-such-artifact"
CHOICES = [
    ("tabular", "free/nothing", (NO_ARTIFACT, "has no artifact for name 'nothing'.")),
    ("tabular", "both/iris/v9", (NO_ARTIFACT, "has no artifact for release 'v9'.")),
    ("tabular", "listed/nothing", (MISFIT, "the routing table and the endpoint disagree")),
    ("nowhere", "free/nothing", (NOT_THERE, "The model's endpoint is not there")),
    ("digit-reader", "free/nothing", (MISFIT, "the routing table and the endpoint disagree")),
]


@row("U25")
@pytest.mark.parametrize(("endpoint", "path", "expected"), CHOICES)
def test_artifact_that_the_caller_named(demo, seen, endpoint, path, expected):
    """Who named the artifact is told: the caller by a 4xx, the operator by a 5xx."""
    gateway = gateway_at(demo.url, CHOSEN.replace("ENDPOINT", endpoint))
    outcome = predict(gateway, path)

    answer, detail = expected
    status, slug = answer.split()
    assert detail in assert_problem(outcome.response, int(status), slug)["detail"]
    assert outcome.attempts == 1
    for text in ("s3", "bucket", ".tar.gz", "inference-gateway-demo"):
        assert text not in outcome.response.body.decode()
    seen(f"{path} on {endpoint}: {answer}")


@row("U25")
def test_operator_is_not_told(demo, capsys):
    """The metrics count the caller's mistake as a 4xx; the log says what SageMaker refused."""
    gateway = gateway_at(demo.url, CHOSEN.replace("ENDPOINT", "tabular"))
    predict(gateway, "free/nothing")

    line, metrics = json.loads(gateway.log.text), json.loads(capsys.readouterr().out)
    assert line["slug"] == "no-such-artifact"
    assert line["reason"] == "SageMaker cannot download an artifact of this name"
    assert metrics["Invocation4XXErrors"] == [1.0]
    assert "Invocation5XXErrors" not in metrics


@row("U25")
def test_artifact_that_appears(account, seen):
    """Nothing remembers that an artifact was missing: after its upload, the model answers."""
    with Container() as container:
        url = account.upload(artifacts("early.tar.gz"))
        endpoint = account.deploy(image(container, Mode="MultiModel", ModelDataUrl=url))
        gateway = gateway_at(account.url, CHOSEN.replace("ENDPOINT", endpoint))
        missing = predict(gateway, "free/late")
        bucket, _, prefix = url.removeprefix("s3://").partition("/")
        source = {"Bucket": bucket, "Key": f"{prefix}early.tar.gz"}
        account.s3.copy_object(Bucket=bucket, Key=f"{prefix}late.tar.gz", CopySource=source)
        there = predict(gateway, "free/late")
        account.close()

    assert_problem(missing.response, 404, "no-such-artifact")
    assert there.response.status == 200
    seen(f"{missing}; after the upload: {there}")
