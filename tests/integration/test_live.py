"""`gatewayctl validate --live`: what was changed in the account is found in the table."""

import pytest

from tests.support.command_line import gatewayctl
from tests.support.drifted_demo import CHANGES, CREDENTIALS, TABLE


@pytest.fixture(scope="module")
def outcome(drifted_demo):
    return drifted_demo.run("validate", "--live")


def test_before(drifted_demo):
    """An account that is as its table says has no finding."""
    assert drifted_demo.before[0] == (0, "", "routing.yaml: 19 models, no findings\n")


@pytest.mark.parametrize("change", CHANGES, ids=lambda change: change.done.replace(" ", "-"))
def test_change(outcome, change):
    """Each change is one finding, on the line of the table that it makes wrong."""
    warning = "warning: " if change.is_warning else ""
    line = f"routing.yaml:{change.line}: {change.path}: {warning}{change.text}"

    assert outcome.out.splitlines().count(line) == 1


def test_nothing_else(outcome):
    """What did not change has no finding."""
    assert outcome.code == 1
    assert len(outcome.out.splitlines()) == len(CHANGES)
    assert outcome.err == "routing.yaml: 19 models, 13 findings and 2 warnings\n"


def test_not_live(drifted_demo):
    """Without --live, only the table is checked."""
    assert drifted_demo.run("validate").code == 0


def test_not_reachable(tmp_path, monkeypatch):
    """Without AWS there is no finding, and the exit code is 3."""
    (tmp_path / "routing.yaml").write_text(TABLE)
    monkeypatch.chdir(tmp_path)
    for name, value in CREDENTIALS.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")
    for command in (["validate", "--live"], ["diff"]):
        assert gatewayctl(*command, project=tmp_path) == (
            3,
            "",
            f"gatewayctl {command[0]}: Amazon SageMaker cannot be reached "
            "(EndpointConnectionError); check the network, the region and AWS_ENDPOINT_URL\n",
        )


@pytest.mark.parametrize("rate", ["0", "-1", "nan", "many"])
def test_rate(tmp_path, rate):
    """A rate that is not above 0 is wrong use."""
    outcome = gatewayctl("diff", "--calls-per-second", rate, project=tmp_path)

    assert outcome.code == 2
    assert f"{rate!r} is not a number above 0" in outcome.err
