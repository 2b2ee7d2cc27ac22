"""A package with `automatic_layer`: the dependencies are in a zip of their own."""

import json
import marshal
import subprocess
import sys
from importlib.util import MAGIC_NUMBER, cache_from_source
from zipfile import ZipFile

import pytest

from tests.deployed.test_package import UNCHECKED_HASH, WATCHED_CALL
from tests.support.events import proxy_event
from tests.support.http_server import StubServer
from tests.support.lambda_process import function_environment, python
from tests.support.package import Package, build, copy_project
from tests.support.shared import folder_of_run, make_once

SITE_PACKAGES = "python/lib/python{}.{}/site-packages".format(*sys.version_info)
ZIPS = [("deployment.zip", "/var/task"), ("layer-deployment.zip", "/opt")]


def build_layered(folder):
    project = copy_project(folder)
    file = project / ".chalice/config.json"
    config = json.loads(file.read_bytes())
    config["stages"]["dev"]["automatic_layer"] = True
    file.write_text(json.dumps(config))
    build(project)


@pytest.fixture(scope="module", name="layered")
def _layered(tmp_path_factory):
    """The result of `make package STAGE=dev` with the key."""
    folder = folder_of_run(tmp_path_factory) / "layered"
    return Package(make_once(folder, build_layered))


def files_of(layered, name):
    with ZipFile(layered.project / "build" / name) as zipped:
        return {member: zipped.read(member) for member in zipped.namelist()}


def test_contents(layered):
    """The function's zip has the gateway alone, and the layer has everything else."""
    task, layer = (files_of(layered, name) for name, _ in ZIPS)

    assert {name.split("/")[0] for name in task} == {
        *("app.py", "chalice", "chalicelib", "__pycache__")
    }
    assert all(name.startswith(f"{SITE_PACKAGES}/") for name in layer)
    assert f"{SITE_PACKAGES}/botocore/__init__.py" in layer


@pytest.mark.parametrize(("name", "root"), ZIPS)
def test_every_module_is_compiled(layered, name, root):
    """Each module of both zips has bytecode, with the path where Lambda unpacks its zip."""
    files = files_of(layered, name)
    modules = [file for file in files if file.endswith(".py")]

    assert {cache_from_source(module) for module in modules} == {
        file for file in files if file.endswith(".pyc")
    }
    for module in modules:
        compiled = files[cache_from_source(module)]
        assert compiled[:8] == MAGIC_NUMBER + UNCHECKED_HASH, module
        assert marshal.loads(compiled[16:]).co_filename == f"{root}/{module}"


def test_first_call(layered, tmp_path):
    """A function with the layer answers its first call, and compiles nothing."""
    for name, root in ZIPS:
        with ZipFile(layered.project / "build" / name) as zipped:
            zipped.extractall(tmp_path / root.lstrip("/"))
    task_root = tmp_path / "var/task"
    path = proxy_event("GET", "/health", resource="/health", path_parameters={})

    with StubServer() as server:
        environment = function_environment(task_root, {"AWS_ENDPOINT_URL": server.url})
        finished = subprocess.run(
            python("-c", WATCHED_CALL),
            cwd=task_root,
            env={**environment, "PYTHONPATH": str(tmp_path / "opt" / SITE_PACKAGES)},
            input=json.dumps(path).encode(),
            capture_output=True,
            timeout=60,
            check=False,
        )

    assert finished.returncode == 0, finished.stderr.decode()
    seen = json.loads(finished.stdout.splitlines()[-1])
    assert (seen["status"], seen["compiled"], seen["written"]) == (200, [], [])
    assert f"{tmp_path}/opt/{SITE_PACKAGES}/botocore/__init__.py" in seen["modules"]


def test_template(layered):
    """Both functions have the layer, and `aws cloudformation package` finds its zip."""
    for function in (layered.function, layered.authorizer):
        (layer,) = function["Layers"]
        properties = layered.template[layer["Ref"]]["Properties"]
        assert properties["ContentUri"] == "./layer-deployment.zip"
