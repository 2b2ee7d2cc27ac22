"""Alarms, dashboard, metric filters and saved queries, against what the packaged functions write.

Lines of API Gateway's access log are made from the format in the template, because only API Gateway
writes them. The metrics of AWS's own services are those of its documentation.
"""

import io
import json
import re

import pytest
from botocore.session import Session
from botocore.validate import ParamValidator

from deployment.monitoring import JOB_QUERIES, WORKER_LOG, alarms, queries
from gatewayctl.costs import usage_log
from tests.support import filter_patterns
from tests.support.emf import published
from tests.support.insights import events, fields_of, run
from tests.support.lines_of_package import written_by
from tests.support.monitored import SETTINGS, STACK, Monitored, series_of_alarm, series_of_widget
from tests.support.template import Project

HANDLER_LOG, AUTHORIZER_LOG, WORK_LOG = (
    "/aws/lambda/inference-gateway-dev",
    "/aws/lambda/inference-gateway-dev-authorize",
    "/aws/lambda/inference-gateway-dev-work",
)
QUEUE, DEAD_LETTERS = "gateway-jobs", "gateway-jobs-dead"
JOBS = {"GATEWAY_JOBS": "s3://gateway-jobs/dev", "GATEWAY_JOBS_QUEUE": QUEUE}
# Source: CloudWatch user guides of API Gateway ("metrics and dimensions") and of Lambda ("types of
# metrics"), and SQS's developer guide ("available CloudWatch metrics"). ApiName is the title of the
# API's definition.
OF_AWS = {
    "AWS/ApiGateway": (
        "ApiName",
        {"Count": "Count", "4XXError": "Count", "5XXError": "Count", "Latency": "Milliseconds"},
    ),
    "AWS/Lambda": (
        "FunctionName",
        {"Errors": "Count", "Throttles": "Count", "ConcurrentExecutions": "Count"},
    ),
    "AWS/SQS": (
        "QueueName",
        {
            "ApproximateAgeOfOldestMessage": "Seconds",
            "ApproximateNumberOfMessagesVisible": "Count",
            "ApproximateNumberOfMessagesNotVisible": "Count",
        },
    ),
}
NAMES = {log.rpartition("/")[2] for log in (HANDLER_LOG, AUTHORIZER_LOG, WORK_LOG)}
NAMES |= {QUEUE, DEAD_LETTERS}
READ_AS = {
    "Seconds": {"Maximum"},
    "Milliseconds": {"p99"},
    "Count": {"Sum"},
}
"""By unit: the statistics by which an alarm reads a metric."""
READ_OTHERWISE = {
    "dead-letters": {("Count", "Maximum")},  # how many there are, not how many came
    "job-failures": {("Count", "Sum"), ("Seconds", "SampleCount")},  # each job has one time
}
UNIT_OF_TITLE = {"(ms)": "Milliseconds", "(ms, average)": "Milliseconds", "(s)": "Seconds"}
THROTTLED = {"status": "429", "refused_as": "THROTTLED", "request_id": "9f1c"}


@pytest.fixture(scope="module", name="written")
def _written(package, task_root):
    return written_by(package, task_root)


@pytest.fixture(scope="module", name="stack")
def _stack(tmp_path_factory):
    return with_jobs(tmp_path_factory.mktemp("jobs"))


@pytest.fixture(scope="module", name="without_jobs")
def _without_jobs(package):
    template = json.loads((package.project / "build/sam.json").read_bytes())
    return Monitored(template, SETTINGS)


def with_jobs(folder, **variables):
    """Return the monitoring of a stage with jobs."""
    names = {"POWERTOOLS_SERVICE_NAME": "inference-gateway-dev", **JOBS, **variables}
    return Monitored(Project(folder, {"environment_variables": names}).sam(), SETTINGS)


@pytest.fixture(scope="module", name="found")
def _found(written, stack):
    """Every event of the four log groups."""
    (stage,) = stack.of("AWS::Serverless::Api").values()
    format_ = json.loads(stage["AccessLogSetting"]["Format"])
    line = {name: THROTTLED.get(name, "-") for name in format_}
    return [
        *events(written.handler, HANDLER_LOG),
        *events(written.authorizer, AUTHORIZER_LOG),
        *events(written.worker, WORK_LOG),
        *events(json.dumps(line), "AccessLogGroup"),
    ]


def known(blobs, stack):
    """Return the unit of each series that there is; any model and any target is None."""
    units = {
        (blob.namespace, name, tuple((one, _value(blob, one)) for one in names)): unit
        for blob in blobs
        for names in blob.dimensions
        for name, unit in blob.units.items()
    }
    for namespace, (dimension, metrics) in OF_AWS.items():
        units |= {
            (namespace, name, ((dimension, value),)): unit
            for name, unit in metrics.items()
            for value in NAMES
        }
    filters = stack.of("AWS::Logs::MetricFilter").values()
    made = [one for found in filters for one in found["MetricTransformations"]]
    return units | {(one["MetricNamespace"], one["MetricName"], ()): "Count" for one in made}


def _value(blob, name):
    return None if name in {"model", "target"} else blob.members[name]


def test_alarms(written, stack):
    """Each alarm reads metrics that the functions, a filter or AWS write, of the right unit."""
    units = known(written.blobs, stack)
    made = stack.of("AWS::CloudWatch::Alarm")

    assert {alarm["AlarmName"] for alarm in made.values()} == {
        f"{STACK}-{name}" for name in alarms()
    }
    for name, alarm in made.items():
        found = {(units[tuple(series)], statistic) for series, statistic in series_of_alarm(alarm)}
        ((unit, _), *_) = found
        short = alarm["AlarmName"].removeprefix(f"{STACK}-")
        assert found == READ_OTHERWISE.get(short, {(unit, one) for one in READ_AS[unit]}), name


def test_only_with_jobs(stack, without_jobs):
    """Without jobs there is no alarm, filter, widget or query of theirs, and the rest is equal."""
    for kind in ("AWS::CloudWatch::Alarm", "AWS::Logs::MetricFilter"):
        others, more = without_jobs.of(kind), stack.of(kind)
        assert others.items() <= more.items()
        assert more.keys() - others.keys()
    made = {one["AlarmName"] for one in without_jobs.of("AWS::CloudWatch::Alarm").values()}
    assert made == {f"{STACK}-{name}" for name in alarms(with_jobs=False)}
    template = json.dumps(without_jobs.of("AWS::CloudWatch::Dashboard"))
    for word in (WORKER_LOG, WORK_LOG, "SQS", "WorkerService", "JobSeconds"):
        assert word not in template
    titles = [widget["properties"].get("title") for widget in stack.dashboard]
    kept = [widget["properties"].get("title") for widget in without_jobs.dashboard]
    assert [title for title in titles if title in kept] == kept
    saved = {one["Name"] for one in without_jobs.of("AWS::Logs::QueryDefinition").values()}
    assert saved == {f"{STACK}/{name}" for name in queries().keys() - JOB_QUERIES}


def test_log_groups_of_queries(stack, without_jobs):
    """The saved queries search the logs of all functions of the stack, and API Gateway's."""
    for monitored, worker in ((stack, [WORK_LOG]), (without_jobs, [])):
        searched = {
            tuple(one["LogGroupNames"])
            for one in monitored.of("AWS::Logs::QueryDefinition").values()
        }
        assert searched == {(HANDLER_LOG, AUTHORIZER_LOG, *worker, "AccessLogGroup")}


def test_expressions(stack):
    """The expression of an alarm decides alone, and uses every metric that the alarm reads."""
    made = stack.of("AWS::CloudWatch::Alarm").values()
    of_several = [alarm["Metrics"] for alarm in made if "Metrics" in alarm]

    assert of_several
    for result, *metrics in of_several:
        assert not any(metric["ReturnData"] for metric in metrics)
        used = set(re.findall(r"\b[a-z]\w*\b", result["Expression"]))
        assert used == {metric["Id"] for metric in metrics}


def test_dashboard(written, stack):
    """Each widget reads metrics that there are, in the unit that its title names."""
    units = known(written.blobs, stack)

    for widget in stack.dashboard:
        title = widget["properties"].get("title", "")
        expected = next(
            (unit for end, unit in UNIT_OF_TITLE.items() if title.endswith(end)), "Count"
        )
        found = {units[tuple(series)] for series in series_of_widget(widget)}
        assert found <= {expected} | ({"Milliseconds"} if title == "Cold artifacts" else set()), (
            title
        )


def test_every_metric_is_on_the_dashboard(written, stack):
    """What a function writes as a sum of the stage, the dashboard shows."""
    shown = {series.name for widget in stack.dashboard for series in series_of_widget(widget)}

    assert {name for _, name in published(written.blobs)} <= shown


def test_no_metrics_of_models(package, task_root, tmp_path):
    """Without metrics of models, the dashboard has none, and the functions write none."""
    off = {"GATEWAY_METRICS_PER_MODEL": "off"}
    stack = with_jobs(tmp_path, **off, POWERTOOLS_SERVICE_NAME="tom")
    blobs = written_by(package, task_root, **off, POWERTOOLS_SERVICE_NAME="tom").blobs

    units = known(blobs, stack)
    read = [series for widget in stack.dashboard for series in series_of_widget(widget)]
    assert {tuple(series) for series in read} <= units.keys()
    assert {names for names, _ in published(blobs)} == {(("service", "tom"),)}


def test_metric_filters(written, stack):
    """Each filter matches lines that its function wrote, and only those that it is meant for."""
    lines = {
        HANDLER_LOG: written.handler,
        AUTHORIZER_LOG: written.authorizer,
        WORK_LOG: written.worker,
    }
    counted = {}
    for name, one in stack.of("AWS::Logs::MetricFilter").items():
        (made,) = one["MetricTransformations"]
        kept = [
            json.loads(line)
            for line in lines[one["LogGroupName"]].splitlines()
            if filter_patterns.matches(one["FilterPattern"], line)
        ]
        assert name.startswith(made["MetricName"])
        counted[name] = [
            (line["message"], line.get("outcome"), line.get("reason")) for line in kept
        ]

    invented = "the key is not known and the issuer was asked a moment ago"
    unavailable = ("credential", "unavailable", "ClientError")
    assert counted == {
        "BugsOfApiHandler": [("bug", None, None)],
        "BugsOfAuthorize": [],  # the line is the handler's; both functions have the same telemetry
        "EventsRefusedOfApiHandler": [("event refused", None, None)],
        "EventsRefusedOfAuthorize": [("event refused", None, None)] * 2,
        "BugsOfWork": [],
        "EventsRefusedOfWork": [("event refused", None, None)],
        "JobsPostponedOfWork": [("job", "postponed", None)],
        "JobsLostOfWork": [("job", "failed", None)],
        "CredentialsUnavailableOfAuthorize": [unavailable],
        "CredentialsUncheckedOfAuthorize": [unavailable, ("credential", "unavailable", invented)],
    }


@pytest.mark.parametrize("name", sorted(queries()))
def test_fields_of_queries(found, name):
    """Each field that a query reads is in a line."""
    assert fields_of(queries()[name]) <= {field for event in found for field in event}


ROWS = [
    (
        "errors-by-slug",
        {
            "error": "model-error",
            "status": "502",
            "of_model": "wine",
            "errors": "1",
            "callers": "1",
        },
    ),
    ("errors-by-slug", {"error": "THROTTLED", "status": "429", "example": "9f1c"}),
    ("errors-by-slug", {"error": "unknown-model", "because": "no-such-model"}),
    (
        "failures-by-upstream-code",
        {"code": "ModelError", "container_status": "500", "at_endpoint": "tabular"},
    ),
    ("failures-by-upstream-code", {"code": "ThrottlingException", "slug": "upstream-throttled"}),
    ("slowest-targets", {"model": "iris", "at_target": "TargetModel=iris-v1.tar.gz", "calls": "1"}),
    ("cold-loads", {"model": "iris", "artifact": "loaded", "requests": "1"}),
    ("cold-loads", {"model": "breast-cancer", "artifact": "cold"}),
    (
        "credentials-refused",
        {"outcome": "unauthorized", "because": "disabled", "of_key": "d1sabled"},
    ),
    ("credentials-refused", {"outcome": "unavailable", "because": "ClientError"}),
    ("stores-and-tables", {"message": "bug", "exception": "KeyError", "@log": HANDLER_LOG}),
    ("stores-and-tables", {"message": "store failed", "store": "keys", "@log": AUTHORIZER_LOG}),
    (
        "stores-and-tables",
        {"message": "routing table not fetched", "place": "s3://tables/routing.yaml"},
    ),
    ("stores-and-tables", {"message": "routing table refused"}),
    ("stores-and-tables", {"message": "event refused", "event": "test event of the console"}),
    ("requests-of-a-principal", {"model": "iris", "status": "200", "path": "/api/predict/iris"}),
    ("requests-of-a-principal", {"message": "job", "model": "wine", "outcome": "failed"}),
    ("errors-by-slug", {"line": "job", "error": "model-error", "of_model": "wine", "errors": "1"}),
    ("errors-by-slug", {"line": "job", "error": "job-lost", "callers": "1"}),
    (
        "failures-by-upstream-code",
        {"message": "job", "code": "ThrottlingException", "slug": "upstream-throttled"},
    ),
    ("slowest-targets", {"message": "job", "model": "wine", "calls": "1"}),
    ("stores-and-tables", {"event": "message that starts no job", "@log": WORK_LOG}),
]


@pytest.mark.parametrize(("name", "row"), ROWS)
def test_rows_of_queries(found, name, row):
    """Each query finds in the lines what it is for."""
    rows = run(queries()[name].replace("PRINCIPAL", "tests"), found)

    assert [one for one in rows if one.items() >= row.items()], rows


def test_failed_function_is_found(found):
    """A function that failed is in the query, although its line is Lambda's and not JSON."""
    rows = run(queries()["stores-and-tables"], found)

    assert [row for row in rows if row["@message"].startswith("[ERROR] AuthorizerFailed")]


def test_postponed_job_is_no_failed_function(found):
    """The worker fails on purpose when a message has to come again; that is no row."""
    assert [one for one in found if "[ERROR] JobNotDone" in one["@message"]]

    rows = run(queries()["stores-and-tables"], found)
    assert not [row for row in rows if "JobNotDone" in row["@message"]]
    assert not run(queries()["slowest-targets"], [one for one in found if is_postponed(one)])


def is_postponed(event):
    return event.get("outcome") == "postponed"


def test_one_job(found, written):
    """A job's id leads to its submission, each delivery, and who asked, without the metrics."""
    (asked,) = [json.loads(line) for line in written.all if '"path":"/api/jobs/' in line]

    rows = run(queries()["job-by-id"].replace("JOB-ID", asked["job"]), found)

    assert {(row["message"], row.get("method"), row.get("outcome")) for row in rows} == {
        ("request", "POST", None),
        ("job", None, "succeeded"),
        ("job", None, "ended before"),
        ("request", "GET", None),
    }
    assert len(rows) == 4


def test_one_request_of_a_job(found, written):
    """The id of the request that submitted a job leads to the worker's lines, too."""
    (failed,) = [json.loads(line) for line in written.all if '"slug":"job-lost"' in line]

    rows = run(queries()["request-by-id"].replace("REQUEST-ID", failed["request_id"]), found)

    assert {(row["message"], row["status"], row["job"], row["@log"]) for row in rows} == {
        ("request", "202", failed["job"], HANDLER_LOG),
        ("job", "504", failed["job"], WORK_LOG),
    }
    assert len(rows) == 2


@pytest.mark.parametrize("slug", ["unauthorized", "upstream-throttled"])
def test_one_request(found, written, slug):
    """The id of a request leads to its line, without the line of its metrics."""
    lines = written.handler.splitlines()
    (refused,) = [json.loads(line) for line in lines if f'"slug":"{slug}"' in line]

    rows = run(queries()["request-by-id"].replace("REQUEST-ID", refused["request_id"]), found)

    assert [(row["message"], row["slug"]) for row in rows] == [("request", slug)]
    assert rows[0].get("credential_request_id") == refused.get("credential_request_id")


def test_one_credential(found, written):
    """The id of the authorizer's call leads to the line of the credential."""
    (refused,) = [json.loads(line) for line in written.all if '"reason":"disabled"' in line]

    (row,) = run(queries()["request-by-id"].replace("REQUEST-ID", refused["request_id"]), found)

    assert (row["message"], row["reason"], row["@log"]) == (
        "credential",
        "disabled",
        AUTHORIZER_LOG,
    )


@pytest.mark.parametrize(
    ("kind", "service", "operation"),
    [
        ("AWS::CloudWatch::Alarm", "cloudwatch", "PutMetricAlarm"),
        ("AWS::CloudWatch::Dashboard", "cloudwatch", "PutDashboard"),
        ("AWS::Logs::QueryDefinition", "logs", "PutQueryDefinition"),
        ("AWS::Logs::MetricFilter", "logs", "PutMetricFilter"),
    ],
)
def test_aws_accepts(stack, kind, service, operation):
    """AWS's model of the operation behind each resource accepts it."""
    shape = Session().get_service_model(service).operation_model(operation).input_shape
    made = stack.of(kind)

    assert made
    for name, resource in made.items():
        parameters = _as_parameters(resource, shape)
        if operation == "PutMetricFilter":
            parameters["filterName"] = name
        assert ParamValidator().validate(parameters, shape).generate_report() == ""
        assert parameters.keys() <= shape.members.keys()


def _as_parameters(resource, shape):
    """Spell the properties as the API does: `logGroupName` for LogGroupName."""
    if "filterPattern" not in shape.members and "queryString" not in shape.members:
        return resource
    return {
        f"{name[0].lower()}{name[1:]}": [_as_parameters(one, shape) for one in value]
        if name == "MetricTransformations"
        else value
        for name, value in resource.items()
    }


def test_usage(written):
    """The costs are divided by what the packaged functions write: each call is counted once."""
    lines = [json.loads(line) for line in written.all if line.startswith("{")]
    calls = [
        one for one in lines if one.get("message") in {"request", "job"} and one.get("attempts")
    ]
    usage = usage_log.read(io.BytesIO("\n".join(written.all).encode()), "the log")
    assert sum(use.calls for use in usage.uses.values()) == len(calls) > 0
    assert {user.place.endpoint for user in usage.uses} == {one["endpoint"] for one in calls}
    assert {user.model for user in usage.uses} == {one["model"] for one in calls}
    assert any(use.loads for use in usage.uses.values())
    assert usage.damaged == 0
