"""`gatewayctl diff`: where a table and the account have drifted apart, in both directions."""

import json

import pytest

from tests.support.drifted_demo import CHANGES, UNNAMED

LACKING = sorted((one for one in CHANGES if not one.is_warning), key=lambda change: change.line)


@pytest.fixture(scope="module")
def outcome(drifted_demo):
    return drifted_demo.run("diff")


def test_before(drifted_demo):
    """There is no drift between an account and a table that was made for it."""
    counts = "0 lacking there, 0 not in the table"
    compared = "routing.yaml: 17 models, compared with us-east-1"

    assert drifted_demo.before[1] == (0, "", f"{compared}: {counts}\n")


@pytest.mark.parametrize("change", LACKING, ids=lambda change: change.done.replace(" ", "-"))
def test_lacking(outcome, change):
    """What the table names and the account lacks, by the line that names it."""
    line = f"routing.yaml:{change.line}: {change.path}: {change.text}"

    assert outcome.out.splitlines().count(line) == 1


def test_in_order(outcome):
    """First the table by its lines, then the account by its names: the same drift, the same text.

    What may work all the same is no drift.
    """
    named = [
        f"account: endpoint {name}: no entry names it"
        if what == "endpoint"
        else f"account: endpoint {endpoint}: {what} {name}: no entry names it"
        for endpoint, what, name in UNNAMED
    ]

    assert outcome.code == 1
    assert outcome.out.splitlines()[len(LACKING) :] == named
    assert [int(one.split(":")[1]) for one in outcome.out.splitlines()[: len(LACKING)]] == [
        change.line for change in LACKING
    ]
    assert outcome.err.endswith("12 lacking there, 6 not in the table\n")


def test_json(drifted_demo):
    """The same as data, for other programs."""
    outcome = drifted_demo.run("diff", "--format", "json")
    drift = json.loads(outcome.out)

    assert outcome.code == 1
    assert [finding["text"] for finding in drift["lacking"]] == [one.text for one in LACKING]
    assert drift["unnamed"] == [
        {"endpoint": endpoint, "what": what, "name": name} for endpoint, what, name in UNNAMED
    ]
    assert drift["unread"] == []
