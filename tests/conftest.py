"""Fixtures of all tests, and the order in which pytest-xdist runs them."""

import gc
import json
import logging
import os
import traceback

import pytest

from chalicelib.telemetry.log import NOT_WRITTEN
from tests.faults.report import Report
from tests.support.canary import CANARY
from tests.support.http_server import StubServer
from tests.support.lambda_process import LambdaProcess
from tests.support.package import Package, build, build_with_jobs, copy_project
from tests.support.paths import ROOT
from tests.support.scheduling import make_scheduler, rank
from tests.support.shared import folder_of_run, make_once
from tests.support.stand_in import StandIn

REPORT = pytest.StashKey()
FAULTS = ROOT / "tests/faults"
MIDDLE_COLLECTIONS = 10  # garbage collections of the younger objects before a full one
NEVER = 2**31 - 1  # the largest threshold of the collector


def pytest_addoption(parser):
    parser.addoption(
        "--report-faults", action="store_true", help="print the fault matrix after the run"
    )
    parser.addoption("--pictures", metavar="FOLDER", help="where pictures of the page are written")


def pytest_configure(config):
    config.addinivalue_line("markers", "row(*ids): the rows of the fault matrix that a test proves")
    config.stash[REPORT] = Report()


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config, log):
    return make_scheduler(config, log)


def pytest_collection_modifyitems(config, items):
    if config.getoption("--report-faults"):
        items[:] = [item for item in items if rows_of(item) or FAULTS in item.path.parents]
    items.sort(key=rank)


def pytest_collection_finish():
    """Keep full garbage collections out of the tests.

    One stops a process for up to a second. A test of a shorter deadline would fail.
    """
    gc.collect()
    gc.freeze()  # what all tests need; later collections pass over it
    young, middle, _ = gc.get_threshold()
    gc.set_threshold(young, middle, NEVER)


def pytest_runtest_logfinish():
    """Collect between two tests what the earlier ones left."""
    if gc.get_count()[2] > MIDDLE_COLLECTIONS:
        gc.collect()


@pytest.fixture(scope="session", autouse=True)
def no_aws_account():
    """Hide the credentials, profiles and region of the person who runs the tests."""
    inherited = {name: value for name, value in os.environ.items() if name.startswith("AWS_")}
    for name in inherited:
        del os.environ[name]
    empty = {
        "AWS_CONFIG_FILE": os.devnull,
        "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
        "AWS_EC2_METADATA_DISABLED": "true",
    }
    os.environ.update(empty)
    yield
    for name in empty:
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
    """Every log record of this process."""
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
    """No log record of any test contains the text that stands for a secret."""
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
def pytest_runtest_makereport(item, call):
    """Record the outcome of a row's test, and fail a test that prints what it must not.

    That is the text of a secret, and that the telemetry has a bug, which costs no answer.

    A row's test passes if its call does; failures before or after the call count, too.
    """
    report = yield
    for name, text in report.sections:  # metrics are printed, too
        if CANARY in text and report.outcome == "passed":
            report.outcome = "failed"
            report.longrepr = f"{item.nodeid}: {CANARY} is in {name}"
        if NOT_WRITTEN in text and report.outcome == "passed":
            report.outcome = "failed"
            report.longrepr = f"{item.nodeid}: {text}"
    if call.when == "call" or report.outcome != "passed":
        item.config.stash[REPORT].ended(rows_of(item), report.outcome)
    return report


def pytest_terminal_summary(terminalreporter, config):
    if config.getoption("--report-faults"):
        terminalreporter.section("the fault matrix")
        for line in config.stash[REPORT].lines():
            terminalreporter.write_line(line)


def rows_of(item):
    return [row for mark in item.iter_markers("row") for row in mark.args]


@pytest.fixture
def seen(request):
    """Return a function that records in few words what the test saw."""
    report = request.config.stash[REPORT]
    rows = rows_of(request.node)
    assert rows, "only a test of a row can see something: @row"
    return lambda text: report.saw(rows, text)


@pytest.fixture
def measured(request):
    """Return a function that records a figure: its number, whose it is, and its conditions."""
    return request.config.stash[REPORT].measured


@pytest.fixture(scope="session")
def package(tmp_path_factory):
    """The result of `make package STAGE=dev`."""
    folder = folder_of_run(tmp_path_factory) / "package"
    return Package(make_once(folder, lambda made: build(copy_project(made))))


@pytest.fixture(scope="session")
def package_with_jobs(tmp_path_factory):
    """The result of `make package STAGE=dev` for a stage with jobs."""
    folder = folder_of_run(tmp_path_factory) / "package-with-jobs"
    settings = {"GATEWAY_JOBS": "s3://acme-jobs/dev", "GATEWAY_JOBS_QUEUE": "acme-jobs"}
    return Package(make_once(folder, lambda made: build_with_jobs(made, **settings)))


@pytest.fixture(scope="session")
def task_root(package, tmp_path_factory):
    """The unpacked package, read-only."""
    return make_once(folder_of_run(tmp_path_factory) / "task", package.unpack)


@pytest.fixture(scope="session")
def recorded_function(package, task_root):
    """The packaged function, and the stub server in SageMaker's place."""
    with (
        StubServer() as server,
        LambdaProcess.of_package(package, task_root, server.url) as running,
    ):
        yield running, server


@pytest.fixture
def sagemaker(recorded_function):
    """The stub server behind the packaged function, without requests of other tests."""
    _, server = recorded_function
    server.reset()
    return server


@pytest.fixture
def put(demo):
    """Put a fault on an endpoint of the demo until the end of the test."""
    endpoints = []

    def put(endpoint, fault, **members):
        endpoints.append(endpoint)
        demo.fault("PUT", endpoint, json.dumps({"fault": fault, **members}).encode())

    yield put
    for endpoint in endpoints:
        demo.fault("DELETE", endpoint)
