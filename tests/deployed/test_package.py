"""The contents of the package, and its first call on Lambda."""

import hashlib
import json
import marshal
import re
import subprocess
import sys
from importlib.util import MAGIC_NUMBER, cache_from_source
from pathlib import PurePosixPath

import pytest

from chalicelib.routing.headers import CORS_ALLOWED
from tests.support.events import proxy_event
from tests.support.http_server import StubServer
from tests.support.lambda_process import function_environment, python

# Most of it are botocore's service descriptions and cryptography. A large new dependency, or one
# that brings pip, is above these.
MOST_BYTES = 29_000_000
MOST_FILES = 3_700

UNCHECKED_HASH = b"\x01\x00\x00\x00"

# Imports and calls the function, and records compilations, the files of modules, and writes.
WATCHED_CALL = """
import json, os, sys

seen = {"compiled": [], "written": []}

def watch(event, arguments):
    if event == "compile" and str(arguments[1]).endswith(".py"):
        seen["compiled"].append(str(arguments[1]))
    if event == "open" and arguments[2] & (os.O_WRONLY | os.O_RDWR | os.O_CREAT):
        seen["written"].append(str(arguments[0]))
    if event in {"os.mkdir", "os.rename", "os.remove"}:
        seen["written"].append(str(arguments[0]))

sys.addaudithook(watch)
import app
import yaml

seen["status"] = app.app(json.load(sys.stdin), None)["statusCode"]
files = (getattr(module, "__file__", None) for module in list(sys.modules.values()))
seen["modules"] = [file for file in files if file]
sys.stdout.write("\\n" + json.dumps(seen))
"""


@pytest.fixture(scope="module")
def first_call(task_root):
    """The record of the first call in a process that has nothing but the zip."""
    request = proxy_event(
        "POST",
        "/predict/iris",
        resource="/predict/{model}",
        path_parameters={"model": "iris"},
        headers={"Content-Type": "application/json"},
        body=b'{"instances": []}',
    )
    with StubServer() as server:
        finished = subprocess.run(
            python("-c", WATCHED_CALL),
            cwd=task_root,
            env=function_environment(task_root, {"AWS_ENDPOINT_URL": server.url}),
            input=json.dumps(request).encode(),
            capture_output=True,
            timeout=60,
            check=False,
        )
    assert finished.returncode == 0, finished.stderr.decode()
    return json.loads(finished.stdout.splitlines()[-1])


def modules(package):
    return [name for name in package.files if name.endswith(".py")]


def test_it_holds_the_app_and_its_requirements(package):
    """The zip has the app, Chalice's app.py, and exactly the versions of requirements.txt."""
    pins = re.findall(
        r"^([\w-]+)==(\S+)", (package.project / "requirements.txt").read_text(), re.MULTILINE
    )
    required = {f"{re.sub('[-_.]+', '_', name).lower()}-{version}" for name, version in pins}
    distributions = {
        top.removesuffix(".dist-info")
        for top in {PurePosixPath(name).parts[0] for name in package.files}
        if top.endswith(".dist-info")
    }

    assert distributions == required
    assert "app.py" in package.files
    assert [name for name in modules(package) if name.startswith("chalice/")] == [
        "chalice/__init__.py",
        "chalice/app.py",
    ]


@pytest.mark.parametrize(
    "folder",
    ["sagemaker_local", "gatewayctl", "local_stack", "deployment", "tests", "benchmarks", "docs"],
)
def test_it_holds_nothing_else_of_the_project(package, folder):
    """The zip has no code that builds, tries or tests the gateway."""
    assert not [name for name in package.files if name.startswith(f"{folder}/")]


@pytest.mark.parametrize("tool", ["pip", "setuptools", "pkg_resources", "wheel", "click", "moto"])
def test_it_holds_no_tool(package, tool):
    """The zip has no tool; Chalice as a requirement would bring some."""
    assert not [name for name in package.files if re.match(rf"{tool}(\.py|/|-)", name)]


def test_its_table_is_the_projects_table(package):
    """The zip has the project's table, and the compiled form of that table."""
    table = package.files["chalicelib/routing.yaml"]

    assert table == (package.project / "routing.yaml").read_bytes()
    compiled = json.loads(package.files["chalicelib/routing.json"])
    assert compiled["sha256"] == hashlib.sha256(table).hexdigest()


def test_licences_are_in_it(package):
    """Every dependency comes with its licence."""
    for name in package.files:
        top = PurePosixPath(name).parts[0]
        if name == f"{top}/METADATA":
            licences = [one for one in package.files if re.match(rf"{top}/(.*/)?LICEN[SC]E", one)]
            assert licences, top


def test_every_module_is_compiled(package):
    """Bytecode is for the runtime's Python, unchecked, and with Lambda's paths."""
    assert package.function["Runtime"] == "python{}.{}".format(*sys.version_info)
    for name in modules(package):
        compiled = package.files[cache_from_source(name)]
        assert compiled[:4] == MAGIC_NUMBER, name
        assert compiled[4:8] == UNCHECKED_HASH, name
        assert marshal.loads(compiled[16:]).co_filename == f"/var/task/{name}"


def test_nothing_is_compiled_that_has_no_source(package):
    """The zip has no bytecode of the machine that built it."""
    expected = {cache_from_source(name) for name in modules(package)}

    assert {name for name in package.files if name.endswith(".pyc")} == expected


def test_first_call_compiles_nothing_and_writes_nothing(first_call):
    """The first call compiles and writes nothing; Lambda could not keep it."""
    assert first_call["status"] == 200
    assert first_call["compiled"] == []
    assert first_call["written"] == []


def test_first_call_needs_nothing_but_the_zip(first_call, task_root):
    """Every module that is not Python's own is in the zip, botocore too."""
    stdlib = str(PurePosixPath(json.__file__).parents[1])
    foreign = [file for file in first_call["modules"] if not file.startswith(f"{stdlib}/")]

    assert f"{task_root}/botocore/__init__.py" in foreign
    assert [file for file in foreign if not file.startswith(f"{task_root}/")] == []


def test_size_is_within_bounds(package, capsys):
    """The size of the zip is within its bounds; it is printed."""
    size, count = package.zip.stat().st_size, len(package.files)
    with capsys.disabled():
        sys.stdout.write(f"\nzip: {size / 1e6:.1f} MB, {count:,} files\n")

    assert size <= MOST_BYTES
    assert count <= MOST_FILES


class TestTemplate:
    """The template of `make package`: the function and its API."""

    def test_function(self, package):
        """The function has 29 s, as API Gateway, and the environment of its stage."""
        assert package.function["Handler"] == "app.app"
        assert package.function["CodeUri"] == "./deployment.zip"
        assert package.function["Timeout"] == 29
        assert package.function["Environment"]["Variables"] == {
            "GATEWAY_CORS_ORIGIN": "*",
            "GATEWAY_KEYS_SECRET": "inference-gateway/dev/keys",
            "POWERTOOLS_SERVICE_NAME": "inference-gateway-dev",
        }

    def test_every_body_is_binary(self, package):
        """All bodies are binary; with any other list some browser would get base64 text."""
        assert package.api["x-amazon-apigateway-binary-media-types"] == ["*/*"]

    @pytest.mark.parametrize(
        ("role", "file"),
        [
            ("ApiHandlerRole", "policy-dev.json"),
            ("AuthorizeRole", "policy-dev-authorize.json"),
        ],
    )
    def test_role_may_do_what_the_stages_policy_says(self, package, role, file):
        """The role has the stage's policy, but for the log group, which the template creates."""
        (policy,) = package.template[role]["Properties"]["Policies"]
        committed = json.loads((package.project / ".chalice" / file).read_bytes())

        needless = [one for one in committed["Statement"] if one.get("Sid") == "NewLogGroup"]
        assert [one["Action"] for one in needless] == ["logs:CreateLogGroup"]
        committed["Statement"].remove(*needless)
        assert policy["PolicyDocument"] == committed

    @pytest.mark.parametrize(
        ("function", "name", "group"),
        [
            ("APIHandler", "inference-gateway-dev", "ApiHandlerLogGroup"),
            ("Authorize", "inference-gateway-dev-authorize", "AuthorizeLogGroup"),
        ],
    )
    def test_log_groups(self, package, function, name, group):
        """A function has the name of `chalice deploy`, and its log group exists before it."""
        written = package.template[function]
        log_group = package.template[group]

        assert written["Properties"]["FunctionName"] == name
        assert written["DependsOn"] == [group]
        assert log_group["Type"] == "AWS::Logs::LogGroup"
        assert log_group["Properties"]["LogGroupName"] == f"/aws/lambda/{name}"
        assert log_group["Properties"]["RetentionInDays"] == {"Ref": "LogRetentionDays"}

    @pytest.mark.parametrize("path", ["/predict/{model}", "/models", "/health", "/"])
    def test_preflight(self, package, path):
        """API Gateway answers preflights itself, and allows all headers of the gateway."""
        integration = package.api["paths"][path]["options"]["x-amazon-apigateway-integration"]
        headers = integration["responses"]["default"]["responseParameters"]
        prefix = "method.response.header.Access-Control-Allow"

        assert integration["type"] == "mock"
        assert integration["contentHandling"] == "CONVERT_TO_TEXT"  # else `*/*` breaks it
        assert headers[f"{prefix}-Origin"] == "'*'"
        assert f"{prefix}-Credentials" not in headers
        assert set(CORS_ALLOWED) <= set(headers[f"{prefix}-Headers"].strip("'").split(","))
        reads = path != "/predict/{model}"
        assert headers[f"{prefix}-Methods"] == ("'GET,HEAD,OPTIONS'" if reads else "'POST,OPTIONS'")
