"""`gatewayctl diff`: where a table and the account have drifted apart, in both directions."""

import json

import pytest

from tests.support.drifted_demo import CHANGES, UNNAMED

LACKING = sorted((one for one in CHANGES if not one.is_warning), key=lambda change: change.line)


@pytest.fixture(scope="module")
def outcome(drifted_demo):
    return drifted_demo.run("diff")


def test_before(drifted_demo):
    """A table that was made for its account has no difference; patterns say what they cover."""
    counts = "0 lacking there, 0 not in the table"
    compared = "routing.yaml: 19 models, compared with us-east-1"

    covers = (
        "topics/{language}: its pattern covers 1 artifact of s3://inference-gateway-other/topics/"
    )
    assert drifted_demo.before[1] == (0, "", f"{covers}\n{compared}: {counts}\n")


def test_both_directions(outcome):
    """What the account lacks, by line of the table, and then what no entry names.

    A warning of `validate --live` is no difference.
    """
    lacking = [f"routing.yaml:{one.line}: {one.path}: {one.text}" for one in LACKING]
    unnamed = [
        f"account: endpoint {name}: no entry names it"
        if what == "endpoint"
        else f"account: endpoint {endpoint}: {what} {name}: no entry names it"
        for endpoint, what, name in UNNAMED
    ]

    assert outcome.code == 1
    assert outcome.out.splitlines() == [*lacking, *unnamed]
    assert outcome.err.endswith("13 lacking there, 6 not in the table\n")


def test_json(drifted_demo):
    """With --format json, the same as data."""
    outcome = drifted_demo.run("diff", "--format", "json")
    drift = json.loads(outcome.out)

    assert outcome.code == 1
    assert [finding["text"] for finding in drift["lacking"]] == [one.text for one in LACKING]
    assert drift["unnamed"] == [
        {"endpoint": endpoint, "what": what, "name": name} for endpoint, what, name in UNNAMED
    ]
    assert drift["unread"] == []
