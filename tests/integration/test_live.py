"""`gatewayctl validate --live`: what was changed in the account is found in the table."""

import io
import json

import pytest

from gatewayctl.cli import main
from tests.support.drifted_demo import CHANGES, CREDENTIALS, TABLE


@pytest.fixture(scope="module")
def outcome(drifted_demo):
    return drifted_demo.run("validate", "--live")


def test_before(drifted_demo):
    """There is nothing to say about an account that is as its table says."""
    assert drifted_demo.before[0] == (0, "", "routing.yaml: 17 models, no findings\n")


@pytest.mark.parametrize("change", CHANGES, ids=lambda change: change.done.replace(" ", "-"))
def test_change(outcome, change):
    """Each change is one line, with the line of the table that it makes wrong."""
    warning = "warning: " if change.is_warning else ""
    line = f"routing.yaml:{change.line}: {change.path}: {warning}{change.text}"

    assert outcome.out.splitlines().count(line) == 1


def test_nothing_else(outcome):
    """And nothing is said about what did not change."""
    assert outcome.code == 1
    assert len(outcome.out.splitlines()) == len(CHANGES)
    assert outcome.err == "routing.yaml: 17 models, 12 findings and 2 warnings\n"


def test_json(drifted_demo):
    """The same as data, for other programs."""
    outcome = drifted_demo.run("validate", "--live", "--format", "json")
    said = [
        {
            "file": "routing.yaml",
            "line": change.line,
            "path": change.path,
            "severity": "warning" if change.is_warning else "error",
            "text": change.text,
        }
        for change in CHANGES
    ]

    assert outcome.code == 1
    assert json.loads(outcome.out) == {"findings": sorted(said, key=lambda one: one["line"])}


def test_not_live(drifted_demo):
    """Without being asked to, the command looks at the table alone."""
    assert drifted_demo.run("validate").code == 0


def test_not_reachable(tmp_path, monkeypatch):
    """Where there is no AWS, nothing is said about the table."""
    (tmp_path / "routing.yaml").write_text(TABLE)
    monkeypatch.chdir(tmp_path)
    for name, value in CREDENTIALS.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")
    for command in (["validate", "--live"], ["diff"]):
        out, err = io.StringIO(), io.StringIO()

        assert main(command, {}, tmp_path, out, err) == 3
        assert out.getvalue() == ""
        assert err.getvalue() == (
            f"gatewayctl {command[0]}: Amazon SageMaker cannot be reached "
            "(EndpointConnectionError); check the network, the region and AWS_ENDPOINT_URL\n"
        )


@pytest.mark.parametrize("rate", ["0", "-1", "nan", "many"])
def test_rate(tmp_path, rate):
    """A rate at which nothing would ever be asked is wrong use."""
    err = io.StringIO()

    assert main(["diff", "--calls-per-second", rate], {}, tmp_path, io.StringIO(), err) == 2
    assert f"{rate!r} is not a number above 0" in err.getvalue()
