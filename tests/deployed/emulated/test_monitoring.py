"""The alarms, the metric filters and the dashboard of a stack with all of them switched on."""

import json

import pytest

from deployment.monitoring import alarms

TOPIC = "arn:aws:sns:us-east-1:000000000000:duty"
NAME = "watched"


@pytest.fixture(scope="module", name="stack")
def _stack(create_stack):
    return create_stack(
        NAME, "http://127.0.0.1:9", parameters={"Alarms": "on", "AlarmTopic": TOPIC}
    )


def test_alarms(stack, aws):
    """Every alarm is made, tells the topic, and names its section of the runbook.

    Those that compute with several metrics are missing, because the emulator refuses them.
    """
    pages = aws.client("cloudwatch").get_paginator("describe_alarms").paginate()
    made = {one["AlarmName"]: one for page in pages for one in page["MetricAlarms"]}

    own_alarms = alarms(with_jobs=False)
    own = {f"{NAME}-{name}": name for name, alarm in own_alarms.items() if "metric" in alarm}
    assert stack.physical("BugAlarm") in own
    assert own.keys() <= made.keys()
    for alarm, name in own.items():
        assert made[alarm]["AlarmActions"] == made[alarm]["OKActions"] == [TOPIC]
        assert made[alarm]["AlarmDescription"].endswith(f"docs/runbook.md#{name}")
        assert made[alarm]["TreatMissingData"] == "notBreaching"


def test_metric_filters(stack, aws):
    """The filters are on the log groups of both functions."""
    logs = aws.client("logs")

    found = {
        function: {
            transformation["metricName"]
            for one in logs.describe_metric_filters(
                logGroupName=f"/aws/lambda/{stack.physical(function)}"
            )["metricFilters"]
            for transformation in one["metricTransformations"]
        }
        for function in ("APIHandler", "Authorize")
    }

    assert found == {
        "APIHandler": {"Bugs", "EventsRefused"},
        "Authorize": {"Bugs", "EventsRefused", "CredentialsUnavailable", "CredentialsUnchecked"},
    }


def test_dashboard(stack, aws):
    """The dashboard is complete: it names the stack's own functions, log groups and alarms."""
    name = stack.physical("OverviewDashboard")

    body = aws.client("cloudwatch").get_dashboard(DashboardName=name)["DashboardBody"]

    assert "${" not in body
    widgets = json.loads(body)["widgets"]
    (states,) = [one for one in widgets if one["type"] == "alarm"]
    assert [arn.rpartition(":")[2] for arn in states["properties"]["alarms"]] == [
        f"{NAME}-{alarm}" for alarm in alarms(with_jobs=False)
    ]
    for function in ("APIHandler", "Authorize"):
        assert f'"{stack.physical(function)}"' in body
        assert f"SOURCE '/aws/lambda/{stack.physical(function)}'" in body


def test_none(deployed, aws):
    """Without the parameter there is no alarm; the dashboard says so."""
    name = deployed.physical("OverviewDashboard")

    body = aws.client("cloudwatch").get_dashboard(DashboardName=name)["DashboardBody"]

    assert "`Alarms=on` makes them" in body
    found = aws.client("cloudwatch").describe_alarms(AlarmNamePrefix=name)
    assert found["MetricAlarms"] == []
