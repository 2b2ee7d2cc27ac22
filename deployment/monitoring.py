"""Alarms, metric filters, the dashboard and the saved queries of a stack, as resources.

What they are is data: alarms.json, metric_filters.json, dashboard.json and queries/. This module
fills in the names that differ from stage to stage: of the services in the metrics, of the API, of
the functions and of their log groups.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from chalicelib.telemetry.metrics import NAMESPACE

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

FOLDER = Path(__file__).parent
LOG_NAMESPACE = {"Fn::Sub": "InferenceGatewayLog/${AWS::StackName}"}
"""Of the metrics that CloudWatch makes of log lines; they have no dimension."""

RUNBOOK = "docs/runbook.md"
WITH_ALARMS, WITH_ACCESS_LOGS = "WithAlarms", "WithAccessLogs"
WORKER_LOG = "WorkLogGroup"
JOB_QUERIES = {"job-by-id"}
NOTHING = {"Ref": "AWS::NoValue"}

Resources = dict[str, Any]


class Jobs(NamedTuple):
    """What a stage with jobs has in addition."""

    worker_service: str
    queue: str
    dead_letters: str
    """The names of the queue and of its dead-letter queue."""


class Names(NamedTuple):
    """What differs from stage to stage."""

    api: str
    """The name of the REST API, which is the dimension of its metrics."""
    handler_service: str
    authorizer_service: str
    """The service of each function, which is the dimension of the gateway's metrics."""
    has_model_metrics: bool
    """Whether there are metrics with the dimension `model`."""
    jobs: Jobs | None = None
    """None without jobs: then nothing is made for them."""


def resources(names: Names) -> Resources:
    """Return all resources that show what a stage does, and that say when something is wrong."""
    return {
        **dict(_metric_filters(names)),
        **dict(_alarms(names)),
        **dict(_queries(names)),
        "OverviewDashboard": _dashboard(names),
    }


def alarms(*, with_jobs: bool = True) -> dict[str, Any]:
    """Return the alarms by name; the name is also the anchor in the runbook."""
    written: dict[str, Any] = json.loads((FOLDER / "alarms.json").read_bytes())
    return {name: one for name, one in written.items() if with_jobs or not one.get("of_jobs")}


def queries() -> dict[str, str]:
    """Return the text of each saved query by its name."""
    files = sorted((FOLDER / "queries").glob("*.txt"))
    return {file.stem: file.read_text(encoding="utf-8") for file in files}


def _metric_filters(names: Names) -> Iterator[tuple[str, Any]]:
    filters = json.loads((FOLDER / "metric_filters.json").read_bytes())
    for metric, written in filters.items():
        counted = {"MetricNamespace": LOG_NAMESPACE, "MetricName": metric, "MetricValue": "1"}
        if "default" in written:  # what is subtracted from another metric has to have a value
            counted["DefaultValue"] = written["default"]
        for group in (one for one in written["of"] if names.jobs or one != WORKER_LOG):
            properties = {
                "LogGroupName": {"Ref": group},
                "FilterPattern": written["pattern"],
                "MetricTransformations": [counted],
            }
            yield (
                f"{metric}Of{group.removesuffix('LogGroup')}",
                _resource("AWS::Logs::MetricFilter", properties, condition=WITH_ALARMS),
            )


def _alarms(names: Names) -> Iterator[tuple[str, Any]]:
    actions = {"Fn::If": ["WithAlarmTopic", [{"Ref": "AlarmTopic"}], NOTHING]}
    for name, alarm in alarms(with_jobs=names.jobs is not None).items():
        datapoints, periods = alarm["periods"]
        means = f"{alarm['urgency'].capitalize()}: {alarm['means']} See {RUNBOOK}#{name}"
        properties = {
            "AlarmName": {"Fn::Sub": f"${{AWS::StackName}}-{name}"},
            "AlarmDescription": means,
            "AlarmActions": actions,
            "OKActions": actions,
            "ComparisonOperator": "GreaterThanThreshold",
            "Threshold": alarm["above"],
            "DatapointsToAlarm": datapoints,
            "EvaluationPeriods": periods,
            "TreatMissingData": "notBreaching",
            **_watched(alarm, names),
        }
        yield (
            f"{_logical(name)}Alarm",
            _resource("AWS::CloudWatch::Alarm", properties, condition=WITH_ALARMS),
        )


def _watched(alarm: Mapping[str, Any], names: Names) -> dict[str, Any]:
    """Return what an alarm watches: one metric, or an expression of several."""
    seconds = alarm["period_seconds"]
    if "metric" in alarm:
        statistic = alarm["metric"].get("statistic", "Sum")
        kind = "ExtendedStatistic" if statistic.startswith("p") else "Statistic"
        return {**_metric(alarm["metric"], names), "Period": seconds, kind: statistic}
    measured = [
        {
            "Id": name,
            "MetricStat": {
                "Metric": _metric(metric, names),
                "Period": seconds,
                "Stat": metric.get("statistic", "Sum"),
            },
            "ReturnData": False,
        }
        for name, metric in alarm["metrics"].items()
    ]
    return {"Metrics": [{"Id": "result", "Expression": alarm["expression"]}, *measured]}


def _metric(metric: Mapping[str, Any], names: Names) -> dict[str, Any]:
    namespace, values = _series(metric["of"], names)
    found = {"Namespace": namespace, "MetricName": metric["name"]}
    dimensions = [{"Name": name, "Value": value} for name, value in values.items()]
    return {**found, "Dimensions": dimensions} if dimensions else found


def _series(of: str, names: Names) -> tuple[Any, dict[str, Any]]:
    """Return the namespace and the dimensions of what alarms.json calls `of`."""
    series: dict[str, tuple[Any, dict[str, Any]]] = {
        "gateway": (NAMESPACE, {"service": names.handler_service}),
        "credentials": (NAMESPACE, {"service": names.authorizer_service}),
        "log": (LOG_NAMESPACE, {}),
        "handler": ("AWS/Lambda", {"FunctionName": {"Ref": "APIHandler"}}),
        "authorizer": ("AWS/Lambda", {"FunctionName": {"Ref": "Authorize"}}),
        "api": ("AWS/ApiGateway", {"ApiName": names.api}),
    }
    if names.jobs is not None:
        series |= {
            "jobs": (NAMESPACE, {"service": names.jobs.worker_service}),
            "worker": ("AWS/Lambda", {"FunctionName": {"Ref": "Work"}}),
            "queue": ("AWS/SQS", {"QueueName": names.jobs.queue}),
            "dead letters": ("AWS/SQS", {"QueueName": names.jobs.dead_letters}),
        }
    return series[of]


def _log_groups(names: Names) -> list[str]:
    """Return the log groups of the functions."""
    return ["ApiHandlerLogGroup", "AuthorizeLogGroup", *([WORKER_LOG] if names.jobs else [])]


def _queries(names: Names) -> Iterator[tuple[str, Any]]:
    groups = [{"Ref": name} for name in _log_groups(names)]
    all_groups = [*groups, {"Ref": "AccessLogGroup"}]
    for name, text in queries().items():
        if name in JOB_QUERIES and names.jobs is None:
            continue
        properties = {
            "Name": {"Fn::Sub": f"${{AWS::StackName}}/{name}"},
            "LogGroupNames": {"Fn::If": [WITH_ACCESS_LOGS, all_groups, groups]},
            "QueryString": text,
        }
        yield f"{_logical(name)}Query", _resource("AWS::Logs::QueryDefinition", properties)


def _dashboard(names: Names) -> dict[str, Any]:
    """Return the dashboard; its body is a text, into which CloudFormation puts the names."""
    written = json.loads((FOLDER / "dashboard.json").read_bytes())
    widgets = [_widget(one, names) for one in written if _is_shown(one, names)]
    body = json.dumps({"widgets": [*_placed(widgets, top=2), "ALARMS"]}, separators=(",", ":"))
    variables = {
        "Service": _inside_json(names.handler_service),
        "AuthorizerService": _inside_json(names.authorizer_service),
        "Api": _inside_json(names.api),
        "Alarms": {"Fn::If": [WITH_ALARMS, {"Fn::Sub": _alarm_widget(names)}, _text_widget()]},
    }
    if names.jobs is not None:
        variables |= {
            "WorkerService": _inside_json(names.jobs.worker_service),
            "JobsQueueName": names.jobs.queue,
            "DeadLettersName": names.jobs.dead_letters,
        }
    properties = {
        "DashboardName": {"Ref": "AWS::StackName"},
        "DashboardBody": {"Fn::Sub": [body.replace('"ALARMS"', "${Alarms}"), variables]},
    }
    return _resource("AWS::CloudWatch::Dashboard", properties, condition="WithDashboard")


def _is_shown(widget: Mapping[str, Any], names: Names) -> bool:
    by_model = "model" in json.dumps(widget["properties"].get("metrics", []))
    return (names.has_model_metrics or not by_model) and (
        names.jobs is not None or not widget.get("of_jobs")
    )


def _widget(written: Mapping[str, Any], names: Names) -> dict[str, Any]:
    """Add what all widgets have, and the text of a saved query to the widget that names it."""
    properties = {"region": "${AWS::Region}", **written["properties"]}
    if "saved_query" in properties:
        text = queries()[properties.pop("saved_query")]
        groups = " | ".join(f"SOURCE '${{{group}}}'" for group in _log_groups(names))
        lines = [line for line in text.splitlines() if not line.startswith("#")]
        properties["query"] = "\n".join([f"{groups} |", *lines])
    kept = {name: value for name, value in written.items() if name != "of_jobs"}
    return {**kept, "properties": properties}


def _placed(widgets: list[dict[str, Any]], top: int) -> Iterator[dict[str, Any]]:
    """Place the widgets from left to right in rows of 24 columns, below the row of alarms."""
    left = 0
    for widget in widgets:
        if left + widget["width"] > 24:
            left, top = 0, top + widget["height"]
        yield {"x": left, "y": top, **widget}
        left += widget["width"]


def _alarm_widget(names: Names) -> str:
    arn = "arn:${AWS::Partition}:cloudwatch:${AWS::Region}:${AWS::AccountId}:alarm"
    properties = {
        "title": "Alarms",
        "alarms": [
            f"{arn}:${{AWS::StackName}}-{name}" for name in alarms(with_jobs=bool(names.jobs))
        ],
    }
    return _at_the_top({"type": "alarm", "properties": properties})


def _text_widget() -> str:
    text = "The stack has no alarms: `Alarms=on` makes them."
    return _at_the_top({"type": "text", "properties": {"markdown": text}})


def _at_the_top(widget: dict[str, Any]) -> str:
    placed = {"x": 0, "y": 0, "width": 24, "height": 2, **widget}
    return json.dumps(placed, separators=(",", ":"))


def _inside_json(text: str) -> str:
    return json.dumps(text)[1:-1]


def _logical(name: str) -> str:
    return "".join(part.capitalize() for part in name.split("-"))


def _resource(
    kind: str, properties: Mapping[str, Any], condition: str | None = None
) -> dict[str, Any]:
    conditional = {"Condition": condition} if condition else {}
    return {"Type": kind, **conditional, "Properties": dict(properties)}
