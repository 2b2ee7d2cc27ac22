"""Fixtures of the fault matrix, and the report of its results."""

import pytest

from tests.containers.account import Account
from tests.faults.report import Report
from tests.functional.conftest import chalices_signature

__all__ = ["chalices_signature"]

REPORT = pytest.StashKey()


def pytest_addoption(parser):
    parser.addoption(
        "--report-faults", action="store_true", help="print the fault matrix after the run"
    )


def pytest_configure(config):
    config.addinivalue_line("markers", "row(*ids): the rows of the fault matrix that a test proves")
    config.stash[REPORT] = Report()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item, call):
    """A row's test passes if its call does; failures before or after the call count, too."""
    report = yield
    if call.when == "call" or report.outcome != "passed":
        item.config.stash[REPORT].ended(rows_of(item), report.outcome)
    return report


def pytest_terminal_summary(terminalreporter, config):
    # Absent from a run of all tests, which finds this file too late for options.
    if config.getoption("--report-faults", default=False):
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


@pytest.fixture
def account(sagemaker_local):
    """An account of the local SageMaker; its endpoints are deleted after the test."""
    account = Account(sagemaker_local.session, sagemaker_local.url)
    yield account
    account.close()
