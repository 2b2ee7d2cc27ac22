"""`gatewayctl targets`: what is said about the calls of a log, or of CloudWatch Logs."""

import io
import json
import re
import sys
from datetime import UTC, datetime

import boto3
import pytest
from botocore.stub import ANY, Stubber

from gatewayctl.command import Dependencies
from tests.support.command_line import gatewayctl
from tests.support.request_lines import STAGE_WITH_JOBS, line

TABLE = """\
version: 1
models:
  churn:
    kind: mme
    endpoint: tabular
    targets:
      backup: {kind: single, endpoint: churn}
      v8: {target_model: churn-v8.tar.gz, weight: 5}
      v7: {target_model: churn-v7.tar.gz, weight: 95}
    fallback: [v7, backup]
  iris:
    kind: single
    endpoint: iris
"""
NOW = datetime(2026, 5, 4, 11, 0, tzinfo=UTC).timestamp()
AWS = boto3.Session("test", "test", region_name="eu-north-1")


@pytest.fixture(name="project")
def _project(tmp_path, monkeypatch):
    (tmp_path / "routing.yaml").write_text(TABLE)
    (tmp_path / ".chalice").mkdir()
    functions = {"authorize": {"iam_policy_file": "policy-dev-authorize.json"}}
    config = {"app_name": "gw", "stages": {"dev": {"lambda_functions": functions}}}
    (tmp_path / ".chalice" / "config.json").write_text(json.dumps(config))
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture(name="run")
def _run(project):
    def run(*arguments, connect=None):
        needed = Dependencies(connect=connect, clock=lambda: NOW)
        return gatewayctl("targets", *arguments, project=project, dependencies=needed)

    def add_jobs():
        config = {"app_name": "gw", "stages": {"dev": STAGE_WITH_JOBS}}
        (project / ".chalice" / "config.json").write_text(json.dumps(config))

    run.add_jobs = add_jobs
    return run


@pytest.fixture(name="log")
def _log(project, run):
    """Write a log, and run the command for it."""

    def log(*lines, arguments=()):
        (project / "gateway.log").write_text("".join(f"{one}\n" for one in lines))
        return run("churn", "--log", "gateway.log", *arguments)

    return log


def several(number, **members):
    """Return equal lines."""
    return [line(**members)] * number


COLUMNS = [
    *["target", "weight", "calls", "share", "by weight", "5xx", "95 % interval"],
    *["p50 ms", "p99 ms", "cold loads", "to fallback", "as fallback"],
]
TO_BACKUP = {
    "first_target": "v8",
    "target_name": "backup",
    "chosen": "fallback",
    "fallbacks": 1,
    "model_ms": 5.0,
}
RELEASE = [
    "START RequestId: 1f1c0e4e Version: $LATEST",
    *several(920, target_name="v7", model_ms=12.2),
    *several(10, target_name="v7", model_ms=40.0),
    *several(20, target_name="v7", model_ms=1_000.4, status=502),
    *several(40, target_name="v8", model_ms=9.0),
    *several(1, target_name="v8", model_ms=2_000.0, artifact="loaded"),
    *several(4, target_name="v8", model_ms=9.0, status=503),
    *several(1, target_name="v8", model_ms=9.0, status=503, slug="model-not-ready"),
    *several(3, **TO_BACKUP, fallback_after="upstream-error"),
    *several(2, **TO_BACKUP, fallback_after="model-not-ready"),
    *several(1, **TO_BACKUP, fallback_after="upstream-unreachable", status=502),
    line(target_name="v8")[:-9],
]


def test_table(log):
    """Each target has a line, the heaviest first, and each other one is compared with it."""
    outcome = log(*RELEASE)

    assert (outcome.code, outcome.err) == (0, "1 line could not be read, and so not counted\n")
    head, _, columns, *targets, _, heaviest, v8, backup = outcome.out.splitlines()
    assert head == "churn: 1,002 requests in gateway.log: 1,004 lines"
    assert [re.split("  +", row) for row in (columns, *targets)] == [
        COLUMNS,
        [
            *["v7", "95", "950", "94.8 %", "95.0 %", "2.11 %", "1.37 % to 3.23 %"],
            *["12", "1,000", "0", "0", "0"],
        ],
        [
            *["v8", "5", "50", "5.19 %", "5.00 %", "18.0 %", "9.77 % to 30.8 %"],
            *["9", "2,000", "4", "6", "0"],
        ],
        [
            *["backup", "0", "6", "0 %", "0 %", "16.7 %", "3.01 % to 56.4 %"],
            *["5", "5", "0", "0", "6"],
        ],
    ]
    assert len({len(row) for row in (columns, *targets)}) == 1
    assert heaviest == "5xx compared with v7, the heaviest, in percentage points"
    assert v8 == "v8      +15.89 (+7.59 to +28.71)  more 5xx"
    assert backup == "backup  +14.56 (+0.85 to +54.25)  more 5xx"


@pytest.mark.parametrize(
    ("v7", "v8", "said"),
    [
        ((0, 1_000), (0, 1_000), "v8      +0.00 (-0.38 to +0.38)  no difference found"),
        ((900, 1_000), (10, 1_000), "fewer 5xx"),
        ((10, 1_000), (2, 50), "not enough calls, about "),
        ((10, 1_000), (0, 0), "v8      -  v8 has no calls"),
        ((0, 0), (3, 10), "v8      -  v7 has no calls"),
    ],
)
def test_comparison(log, v7, v8, said):
    """What is said about the difference."""
    lines = [
        one
        for name, (failed, calls) in {"v7": v7, "v8": v8}.items()
        for status, number in {200: calls - failed, 500: failed}.items()
        for one in several(number, target_name=name, status=status)
    ]

    (found,) = [one for one in log(*lines).out.splitlines()[7:] if one.startswith("v8 ")]
    assert said in found


def test_fallbacks(log):
    """A failure counts for the target that failed, also if a fallback answered the request.

    A request that a fallback answers while an artifact is loaded is a cold load and no failure.
    """
    errors = ["upstream-error", "upstream-unreachable", "upstream-throttled", "model-overloaded"]
    outcome = log(
        *(line(**TO_BACKUP, fallback_after=slug) for slug in errors),
        *several(5, **TO_BACKUP, fallback_after="model-not-ready"),
        line(target_name="v8"),
        arguments=["--format", "json"],
    )

    v8, backup = (one for one in outcome.data["targets"] if one["name"] != "v7")
    assert (v8["calls"], v8["errors_5xx"], v8["share"]) == (5, 4, 1.0)
    assert (v8["cold_loads"], v8["to_fallback"], v8["as_fallback"]) == (5, 9, 0)
    assert (backup["calls"], backup["errors_5xx"], backup["share"]) == (9, 0, 0.0)
    assert (backup["cold_loads"], backup["to_fallback"], backup["as_fallback"]) == (0, 0, 9)


def test_target_that_the_table_lacks(log):
    """A target that is in the log only has no weight; its name cannot write to a terminal."""
    outcome = log(line(target_name="v7"), line(target_name="v\x1b6"))

    assert "\nv\\x1b6       -      1  50.0 %        0 %" in outcome.out


def test_json(log):
    """`--format json` has the same as data."""
    data = log(*RELEASE, arguments=["--format", "json"]).data

    assert (data["model"], data["requests"], data["damaged_lines"]) == ("churn", 1_002, 1)
    v8 = data["targets"][1]
    difference = v8.pop("difference_5xx")
    assert v8 | {"rate_5xx_interval": None} == {
        "name": "v8",
        "weight": 5,
        "calls": 50,
        "share": 52 / 1_002,
        "share_by_weight": 0.05,
        "errors_5xx": 9,
        "rate_5xx": 0.18,
        "rate_5xx_interval": None,
        "p50_ms": 9,
        "p99_ms": 2_000,
        "cold_loads": 4,
        "to_fallback": 6,
        "as_fallback": 0,
    }
    assert v8["rate_5xx_interval"] == pytest.approx([0.0977, 0.3080], abs=5e-5)
    assert difference.pop("observed") == pytest.approx(0.18 - 20 / 950)
    assert difference.pop("interval") == pytest.approx([0.0759, 0.2871], abs=5e-5)
    assert difference == {"to": "v7", "text": "more 5xx", "calls_lacking": 0}


@pytest.mark.parametrize(
    ("lines", "number"),
    [
        ([], "0 lines"),
        ([line(model="iris")], "1 line"),
        (["REPORT RequestId: 1"], "1 line"),
        ([line(attempts=0)], "1 line"),
    ],
)
def test_no_calls(log, lines, number):
    """Without calls there is a sentence."""
    assert log(*lines) == (0, f"no target of churn was called in gateway.log: {number}\n", "")


def test_minutes(log):
    """`--minutes` leaves out earlier lines of a file."""
    lines = [line(timestamp=f"2026-05-04 10:{minute}:00,000+0000") for minute in (49, 50, 59)]
    outcome = log(*lines, arguments=["--minutes", "10"])

    assert outcome.out.startswith(
        "churn: 2 requests in gateway.log, the last 10 minutes: 3 lines\n"
    )


def test_standard_input(run, monkeypatch):
    """`-` is standard input, as `aws logs tail` writes it."""
    text = f"2026-05-04T10:00:00.1+00:00 2026/05/04/[$LATEST]1f {line()}\n".encode()
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(text)))

    assert run("churn", "--log", "-").out.startswith("churn: 1 request in standard input: 1 line\n")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["chrun", "--log", "-"], "there is no model 'chrun' in routing.yaml; did you mean churn?"),
        (["iris", "--log", "-"], "iris has no 'targets' in routing.yaml"),
        (["churn", "--log", "no.log"], "the log no.log cannot be read: No such file or directory"),
        (["churn", "--log", "a\0b"], r"the log a\x00b cannot be read: no file has such a name"),
        (["churn", "--log", "."], "the log . cannot be read: Is a directory"),
    ],
)
def test_wrong_use(run, arguments, message):
    """What cannot be done is refused with the way out."""
    outcome = run(*arguments)

    assert (outcome.code, outcome.out) == (2, "")
    assert outcome.err.startswith(f"gatewayctl targets: {message}")


class TestCloudWatch:
    """Without `--log` the calls come from CloudWatch Logs."""

    @pytest.fixture(name="stubber")
    def _stubber(self):
        with Stubber(AWS.client("logs")) as stubber:
            yield stubber

    def test_calls(self, run, stubber):
        """The log group is that of the stage's function, and the period the last minutes."""
        period = {"startTime": int(NOW) - 1_800, "endTime": int(NOW)}
        asked = {"logGroupName": "/aws/lambda/gw-dev", "queryString": ANY, "limit": 10_000}
        stubber.add_response("start_query", {"queryId": "q"}, asked | period)
        cells = {
            "target_name": "v8",
            "first_target": "v8",
            "status": "200",
            "milliseconds": "12",
            "calls": "7",
        }
        row = [{"field": name, "value": value} for name, value in cells.items()]
        stubber.add_response("get_query_results", {"status": "Complete", "results": [row]})

        outcome = run("churn", "--minutes", "30", connect=lambda service: stubber.client)
        assert (outcome.code, outcome.err) == (0, "")
        head, *_ = outcome.out.splitlines()
        assert head == (
            "churn: 7 requests in /aws/lambda/gw-dev, 2026-05-04 10:30:00Z to 2026-05-04 11:00:00Z"
        )

    @pytest.mark.parametrize("has_run", [True, False])
    def test_jobs(self, run, stubber, has_run):
        """With jobs the worker's calls count, too; it may have no log group yet."""
        run.add_jobs()
        cells = {"target_name": "v8", "first_target": "v8", "status": "200", "milliseconds": "12"}
        row = [{"field": name, "value": value} for name, value in (cells | {"calls": "7"}).items()]
        for group in ("gw-dev", "gw-dev-work")[: 1 + has_run]:
            asked = {"logGroupName": f"/aws/lambda/{group}", "queryString": ANY, "limit": 10_000}
            period = {"startTime": ANY, "endTime": ANY}
            stubber.add_response("start_query", {"queryId": "q"}, asked | period)
            stubber.add_response("get_query_results", {"status": "Complete", "results": [row]})
        if not has_run:
            stubber.add_client_error("start_query", "ResourceNotFoundException", "", 400)

        outcome = run("churn", connect=lambda service: stubber.client)
        calls, groups = (7, ""), (14, ", /aws/lambda/gw-dev-work")
        number, more = groups if has_run else calls
        assert outcome.out.startswith(
            f"churn: {number} requests in /aws/lambda/gw-dev{more}, 2026-"
        )

    def test_denied(self, run, stubber):
        """A missing permission is named; the exit code is 3."""
        stubber.add_client_error("start_query", "AccessDeniedException", http_status_code=400)

        outcome = run("churn", connect=lambda service: stubber.client)
        assert (outcome.code, outcome.out) == (3, "")
        assert outcome.err.startswith(
            "gatewayctl targets: Amazon CloudWatch Logs answers StartQuery with "
            "AccessDeniedException; check your IAM permission for that"
        )
