"""The gateway as it is deployed: one package for all tests, run as Lambda runs it."""

import pytest

from tests.deployed import function
from tests.deployed.package import build, copy_project
from tests.deployed.recorder import Recorder


@pytest.fixture(scope="session")
def package(tmp_path_factory):
    """What `make package STAGE=dev` makes."""
    return build(copy_project(tmp_path_factory.mktemp("package") / "project"))


@pytest.fixture(scope="session")
def task_root(package, tmp_path_factory):
    """The unpacked zip, read-only."""
    folder = package.unpack(tmp_path_factory.mktemp("lambda") / "task")
    yield folder
    for path in (folder, *folder.rglob("*")):
        path.chmod(0o755)


@pytest.fixture(scope="session")
def recorded_function(package, task_root):
    """The function, and what stands in SageMaker's place for it."""
    with Recorder() as recorder, function.start(package, task_root, recorder.url) as running:
        yield running, recorder


@pytest.fixture
def recorder(recorded_function):
    """In SageMaker's place: what the gateway sends in this test."""
    _, recorder = recorded_function
    recorder.reset()
    return recorder


@pytest.fixture
def gateway(package, recorded_function, recorder):
    """The deployed API, with the recorder in SageMaker's place."""
    running, _ = recorded_function
    return function.door(package, running)


@pytest.fixture(scope="session")
def demo_gateway(package, task_root, demo):
    """The deployed API, with the demo endpoints behind it."""
    with function.start(package, task_root, demo.url) as running:
        yield function.door(package, running)
