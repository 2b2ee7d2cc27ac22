"""What a cold start does, counted: the same on every machine, however busy it is.

Times are `make bench`'s; these counts notice what would make them worse. A bound is a little above
what there is. Whoever is over one for a good reason raises it, and measures what it costs.
"""

import json
import subprocess
from collections import Counter
from pathlib import Path

import pytest

from tests.support.events import proxy_event, token_event
from tests.support.lambda_process import function_environment, python
from tests.support.recorder import Answer
from tests.support.http_server import StubServer
from tests.unit.auth.documents import api_key, document, entry

HANDLER, AUTHORIZER = "app.app", "app.authorize"
KEY = api_key()

# A module costs a start about 0.3 ms of CPU time, its file and bytes included. Modules are counted
# with Python's own, files and bytes are those of the zip.
BOUNDS = [
    # botocore and urllib3, then what is ours, then Powertools' Logger and Metrics
    pytest.param(HANDLER, "modules", 440, id="handler-modules"),
    # the same, the table, and what botocore has to read about the one service that is called
    pytest.param(HANDLER, "files", 240, id="handler-files"),
    # botocore's own endpoints.json would be a megabyte more
    pytest.param(HANDLER, "bytes", 3_500_000, id="handler-bytes"),
    # no client of AWS: who shows a JWT needs none, and who shows a key is waited for anyway
    pytest.param(AUTHORIZER, "modules", 325, id="authorizer-modules"),
    pytest.param(AUTHORIZER, "files", 145, id="authorizer-files"),
    pytest.param(AUTHORIZER, "bytes", 1_450_000, id="authorizer-bytes"),
]

# What neither function needs to start, and what it would cost: in parts of the five-line handler's
# start where that was measured.
NOT_AT_START = {
    "boto3": "0.75, with all that it brings",
    "s3transfer": "0.25; it imports multiprocessing",
    "yaml": "0.05; the table is compiled",
    "jwt": "0.14 with cryptography; no JWT has come yet",
    "cryptography": "0.14 with jwt",
    "aws_lambda_powertools.utilities.parameters": "0.26; it imports boto3",
    "multiprocessing": "nothing is done in processes",
    "difflib": "only mistakes need it",
}

# Imports a function, calls it, and notes what has been imported and opened by then.
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
    """What each function had imported and opened when it had started, and when it was called."""
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
    with StubServer() as recorder:
        recorder.answer = lambda arrived: Answer(
            secret() if "x-amz-target" in arrived.headers else b"{}",
            headers=(("Content-Type", "application/json"),),
        )
        own = {**environment, "AWS_ENDPOINT_URL": recorder.url}
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
    """What counts, by the part of the package, or of Python, that it belongs to."""
    if what == "modules":
        return Counter(name.partition(".")[0] for name in start["modules"])
    weights = Counter()
    for path in of_the_zip(start["opened"], task_root):
        part, *_ = path.relative_to(task_root).parts
        weights[part] += path.stat().st_size if what == "bytes" else 1
    return weights


@pytest.mark.parametrize(("handler", "what", "most"), BOUNDS)
def test_start_is_within_bounds(counted, task_root, handler, what, most):
    """As many modules, files and bytes as a start may need."""
    counts = weights(counted[handler]["start"], what, task_root)

    assert counts.total() <= most, f"{counts.total():,} {what}: {counts.most_common(12)}"


@pytest.mark.parametrize("handler", [HANDLER, AUTHORIZER])
@pytest.mark.parametrize("module", NOT_AT_START)
def test_not_imported_at_start(counted, handler, module):
    """What is dear and not needed by every call waits until it is."""
    assert module not in counted[handler]["start"]["modules"], NOT_AT_START[module]


def test_first_call_is_prepared(counted, task_root):
    """The handler reads nothing more from the zip when its first caller comes."""
    start, called = (counted[HANDLER][when] for when in ("start", "called"))
    opened = called["opened"][len(start["opened"]) :]

    assert of_the_zip(opened, task_root) == []
