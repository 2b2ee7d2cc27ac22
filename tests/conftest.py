"""What every test may ask for."""

import json
import logging
import os
import traceback

import pytest

from tests.support import function
from tests.support.canary import CANARY
from tests.support.package import build, copy_project
from tests.support.recorder import Recorder
from tests.support.stand_in import StandIn


@pytest.fixture(scope="session", autouse=True)
def no_aws_account():
    """No test may find a credential, a profile or a region of the person who runs it."""
    inherited = {name: value for name, value in os.environ.items() if name.startswith("AWS_")}
    for name in inherited:
        del os.environ[name]
    nothing = {
        "AWS_CONFIG_FILE": os.devnull,
        "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
        "AWS_EC2_METADATA_DISABLED": "true",
    }
    os.environ.update(nothing)
    yield
    for name in nothing:
        del os.environ[name]
    os.environ.update(inherited)


@pytest.fixture(scope="session")
def sagemaker_local():
    """An empty local SageMaker."""
    with StandIn("--creating-seconds", "0.05") as stand_in:
        yield stand_in
        assert stand_in.stop() == 0, stand_in.log


@pytest.fixture(scope="session")
def demo():
    """A local SageMaker with the demo endpoints."""
    with StandIn("--demo") as stand_in:
        yield stand_in
        assert stand_in.stop() == 0, stand_in.log


@pytest.fixture(scope="session")
def log_records():
    """Everything that anybody in this process logs, the gateway's own lines included."""
    records = []
    make = logging.getLogRecordFactory()

    def keep(*args, **members):
        record = make(*args, **members)
        records.append(record)  # what Powertools' Logger adds to it comes later
        return record

    logging.setLogRecordFactory(keep)
    yield records
    logging.setLogRecordFactory(make)


@pytest.fixture(autouse=True)
def no_canary_in_the_log(log_records):
    """Whatever a test is about: what it marks as secret is in no line of the log."""
    log_records.clear()
    yield
    logged = [text for text in map(_logged, log_records) if CANARY in text]
    log_records.clear()
    assert logged == []


def _logged(record):
    error = record.exc_info and record.exc_info[1]
    raised = "".join(traceback.format_exception(error)) if error else ""
    return f"{record.getMessage()} {vars(record)} {raised}"


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item):
    """Nor in what is printed, which is where metrics go."""
    report = yield
    for name, text in report.sections:
        if CANARY in text and report.outcome == "passed":
            report.outcome = "failed"
            report.longrepr = f"{item.nodeid}: {CANARY} is in {name}"
    return report


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
def put(demo):
    """Put a fault on an endpoint of the demo; it is taken away after the test."""
    endpoints = []

    def put(endpoint, fault, **members):
        endpoints.append(endpoint)
        demo.fault("PUT", endpoint, json.dumps({"fault": fault, **members}).encode())

    yield put
    for endpoint in endpoints:
        demo.fault("DELETE", endpoint)
