"""docs/operations.md lists every metric and every log line, and its alarms are valid."""

import ast
import json
import re
from pathlib import Path

import pytest
from botocore.session import Session
from botocore.validate import ParamValidator

from chalicelib.auth import json_web_tokens, schemes, signatures
from chalicelib.telemetry import log, metrics
from chalicelib.telemetry.request_record import RequestRecord
from deployment import monitoring
from gatewayctl.lint import monthly_usd
from tests.project.test_docs import DOCS, PROJECT, code, rows, section

PAGE = (DOCS / "operations.md").read_text(encoding="utf-8")
EXAMPLES = [json.loads(text) for text in re.findall(r"```json\n(.*?)```", PAGE, re.DOTALL)]
AUTH = Path(schemes.__file__).parent


def calls(path):
    return [node for node in ast.walk(ast.parse(path.read_bytes())) if isinstance(node, ast.Call)]


def calls_of(*beginnings):
    """Return the calls in the log module of what begins with one of these texts."""
    found = calls(Path(log.__file__))
    return [call for call in found if ast.unparse(call.func).startswith(beginnings)]


def members(call):
    """Return the names of the members that a call writes, as keywords or as those of `extra`."""
    (extra,) = [one.value for one in call.keywords if one.arg == "extra"] or [call]
    return {keyword.arg for keyword in extra.keywords if keyword.arg is not None}


def lines_of(*beginnings):
    """Return the members of each line that these calls write, by the line's message."""
    return {call.args[0].value: members(call) for call in calls_of(*beginnings)}


(OF_A_RECORD,) = map(members, calls_of("write_line"))
"""What the lines of requests and of jobs have in common."""

OF_REQUEST_OR_JOB = lines_of("self._line")
LINES = {**lines_of("self._logger."), "request": OF_A_RECORD | OF_REQUEST_OR_JOB["request"]}


def units():
    """Return each metric of a prediction with its unit, and then each metric of the gateway."""
    measures = [*log._measures(RequestRecord("id")), *log._job_measures(0, failed=False)]
    per_model = {name: unit for name, _, unit in measures}
    of_gateway = {}
    for call in calls_of("self._metrics."):
        if call.func.attr == "gateway":
            name, _, *unit = call.args
            of_gateway[name.value] = getattr(metrics, unit[0].id) if unit else metrics.COUNT
    return {**per_model, **of_gateway}


def reasons(error):
    """Return the texts with which the package `auth` raises an error of this class."""
    return {
        part.value
        for path in AUTH.glob("*.py")
        for call in calls(path)
        if ast.unparse(call.func) == error and not isinstance(call.args[0], ast.JoinedStr)
        for part in ast.walk(call.args[0])
        if isinstance(part, ast.Constant) and isinstance(part.value, str)
    }


def test_costs():
    """The prices of so many metrics are those of the list price that `gatewayctl` uses, too."""
    for _, number, usd in rows(PAGE, "models"):
        metrics, _, part = number.replace(",", "").partition(" ÷ ")
        price = monthly_usd(int(metrics)) / int(part or 1)
        assert price == float(usd.replace(",", ""))
    sums = (
        f"| no models: the sums, and the metrics of the gateway itself, at most | {len(units())} |"
    )
    assert sums in PAGE


def test_metrics():
    """Each metric has one row with its unit."""
    documented = {code(name): unit for name, unit, _ in rows(PAGE, "metric")}

    assert documented == units()


@pytest.mark.parametrize("message", sorted(LINES))
def test_log_lines(message):
    """Each log line has a section, and each of its keys has one row."""
    assert {code(key) for key, _ in rows(section(PAGE, message), "key")} == LINES[message]


def test_log_line_of_jobs():
    """The line of a job has a row for each key of its own, and for those with another meaning."""
    documented = {code(key) for key, _ in rows(section(PAGE, "job"), "key")}

    assert OF_REQUEST_OR_JOB["job"] <= documented <= OF_REQUEST_OR_JOB["job"] | OF_A_RECORD


def test_reasons_of_credentials():
    """Each reason for a 401 has one row."""
    of_outcomes = {
        keyword.value.value
        for call in calls(AUTH / "credentials.py")
        for keyword in call.keywords
        if keyword.arg == "reason" and isinstance(keyword.value, ast.Constant)
    }
    of_tokens = {reason for _, reason in signatures._REASONS}
    documented = [code(reason) for reason, _ in rows(section(PAGE, "credential"), "reason")]

    assert sorted(documented) == sorted(reasons("BadCredential") | of_outcomes | of_tokens)


def test_reasons_without_grants():
    """Each reason why a good token has no grants has one row."""
    documented = {
        code(reason) for reason, _ in rows(section(PAGE, "credential"), "reason with `ok`")
    }

    assert documented == {
        json_web_tokens.NO_GRANTS_CLAIM,
        json_web_tokens.NO_VALUE_WITH_PREFIX,
        json_web_tokens.NO_VALID_GRANT,
    }


def test_reasons_of_stores():
    """Each reason that the gateway itself gives for a failed store has a row."""
    documented = {code(reason) for reason, _ in rows(section(PAGE, "store failed"), "reason")}

    assert reasons("FetchFailed") | reasons("StoreUnavailable") <= documented


@pytest.mark.parametrize(
    ("service", "operation", "example"),
    [
        pytest.param("cloudwatch", "PutMetricAlarm", EXAMPLES[0], id="failures"),
        pytest.param("cloudwatch", "PutMetricAlarm", EXAMPLES[1], id="keys"),
        pytest.param("logs", "PutMetricFilter", EXAMPLES[2], id="filter"),
    ],
)
def test_examples(service, operation, example):
    """AWS's model of the operation accepts each example, and the gateway has its metrics."""
    shape = Session().get_service_model(service).operation_model(operation).input_shape

    assert ParamValidator().validate(example, shape).generate_report() == ""
    assert set(re.findall(r'"MetricName": "(\w+)"', json.dumps(example))) <= units().keys()
    assert len(EXAMPLES) == 3


def duration(alarm):
    """Say for how long an alarm's condition has to hold."""
    datapoints, periods = alarm["periods"]
    if datapoints < periods:
        assert alarm["period_seconds"] == 60
        return f"{datapoints} of {periods} minutes"
    minutes = periods * alarm["period_seconds"] // 60
    return "a minute" if minutes == 1 else f"{minutes} minutes"


def test_alarms():
    """Each alarm of the stack has one row: how urgent it is, its metrics, its limit, its reason."""
    documented = {code(name): cells for name, *cells in rows(PAGE, "alarm")}

    assert list(documented) == list(monitoring.alarms())
    for name, alarm in monitoring.alarms().items():
        urgency, rings_if, duration_, reason = documented[name]
        metrics = alarm.get("metrics", {"": alarm.get("metric")}).values()
        assert urgency == alarm["urgency"]
        assert {metric["name"] for metric in metrics} <= set(re.findall(r"`(\w+)`", rings_if))
        assert f" > {alarm['above']}" in rings_if
        assert duration_ == duration(alarm)
        assert reason == alarm["means"]


def test_metric_filters():
    """Each metric that is counted in the log has one row with its pattern."""
    filters = json.loads((PROJECT / "deployment/metric_filters.json").read_bytes())

    found = {
        code(name): code(pattern) for name, _, pattern in rows(section(PAGE, "Alarms"), "metric")
    }
    assert found == {name: one["pattern"] for name, one in filters.items()}


def test_access_log():
    """Each member of API Gateway's line has one row."""
    fragment = json.loads((PROJECT / "deployment/fragment.json").read_bytes())
    setting = fragment["Resources"]["RestAPI"]["Properties"]["AccessLogSetting"]["Fn::If"][1]
    cells = [cell for cell, _ in rows(section(PAGE, "The access log of API Gateway"), "key")]

    assert sorted(re.findall(r"`(\w+)`", " ".join(cells))) == sorted(json.loads(setting["Format"]))


def test_access_log_has_no_text():
    """API Gateway's line has none of its variables with a text that may be the caller's."""
    fragment = (PROJECT / "deployment/fragment.json").read_text(encoding="utf-8")

    for name in ("message", "path", "error", "requestOverride", "userAgent"):
        assert not re.search(rf"\$context\.[\w.]*\b{name}\b(?!\.responseType)", fragment), name


def test_saved_queries():
    """Each saved query has one row with the words that a person replaces."""
    documented = {code(name): code(word) if word else "" for name, word, _ in rows(PAGE, "query")}

    assert sorted(documented) == sorted(monitoring.queries())
    for name, text in monitoring.queries().items():
        assert re.findall(r"[A-Z]{3,}(?:-[A-Z]+)*(?=\")", text) == [documented[name]] * bool(
            documented[name]
        )


def test_costs_of_alarms():
    """docs/deploy.md counts the alarms and the metrics that they watch."""
    page = (DOCS / "deploy.md").read_text(encoding="utf-8")
    all_alarms, others = monitoring.alarms(), monitoring.alarms(with_jobs=False)
    of_jobs = {name: all_alarms[name] for name in all_alarms.keys() - others.keys()}
    for alarms, words in ((others, "the {} alarms"), (of_jobs, "with jobs, {} more alarms")):
        watched = [len(alarm.get("metrics", "1")) for alarm in alarms.values()]
        start = f"| {words.format(len(watched))}: 0.10 for each of the {sum(watched)} metrics"
        assert f"{start} that they watch | {sum(watched) * 0.10:.2f} |" in page
