"""`gatewayctl prewarm` against endpoints that load, fail and disappear."""

import json
import os
import re
import signal
import subprocess
import sys

import pytest

from gatewayctl import aws
from gatewayctl.command import Dependencies
from tests.containers.account import artifacts, image
from tests.containers.container import failing
from tests.support.command_line import gatewayctl
from tests.support.http_server import StubServer, sends
from tests.support.paths import ROOT
from tests.support.publish_desk import denied
from tests.support.stand_in import wait_until

DEMO = str(ROOT / "routing.yaml")
HERE = {
    "AWS_DEFAULT_REGION": "us-east-1",
    "AWS_ACCESS_KEY_ID": "a",
    "AWS_SECRET_ACCESS_KEY": "b",
}
NOWHERE = "http://127.0.0.1:9"


def models(outcome):
    """Return the data about each model by its path, and by its target if it has several."""
    found = {}
    for model in json.loads(outcome.out)["models"]:
        path, target = model.pop("path"), model.pop("target")
        found[path if target is None else f"{path} ({target})"] = model
    return found


def states(outcome):
    return {path: model["state"] for path, model in models(outcome).items()}


def table(rows):
    """A table with these models: endpoint and artifact, or an endpoint alone."""
    models = [
        f"  {name}:\n    endpoint: {endpoint}\n"
        + (
            f"    kind: mme\n    target_model: {artifact[0]}\n"
            if artifact
            else "    kind: single\n"
        )
        for name, (endpoint, *artifact) in rows.items()
    ]
    return "version: 1\nmodels:\n" + "".join(models)


def run(connect, *arguments):
    return gatewayctl("prewarm", *arguments, project=ROOT, dependencies=Dependencies(connect))


@pytest.fixture(name="warm")
def _warm(sagemaker_local, tmp_path):
    """Runs the command on a table with these rows."""

    def warm(rows, *arguments, stand_in=sagemaker_local):
        path = tmp_path / "routing.yaml"
        path.write_text(table(rows))
        return run(stand_in.client, *arguments, "--table", str(path))

    return warm


@pytest.fixture(name="put")
def _put(sagemaker_local):
    """Puts a fault on an endpoint, which goes with the endpoint's test."""
    endpoints = []

    def put(endpoint, fault, stand_in=sagemaker_local, **members):
        endpoints.append((stand_in, endpoint))
        stand_in.fault("PUT", endpoint, json.dumps({"fault": fault, **members}).encode())

    yield put
    for stand_in, endpoint in endpoints:
        stand_in.fault("DELETE", endpoint)


class TestDemo:
    """The table of this repository, and real models."""

    def test_all_artifacts(self, demo):
        """Every artifact is loaded with its example, and has a line of progress."""
        outcome = run(demo.client, "--table", DEMO, "--format", "json")

        assert outcome.code == 0
        assert len(models(outcome)) == 15
        assert set(states(outcome).values()) <= {"hot", "loaded"}
        assert {model["code"] for model in models(outcome).values()} == {None}
        first, *stderr_file = outcome.err.splitlines()
        assert first == "calling 15 models, 4 at once"
        assert sorted(re.sub(r".*\] (.*):.*", r"\1", line) for line in stderr_file) == sorted(
            models(outcome)
        )

    def test_every_kind(self, demo):
        """A model without an artifact is called if it is named."""
        names = [
            "digit",
            "diabetes-boosted",
            "wine-grade",
            "diabetes-component",
            "is-digit/{digit}",
        ]
        outcome = run(demo.client, *names, "--table", DEMO)

        assert outcome.code == 0
        assert outcome.out.startswith("14 models: ")

    def test_wrong_use(self, demo):
        """A name that is not in the table is wrong use, and no model is called."""
        assert run(demo.client, "iriss", "--table", DEMO) == (
            2,
            "",
            f"gatewayctl prewarm: there is no model 'iriss' in {DEMO}; did you mean iris?\n",
        )

    @pytest.mark.parametrize("number", ["0", "65", "-1", "x", "²"])
    def test_wrong_number(self, demo, number):
        """A number out of range is wrong use."""
        outcome = run(demo.client, f"--at-once={number}", "--table", DEMO)

        assert (outcome.code, outcome.out) == (2, "")
        assert "Invalid value for '--at-once': " in outcome.err


PATTERN = """\
version: 1
models:
  customers/{{id}}:
    kind: mme
    endpoint: {endpoint}
    target_model: "customers/{{id}}.tar.gz"
    parameters: {{id: {{pattern: "[a-z]{{4,9}}"}}}}
  one:
    kind: mme
    endpoint: {endpoint}
    target_model: one.tar.gz
"""
NAMES = ("customers/anna", "customers/bert", "customers/Carl", "customers/sourcedir", "one")


class TestPatterns:
    """Entries with a pattern, whose artifacts are listed in S3."""

    @pytest.fixture(name="path")
    def _path(self, account, container, tmp_path):
        """A table with such an entry, and its endpoint."""
        keys = [f"{name}.tar.gz" for name in NAMES]
        endpoint = account.deploy(account.multi_model(container, artifacts(*keys)))
        path = tmp_path / "routing.yaml"
        path.write_text(PATTERN.format(endpoint=endpoint))
        return str(path)

    def test_artifacts_that_exist(self, sagemaker_local, container, path):
        """Every artifact that fits rule and target is called, and no other object."""
        outcome = run(sagemaker_local.client, "--table", path, "--format", "json")

        assert outcome.code == 0
        assert set(states(outcome)) == {"customers/anna", "customers/bert", "one"}
        assert len(container.load_attempts) == 3
        only = run(sagemaker_local.client, "customers/{id}", "--table", path, "--most=1")
        assert only.out == "1 model: 1 hot\n"
        assert "customers/{id}: 2 artifacts fit it, and the first 1 are called; " in only.err

    def test_no_permission(self, sagemaker_local, path):
        """Without permission to list, the rest is loaded, and a note says what is missing."""

        def connect(service, **settings):
            client = sagemaker_local.client(service, **settings)
            client.meta.events.register("before-call.s3.ListObjectsV2", lambda **_: denied())
            return client

        outcome = run(connect, "--table", path)

        assert (outcome.code, outcome.out) == (0, "1 model: 1 hot\n")
        assert (
            "customers/{id} has a pattern, and its artifacts cannot be listed: the bucket tests-"
        ) in outcome.err
        assert (
            "cannot be read without the IAM permission s3:ListBucket; name the one" in outcome.err
        )
        named = run(connect, "customers/anna", "--table", path)
        assert named.out == "1 model: 1 hot\n"
        assert run(connect, "customers/{id}", "--table", path).code == 3


class TestCold:
    def test_slower_than_a_second_time(self, account, container, warm, put):
        """A model that SageMaker loads during the call was cold, else it was hot."""
        endpoint = account.deploy(account.multi_model(container, artifacts("a.gz", "b.gz")))
        account.invoke(endpoint, TargetModel="a.gz")
        put(endpoint, "slow-load", seconds=1)

        outcome = warm({"a": (endpoint, "a.gz"), "b": (endpoint, "b.gz")}, "--format", "json")

        assert (outcome.code, states(outcome)) == (0, {"a": "hot", "b": "loaded"})
        assert models(outcome)["b"]["seconds"] >= 1

    def test_seen_loading(self, impatient, impatient_account, container, warm, put):
        """A model that is not ready is called again until it answers."""
        account = impatient_account
        endpoint = account.deploy(account.multi_model(container, artifacts("a.gz")))
        put(endpoint, "slow-load", impatient, seconds=1)

        outcome = warm({"a": (endpoint, "a.gz")}, stand_in=impatient)

        assert outcome.code == 0
        assert re.fullmatch(r"1 model: 1 loaded in (\d\.\d) to \1 s\n", outcome.out)
        assert re.search(r"^\[1/1\] a: loaded in \d\.\d s$", outcome.err, re.MULTILINE)
        assert len(container.invocations) == 1
        assert container.load_attempts.total() == 1

    def test_still_cold(self, impatient, impatient_account, container, warm):
        """A model that is not loaded before the timeout is a finding."""
        account = impatient_account
        endpoint = account.deploy(account.multi_model(container, artifacts("a.gz", "b.gz")))
        account.invoke(endpoint, TargetModel="a.gz")
        container.load_gate.clear()

        rows = {"a": (endpoint, "a.gz"), "b": (endpoint, "b.gz")}
        outcome = warm(rows, "--timeout=1", stand_in=impatient)
        container.load_gate.set()

        assert outcome.code == 1
        cold, total = outcome.out.splitlines()
        assert re.match(r"b: still cold after \d s \(ModelNotReadyException\): ", cold)
        assert cold.endswith(f"see the log /aws/sagemaker/Endpoints/{endpoint}")
        assert total == "2 models: 1 hot, 1 cold"

    def test_silence(self, account, container, warm):
        """A model whose call lasts longer than the timeout is cold."""
        endpoint = account.deploy(account.multi_model(container, artifacts("a.gz")))
        container.load_gate.clear()

        outcome = warm({"a": (endpoint, "a.gz")}, "--timeout", "1", "--format", "json")
        container.load_gate.set()

        assert outcome.code == 1
        model = models(outcome)["a"]
        assert (model["state"], model["code"]) == ("cold", "ReadTimeoutError")

    @pytest.mark.parametrize("status", [400, 404, 415, 422])
    @pytest.mark.parametrize(
        ("example", "body", "state", "reason"),
        [
            ("", b"{}", "unknown", "it refuses a body without meaning, or it cannot load: "),
            (
                "    example: [1]\n",
                b"[1]",
                "refused",
                "it refuses the example of the table, or it cannot load: ",
            ),
        ],
        ids=["without-example", "with-example"],
    )
    def test_a_refusal(  # noqa: PLR0917
        self, account, container, sagemaker_local, tmp_path, status, example, body, state, reason
    ):
        """A 4xx of a container can be a refused load, so the model does not count as loaded."""
        endpoint = account.deploy(account.multi_model(container, artifacts("a.gz", "b.gz")))
        account.invoke(endpoint, TargetModel="b.gz")
        container.answer = failing(status, "what is that?")
        path = tmp_path / "routing.yaml"
        path.write_text(table({"a": (endpoint, "a.gz")}) + example)

        outcome = run(sagemaker_local.client, "--table", str(path))

        assert outcome.code == 1
        line, total = outcome.out.splitlines()
        assert line.startswith(f"a: {state} (ModelError {status}): {reason}")
        assert total == f"1 model: 1 {state}"
        assert container.invocations[-1].body == body


FAILURES = {
    "throttle": ("ThrottlingException", "SageMaker throttles: try again with a smaller --at-once"),
    "e500": ("InternalFailure", "SageMaker itself failed: try again"),
    "e503": ("ServiceUnavailable", "SageMaker itself failed: try again"),
    "e530": ("InternalDependencyException", "SageMaker itself failed: try again"),
    "model-error": ("ModelError 500", "its container failed, over loading it or over the call: "),
    "reset": ("ConnectionClosedError", "the connection broke: try again"),
}


class TestFailures:
    def test_for_good(self, account, container, warm, put):
        """Each failure has the error code of AWS, and advice."""
        rows = {fault: (account.deploy(image(container)),) for fault in FAILURES}
        for fault, (endpoint,) in rows.items():
            put(endpoint, fault)

        outcome = warm(rows, *rows, "--timeout=1", "--at-once=6")

        *failed, total = outcome.out.splitlines()
        assert (outcome.code, total) == (1, "6 models: 6 failed")
        for line, (fault, (code, advice)) in zip(failed, FAILURES.items(), strict=True):
            assert line.startswith(f"{fault}: failed ({code}): {advice}")

    def test_for_a_moment(self, account, container, warm, put):
        """An error that passes is waited for."""
        faults = ["throttle", "e500", "e503", "e530", "reset", "not-ready"]
        rows = {fault: (account.deploy(image(container)),) for fault in faults}
        for fault, (endpoint,) in rows.items():
            put(endpoint, fault, count=1)

        outcome = warm(rows, *rows, "--at-once=6", "--format=json")

        assert outcome.code == 0
        assert states(outcome) == dict.fromkeys(faults, "hot") | {"not-ready": "loaded"}

    def test_what_is_not_there(self, account, container, warm):
        """An endpoint that was deleted, and an artifact that does not exist, are failures."""
        prefix = account.multi_model(container, artifacts("a.gz"))
        endpoint, deleted = account.deploy(prefix), account.deploy(prefix)
        account.delete_endpoint(deleted)

        rows = {"absent": (endpoint, "absent.gz"), "gone": (deleted, "a.gz")}
        outcome = warm(rows, "--format", "json")

        assert outcome.code == 1
        absent, gone = models(outcome)["absent"], models(outcome)["gone"]
        assert (absent["state"], absent["code"]) == ("failed", "ValidationError")
        assert absent["advice"].startswith(f"the table and {endpoint} disagree: ")
        assert (gone["state"], gone["code"]) == ("failed", "ValidationError")
        assert gone["advice"].startswith(f"{deleted}, or what the table names on it, is not there")

    def test_no_room(self, account, container, warm):
        """A container without memory for the model is a failure."""
        endpoint = account.deploy(account.multi_model(container, artifacts("a.gz")))
        container.capacity = 0

        outcome = warm({"a": (endpoint, "a.gz")})

        assert outcome.code == 1
        advice = f"its container has no room for it: give {endpoint} more memory"
        assert outcome.out.startswith(f"a: failed (ModelError 507): {advice}\n")


def answering(status, code):
    """An AWS that refuses everything."""
    body = json.dumps({"message": "arn:aws:secret"}).encode()
    head = f"HTTP/1.1 {status} X\r\nx-amzn-ErrorType: {code}\r\nContent-Length: {len(body)}\r\n\r\n"
    return sends(head.encode() + body)


class TestNoAws:
    @pytest.fixture(autouse=True)
    def _here(self, monkeypatch):
        for name, value in {**HERE, "AWS_ENDPOINT_URL": NOWHERE}.items():
            monkeypatch.setenv(name, value)

    @pytest.mark.parametrize(
        ("missing", "text"),
        [
            (None, "(EndpointConnectionError); check the network, the region and AWS_ENDPOINT_URL"),
            ("AWS_DEFAULT_REGION", "(NoRegionError); set AWS_DEFAULT_REGION"),
            ("AWS_SECRET_ACCESS_KEY", "Error); check your credentials"),
        ],
    )
    def test_not_reachable(self, monkeypatch, missing, text):
        """The exit code is 3, and the line says what to check."""
        if missing:
            monkeypatch.delenv(missing)

        outcome = run(aws.client, "--table", DEMO)

        assert (outcome.code, outcome.out) == (3, "")
        *_, line = outcome.err.splitlines()
        assert line.startswith("gatewayctl prewarm: Amazon SageMaker Runtime cannot be reached (")
        assert text in line

    def test_bad_credentials(self, monkeypatch):
        """Expired credentials are exit code 3."""
        with StubServer(answering(403, "ExpiredTokenException")) as upstream:
            monkeypatch.setenv("AWS_ENDPOINT_URL", upstream.url)
            outcome = run(aws.client, "--table", DEMO)

        assert (outcome.code, outcome.out) == (3, "")
        assert "ExpiredTokenException; check your credentials" in outcome.err

    def test_no_permission(self, monkeypatch):
        """A missing permission is a failure of each model; the text of AWS is not printed."""
        with StubServer(answering(403, "AccessDeniedException")) as upstream:
            monkeypatch.setenv("AWS_ENDPOINT_URL", upstream.url)
            outcome = run(aws.client, "iris", "wine", "--table", DEMO)

        assert outcome.code == 1
        assert "iris: failed (AccessDeniedException): you lack the IAM permission" in outcome.out
        assert outcome.out.endswith("\n2 models: 2 failed\n")
        assert "arn:" not in outcome.out + outcome.err


def test_ctrl_c(sagemaker_local, account, container, put, tmp_path):
    """Ctrl-C ends the command at once, with the outcomes so far and without a traceback."""
    endpoint = account.deploy(account.multi_model(container, artifacts("a.gz", "b.gz")))
    account.invoke(endpoint, TargetModel="a.gz")
    put(endpoint, "slow-load", seconds=600)
    (tmp_path / "t.yaml").write_text(table({"a": (endpoint, "a.gz"), "b": (endpoint, "b.gz")}))
    stderr_file = tmp_path / "stderr"
    with stderr_file.open("wb") as stderr:
        process = subprocess.Popen(
            [sys.executable, "-m", "gatewayctl", "prewarm", "--table", tmp_path / "t.yaml"],
            cwd=ROOT,
            env={**os.environ, **HERE, "AWS_ENDPOINT_URL": sagemaker_local.url},
            stdout=subprocess.PIPE,
            stderr=stderr,
        )
    try:
        wait_until(lambda: "[1/2] a: hot" in stderr_file.read_text() or process.poll() is not None)
        process.send_signal(signal.SIGINT)
        out, _ = process.communicate(timeout=20)
    finally:
        process.kill()
        process.wait()

    assert (process.returncode, out) == (1, b"2 models: 1 hot, 1 unfinished\n")
    assert stderr_file.read_text().splitlines()[:2] == [
        "calling 2 models, 2 at once",
        "[1/2] a: hot",
    ]
    assert "Traceback" not in stderr_file.read_text()
