"""Counts of what a cold start imports and reads, which are the same on every machine.

`make bench` measures times; these counts notice changes that would make the times worse. A bound is
a little above the present count. Raise a bound only after measuring what that costs.
"""

import json
import re
import subprocess
from collections import Counter
from pathlib import Path

import pytest

from tests.support.events import proxy_event, token_event
from tests.support.http_server import StubServer, response
from tests.support.key_documents import api_key, document, entry
from tests.support.lambda_process import function_environment, python

HANDLER, AUTHORIZER = "app.app", "app.authorize"
JOBS = {"GATEWAY_JOBS": "s3://acme-jobs/dev", "GATEWAY_JOBS_QUEUE": "acme-jobs"}
MOST_WITH_JOBS = 1.02
"""How much larger each count may be in a stage with jobs."""

KEY = api_key()

# A module costs a start about 0.3 ms of CPU time, its file and bytes included. Modules are counted
# with Python's own, files and bytes are those of the zip.
BOUNDS = [
    # botocore and urllib3, then what is ours, then Powertools' Logger and Metrics
    pytest.param(HANDLER, "modules", 440, id="handler-modules"),
    # the same, the table, and what botocore has to read about the one service that is called
    pytest.param(HANDLER, "files", 240, id="handler-files"),
    # botocore's own endpoints.json would be a megabyte more; the queue's part of ours is 7 kB
    pytest.param(HANDLER, "bytes", 3_520_000, id="handler-bytes"),
    # no client of AWS: a JWT needs none, and for an API key the authorizer waits anyway
    pytest.param(AUTHORIZER, "modules", 325, id="authorizer-modules"),
    pytest.param(AUTHORIZER, "files", 145, id="authorizer-files"),
    pytest.param(AUTHORIZER, "bytes", 1_517_000, id="authorizer-bytes"),
]

# What no function needs to start, and its cost, where measured as a share of the start of the
# five-line handler of the benchmarks.
NOT_AT_START = {
    "boto3": "0.75, with all that it brings",
    "s3transfer": "0.25; it imports multiprocessing",
    "yaml": "0.05; the table is compiled",
    "jwt": "0.14 with cryptography; no JWT has come yet",
    "cryptography": "0.14 with jwt",
    "aws_lambda_powertools.utilities.parameters": "0.26; it imports boto3",
    "multiprocessing": "nothing is done in processes",
    "difflib": "only mistakes need it",
    "chalicelib.api.catalog": "no prediction needs it",
    "chalicelib.api.page": "only browsers ask for it",
    "chalicelib.api.openapi": "few callers ask for it",
    "chalicelib.api.jobs": "most gateways have no jobs",
    "chalicelib.jobs": "the same",
    "chalicelib.routing.choice": "only a model with several targets needs it",
    "chalicelib.sagemaker.fallbacks": "the same",
    "chalicelib.sagemaker.elsewhere": "only a target in another Region or account needs it",
    "chalicelib.sagemaker.roles": "the same",
}

# Imports a function, calls it, and records what was imported and opened until then.
WATCHED = """
import importlib, json, os, sys

opened = []
sys.addaudithook(lambda event, args: event == "open" and opened.append(os.fsdecode(args[0])))

def seen():
    return {"modules": sorted(sys.modules), "opened": list(opened)}

module, name = os.environ["_HANDLER"].split(".")
handler = getattr(importlib.import_module(module), name)
start = seen()
answer = handler(json.load(sys.stdin), None)
sys.stdout.write("\\n" + json.dumps({"start": start, "called": seen(), "answer": answer}))
"""


@pytest.fixture(scope="module", name="counted")
def _counted(package, task_root):
    """What each function had imported and opened after its start, and after its first call."""
    return count(package, task_root)


@pytest.fixture(scope="module", name="counted_with_jobs")
def _counted_with_jobs(package, task_root):
    """The same for a stage with jobs; the call is none that asks for a job."""
    return count(package, task_root, **JOBS)


def count(package, task_root, **settings):
    prediction = proxy_event(
        "POST",
        "/predict/iris",
        resource="/predict/{model}",
        path_parameters={"model": "iris"},
        headers={"Content-Type": "application/json"},
        body=b'{"instances": []}',
    )
    question = token_event(f"Bearer {KEY}", "POST", "/predict/iris")
    environment = package.function["Environment"]["Variables"]
    with StubServer() as aws:
        aws.reply = lambda request: response(
            200,
            secret() if "x-amz-target" in request.headers else b"{}",
            {"Content-Type": "application/json"},
        )
        own = {**environment, **settings, "AWS_ENDPOINT_URL": aws.url}
        watched = {
            handler: watch(task_root, {**own, "_HANDLER": handler}, asked)
            for handler, asked in ((HANDLER, prediction), (AUTHORIZER, question))
        }
    assert watched[HANDLER]["answer"]["statusCode"] == 200
    assert watched[AUTHORIZER]["answer"]["context"]["outcome"] == "ok"
    return watched


def secret():
    keys = document(abcd1234=entry(KEY, grants=["*"]))
    return json.dumps({"Name": "inference-gateway/keys", "SecretString": keys}).encode()


def watch(task_root, environment, asked):
    finished = subprocess.run(
        python("-c", WATCHED),
        cwd=task_root,
        env=function_environment(task_root, environment),
        input=json.dumps(asked).encode(),
        capture_output=True,
        timeout=60,
        check=False,
    )
    assert finished.returncode == 0, finished.stderr.decode()
    return json.loads(finished.stdout.splitlines()[-1])


def of_the_zip(files, task_root):
    return [Path(file) for file in files if file.startswith(f"{task_root}/")]


def weights(start, what, task_root):
    """Return the counts by part of the package or of Python."""
    if what == "modules":
        return Counter(name.partition(".")[0] for name in start["modules"])
    weights = Counter()
    for path in of_the_zip(start["opened"], task_root):
        part, *_ = path.relative_to(task_root).parts
        weights[part] += path.stat().st_size if what == "bytes" else 1
    return weights


@pytest.mark.parametrize(("handler", "what", "most"), BOUNDS)
def test_start_is_within_bounds(counted, task_root, handler, what, most):
    """A start needs no more modules, files and bytes than its bounds."""
    counts = weights(counted[handler]["start"], what, task_root)

    assert counts.total() <= most, f"{counts.total():,} {what}: {counts.most_common(12)}"


@pytest.mark.parametrize("what", ["modules", "files", "bytes"])
@pytest.mark.parametrize("handler", [HANDLER, AUTHORIZER])
def test_jobs_cost_a_start_almost_nothing(counted, counted_with_jobs, task_root, handler, what):
    """In a stage with jobs, a start needs at most a fiftieth more; the rest waits for a job."""
    without, with_jobs = (
        weights(one[handler]["start"], what, task_root).total()
        for one in (counted, counted_with_jobs)
    )

    assert without < with_jobs <= MOST_WITH_JOBS * without, f"{without:,} and {with_jobs:,}"


@pytest.mark.parametrize("handler", [HANDLER, AUTHORIZER])
@pytest.mark.parametrize("when", ["start", "called"])
def test_jobs_are_imported_when_asked_for(counted_with_jobs, handler, when):
    """A gateway with jobs needs one module more to start, and no client of the bucket or queue."""
    seen = counted_with_jobs[handler][when]

    loaded = {name for name in seen["modules"] if "jobs" in name}
    assert loaded == {"chalicelib.api.jobs"}
    assert not [file for file in seen["opened"] if re.search("/data/(s3|sqs)/", file)]


@pytest.mark.parametrize("handler", [HANDLER, AUTHORIZER])
@pytest.mark.parametrize("module", NOT_AT_START)
def test_not_imported_at_start(counted, handler, module):
    """Expensive modules that not every call needs are imported later."""
    assert module not in counted[handler]["start"]["modules"], NOT_AT_START[module]


def test_first_call_is_prepared(counted, task_root):
    """The first call reads no further file of the zip."""
    start, called = (counted[HANDLER][when] for when in ("start", "called"))
    opened = called["opened"][len(start["opened"]) :]

    assert of_the_zip(opened, task_root) == []
