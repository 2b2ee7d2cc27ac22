"""Clients that three generators make of the document of a gateway call every demo model.

The clients check their own types: with the TypeScript compiler, and with pydantic in the client of
openapi-generator.
"""

import json
import os
import shutil
import subprocess
import urllib.request

import pytest

from chalicelib.auth.credentials import Identity
from chalicelib.routing.reading import file
from tests.clients.installation import FOLDER, jar, python
from tests.support.chalice_server import served
from tests.support.clients import TOKEN, LocalClient
from tests.support.gateway import IDENTITY, FakeScheme, FixedTable, build_gateway, runtime_at
from tests.support.node import node_modules, program
from tests.support.paths import ROOT
from tests.support.problems import MEMBERS, RETRYABLE, TITLES

DEMO = (ROOT / "routing.yaml").read_text(encoding="utf-8")
# A problem then has all of its members.
TABLE = file.parse(
    DEMO.replace("defaults:\n", "defaults:\n  expose_model_errors: true\n").encode(), "routing.yaml"
)
TOKEN_FOR_IRIS = "of-somebody-who-may-call-iris"
SCHEME = FakeScheme({TOKEN: IDENTITY, TOKEN_FOR_IRIS: Identity("iris", ("iris",), None)})
SECONDS = 120


def run(folder, *command):
    """Run a program in this folder, and return what it prints to stdout."""
    path = os.pathsep.join((str(python().parent), os.environ["PATH"]))
    done = subprocess.run(
        list(map(str, command)),
        check=False,
        cwd=folder,
        env={**os.environ, "PATH": path, "PYTHONPATH": str(folder)},
        timeout=SECONDS,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def openapi_python_client(folder):
    output = ("--meta", "none", "--output-path", "gateway_client")
    module = (python(), "-m", "openapi_python_client")
    run(folder, *module, "generate", "--path", "openapi.json", *output)
    return python(), FOLDER / "call_with_openapi_python_client.py"


def openapi_generator(folder):
    java = program("java", "default-jre-headless")
    output = ("--generator-name", "python", "--package-name", "gateway_client", "--output", ".")
    generate = (java, "-XX:TieredStopAtLevel=1", "-jar", jar(), "generate")
    run(folder, *generate, "--input-spec", "openapi.json", *output)
    return python(), FOLDER / "call_with_openapi_generator.py"


def openapi_typescript(folder):
    node = program("node", "nodejs")
    modules = node_modules(FOLDER)
    (folder / "node_modules").symlink_to(modules)
    (folder / "package.json").write_text('{"type": "module"}')
    shutil.copy(FOLDER / "call_with_openapi_fetch.ts", folder)
    run(folder, modules / ".bin/openapi-typescript", "openapi.json", "--output", "gateway.d.ts")
    options = ("--strict", "--target", "es2022", "--module", "nodenext", "--types", "node")
    run(folder, modules / ".bin/tsc", *options, "call_with_openapi_fetch.ts")
    return node, "call_with_openapi_fetch.js"


JOBS = {"jobs": "s3://bucket/jobs", "jobs_queue": "queue"}


@pytest.fixture(scope="module", params=[{}, JOBS], ids=["no-jobs", "jobs"])
def url(request, demo):
    """The address of a gateway with the demo models."""
    runtime = runtime_at(demo.url)
    gateway = build_gateway(
        LocalClient, source=FixedTable(TABLE), runtime=runtime, scheme=SCHEME, **request.param
    )
    with served(gateway.app) as url:
        yield url


@pytest.fixture(
    scope="module",
    params=[openapi_python_client, openapi_generator, openapi_typescript],
    ids=lambda generate: generate.__name__,
)
def seen(request, url, tmp_path_factory):
    """What the program with a generated client has seen."""
    folder = tmp_path_factory.mktemp("client")
    credential = {"Authorization": f"Bearer {TOKEN}"}
    asked = urllib.request.Request(f"{url}/openapi.json", headers=credential)
    with urllib.request.urlopen(asked, timeout=SECONDS) as described:
        (folder / "openapi.json").write_bytes(described.read())
    command = request.param(folder)
    return json.loads(run(folder, *command, url, TOKEN, TOKEN_FOR_IRIS))


def prediction(url, name):
    """Return what the gateway answers to the example of a model."""
    first, *_ = name.split("/")
    (entry,) = (model for model in TABLE.models() if model.name.split("/")[0] == first)
    headers = {"Authorization": f"Bearer {TOKEN}", "Content-Type": "application/json"}
    request = urllib.request.Request(f"{url}/predict/{name}", entry.example.encode(), headers)
    with urllib.request.urlopen(request, timeout=SECONDS) as response:
        return json.load(response)


def test_every_model_is_called(seen, url):
    """A client calls each model with the model's example, and gets the model's answer.

    A model of kind `async` answers with a job.
    """
    models = list(TABLE.models())
    answering = [model.name for model in models if not model.target.is_async]
    expected = {name: prediction(url, name) for name in seen["predictions"]}

    assert seen["predictions"] == expected
    assert sorted(name.replace("/7", "/{digit}") for name in expected) == answering
    assert (seen["status"], seen["models"]) == ("ok", [model.name for model in models])


def test_problems_keep_their_members(seen):
    """A problem is of the client's type for problems, and has every member that was sent."""
    slugs = [problem["type"].removeprefix("urn:inference-gateway:") for problem in seen["problems"]]

    assert slugs == ["model-rejected-input", "unauthorized", "unknown-model"]
    assert [problem["status"] for problem in seen["problems"]] == [400, 401, 404]
    assert [problem["title"] for problem in seen["problems"]] == [TITLES[slug] for slug in slugs]
    assert seen["retryable"] == [RETRYABLE[slug] for slug in slugs]
    rejected, *others = seen["problems"]
    assert rejected.keys() == MEMBERS | {"model_message"}
    assert all(problem.keys() == MEMBERS for problem in others)
    assert all(problem["instance"] and problem["detail"] for problem in seen["problems"])
