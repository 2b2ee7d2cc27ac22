"""N10: JSONTestSuite through each client, through the package, and through the baseline."""

from dataclasses import dataclass, field

import pytest

from tests.faults.baseline import BaselineClient, baseline_client
from tests.faults.clients import CLIENTS, SageMaker
from tests.faults.rows import row
from tests.support.clients import LambdaClient
from tests.support.gateway import JSON, TABLE
from tests.support.http_server import StubServer
from tests.support.lambda_process import LambdaProcess, client_of
from tests.support.profile import LONG
from tests.support.vectors import REFUSED_AT_WILL, json_test_suite

BAR = "95/95, 188/188, 0"


@dataclass
class Tally:
    """The names of the cases, by what became of each."""

    taken: set[str] = field(default_factory=set)
    """The model was called, and the caller got a response."""

    refused: set[str] = field(default_factory=set)
    """The caller got a 400; no model was called."""

    failed: set[str] = field(default_factory=set)
    """A 5xx, or a model that was called in vain."""

    changed: set[str] = field(default_factory=set)
    """Taken, but the model or the caller got other bytes."""

    @property
    def figure(self):
        taken, refused = count(self.taken, "y_"), count(self.refused, "n_")
        return f"{taken}/95, {refused}/188, {len(self.failed)}"


def count(names, prefix):
    return sum(name.startswith(prefix) for name in names)


def tallied(client, server, suite):
    """Send each case to a model that takes only JSON."""
    tally = Tally()
    for name, body in suite.items():
        server.reset()
        received = client.send("POST", "/predict/churn", JSON, body)
        sent = [request.body for request in server.requests]
        outcomes = {(200, 1): tally.taken, (400, 0): tally.refused}
        outcomes.get((received.status, len(sent)), tally.failed).add(name)
        if name in tally.taken and {received.body, *sent} != {body}:
            tally.changed.add(name)
    return tally


def assert_all_right(tally):
    assert tally.figure == BAR
    assert {name for name in tally.refused if name.startswith("i_")} == REFUSED_AT_WILL
    assert tally.changed == set()


@row("C1", "C2")
@pytest.mark.parametrize("client", CLIENTS)
def test_requests(measured, seen, client):
    """Every valid case is taken, every invalid one is refused, and none is a 500."""
    with SageMaker() as sagemaker:
        tally = tallied(sagemaker.behind(client).client, sagemaker, json_test_suite())

    seen(f"JSONTestSuite: {tally.figure}")
    if client is LambdaClient:
        taken, refused = (count(names, "i_") for names in (tally.taken, tally.refused))
        under = f"of 35 i: {taken} taken, {refused} refused"
        measured("N10", "gateway", tally.figure, under, meets=tally.figure == BAR)
    assert_all_right(tally)


@row("C1", "C2")
def test_packaged(package, task_root, tmp_path, measured):
    """The same holds for the packaged gateway; `make test` sends a part of the suite."""
    table = tmp_path / "routing.yaml"
    table.write_text(TABLE)  # the zip's own table has no model that takes only JSON
    suite = json_test_suite()
    part = suite if LONG else dict(list(suite.items())[::6])
    with (
        StubServer() as server,
        LambdaProcess.of_package(
            package, task_root, server.url, GATEWAY_ROUTING=f"file:{table}"
        ) as running,
    ):
        tally = tallied(client_of(package, running), server, part)

    whose, under = "gateway, packaged", "the zip under awslambdaric"
    if LONG:
        measured("N10", whose, tally.figure, under, meets=tally.figure == BAR)
    assert {name for name in part if name.startswith("y_")} <= tally.taken
    assert {name for name in part if name.startswith("n_")} <= tally.refused
    assert (tally.failed, tally.changed) == (set(), set())


def test_baseline(measured):
    """The baseline sends invalid JSON to the model, or ends with a bare 502."""
    with StubServer() as server:
        tally = tallied(BaselineClient(baseline_client(server.url)), server, json_test_suite())

    with pytest.raises(AssertionError):
        assert_all_right(tally)
    called = count(tally.taken, "n_")
    under = f"of 188 n {called} came to the model"
    measured("N10", "baseline", tally.figure, under, meets=tally.figure == BAR)
