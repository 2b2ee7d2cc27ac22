"""`gatewayctl logs`: the lines of one request, from files or from CloudWatch Logs."""

import io
import json
import sys
import tracemalloc
from datetime import UTC, datetime

import boto3
import pytest
from botocore.stub import ANY, Stubber

from gatewayctl.command import Dependencies
from tests.support.command_line import gatewayctl
from tests.support.hostile_texts import HOSTILE
from tests.support.profile import LONG
from tests.support.request_lines import STAGE_WITH_JOBS, access_line, credential_line, line

NOW = datetime(2026, 5, 4, 11, 0, tzinfo=UTC).timestamp()
AWS = boto3.Session("test", "test", region_name="eu-north-1")
REQUEST, OTHER = "593f8e99-0f4b-4f0e-9d2c-6f1f0a1b2c3d", "0f4b593f-6f1f-4f0e-9d2c-8e990a1b2c3d"
CREDENTIAL, UPSTREAM = (
    "c0ffee00-1111-4222-8333-444455556666",
    "5a9e0a0e-7777-4888-9999-aaaabbbbcccc",
)

REQUEST_LINE = line(
    request_id=REQUEST,
    method="POST",
    path="/api/predict/churn",
    credential_request_id=CREDENTIAL,
    upstream_request_id=UPSTREAM,
    endpoint="tabular",
    level="WARNING",
    status=502,
    slug="model-error",
)
BUG_LINE = json.dumps(
    {
        "level": "ERROR",
        "message": "bug",
        "timestamp": "2026-05-04 10:00:00,120+0000",
        "request_id": REQUEST,
        "exception": "KeyError",
        "where": ["app.py:1 in app", "gateway.py:2 in predict"],
    }
)
ACCESS_LINE = access_line(request_id=REQUEST, authorizer_request_id=CREDENTIAL, status="502")
CREDENTIAL_LINE = credential_line(request_id=CREDENTIAL, key_id="k1a2b3c4", principal="web-shop")
METRICS_LINE = json.dumps({"_aws": {"Timestamp": 1}, "Invocations": [1.0], "request_id": REQUEST})
LINES = [
    credential_line(request_id=OTHER, principal="somebody"),
    CREDENTIAL_LINE,
    "START RequestId: 1f1c0e4e-0000-4000-8000-000000000000 Version: $LATEST",
    BUG_LINE,
    METRICS_LINE,
    line(request_id=OTHER, credential_request_id=CREDENTIAL),
    REQUEST_LINE,
    f"2026-05-04T10:00:00.900Z REPORT RequestId: {CREDENTIAL} Duration: 12.30 ms",
    access_line(request_id=OTHER, authorizer_request_id=CREDENTIAL),
    ACCESS_LINE,
]


@pytest.fixture(name="run")
def _run(tmp_path, monkeypatch):
    (tmp_path / ".chalice").mkdir()
    functions = {"authorize": {"iam_policy_file": "policy-dev-authorize.json"}}
    config = {"app_name": "gw", "stages": {"dev": {"lambda_functions": functions}}}
    (tmp_path / ".chalice" / "config.json").write_text(json.dumps(config))
    monkeypatch.chdir(tmp_path)

    def run(*arguments, connect=None):
        needed = Dependencies(connect=connect, clock=lambda: NOW)
        return gatewayctl("logs", *arguments, project=tmp_path, dependencies=needed)

    run.folder = tmp_path
    return run


@pytest.fixture(name="search")
def _search(run):
    """Write a log, and search it for an id."""

    def search(some_id, lines=LINES, *arguments):
        (run.folder / "all.log").write_bytes("".join(f"{one}\n" for one in lines).encode())
        return run(some_id, "--log", "all.log", *arguments)

    return search


def test_text(search):
    """Each line is a paragraph in the order of time, and the end says what to ask on SageMaker."""
    outcome = search(REQUEST)

    assert (outcome.code, outcome.err) == (0, "")
    assert (
        outcome.out
        == f"""\
request {REQUEST}: 5 lines in all.log: 10 lines

2026-05-04 10:00:00.020Z  API Gateway
  POST /predict/{{model}}: 502, 35 ms
  integration_ms=30 source_ip=203.0.113.7
  authorizer_request_id={CREDENTIAL}
2026-05-04 10:00:00.050Z  authorizer
  ok
  grants=1 request_id={CREDENTIAL} key_id=k1a2b3c4
  principal=web-shop
2026-05-04 10:00:00.120Z  all.log, ERROR
  bug
  exception=KeyError where=["app.py:1 in app", "gateway.py:2 in predict"]
2026-05-04 10:00:00.123Z  gateway, WARNING
  502 model-error: POST /api/predict/churn
  model=churn kind=mme target_name=v8 first_target=v8 chosen=weight fallbacks=0
  model_ms=12.3 attempts=1
  credential_request_id={CREDENTIAL}
  upstream_request_id={UPSTREAM} endpoint=tabular
2026-05-04 10:00:00.900Z  all.log
  '2026-05-04T10:00:00.900Z REPORT RequestId: {CREDENTIAL} Duration: 12.30 ms'

on SageMaker
  container's log  /aws/sagemaker/Endpoints/tabular
  InferenceId      {REQUEST}, if the caller's own was not passed on
  request id       {UPSTREAM}, for AWS Support
"""
    )


def test_job_of_an_asynchronous_endpoint(search):
    """SageMaker was called when the job was submitted, and not by those who asked for it."""
    job = "6f0c8f4f2f0f4a0fb6d7c6a1c0e2a9d1"
    called = {"endpoint": "films", "upstream_request_id": UPSTREAM}
    submitted = line(request_id=REQUEST, method="POST", job=job, **called)
    asked = line(request_id=OTHER, method="GET", job=job, attempts=0)

    outcome = search(job, [submitted, asked])

    assert "container's log  /aws/sagemaker/Endpoints/films\n" in outcome.out
    assert f"request id       {UPSTREAM}, for AWS Support\n" in outcome.out


@pytest.mark.parametrize("some_id", [REQUEST, REQUEST[:8], UPSTREAM])
def test_any_id(search, some_id):
    """The whole id, its beginning, and SageMaker's id lead to the same lines."""
    data = search(some_id, LINES, "--format", "json").data

    assert data["request_id"] == REQUEST
    assert [one["kind"] for one in data["lines"]] == [
        *("access", "credential", "other", "request", "other")
    ]
    assert [one["line"] for one in data["lines"]][3] == json.loads(REQUEST_LINE)
    assert data["lines"][0]["time"] == "2026-05-04 10:00:00.020Z"
    assert data["sagemaker"]["inference_id"] == REQUEST


def test_id_of_a_credential(search):
    """The id of a credential's line leads to all requests for which API Gateway kept the result."""
    data = search(CREDENTIAL, LINES, "--format", "json").data

    assert data["request_id"] == CREDENTIAL
    assert sorted(one["kind"] for one in data["lines"]) == [
        *("access", "access", "credential", "other", "request", "request")
    ]


def test_several_files(run):
    """Each kind of line may be in a file of its own."""
    for name, text in {"a": ACCESS_LINE, "b": CREDENTIAL_LINE, "c": REQUEST_LINE}.items():
        (run.folder / f"{name}.log").write_text(f"{text}\n")

    options = [word for name in "cba" for word in ("--log", f"{name}.log")]
    data = run(REQUEST, *options, "--format", "json").data
    assert [one["log"] for one in data["lines"]] == ["a.log", "b.log", "c.log"]


def test_standard_input(run, monkeypatch):
    """A pipe can be read once, and the credential's line comes before the one that names it."""

    class Pipe(io.BytesIO):
        def seekable(self):
            return False

    text = "".join(f"2026-05-04T10:00:00 2026/05/04/[$LATEST]1f {one}\n" for one in LINES)
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(Pipe(text.encode())))

    outcome = run(REQUEST, "--log", "-")
    assert outcome.code == 0
    assert "web-shop" in outcome.out


def test_unauthorized(search):
    """A request that the authorizer refused never reached the gateway."""
    lines = [
        access_line(request_id=REQUEST, authorizer_request_id=CREDENTIAL, status="401"),
        credential_line(request_id=CREDENTIAL, outcome="unauthorized", reason="wrong-secret"),
    ]

    out = search(REQUEST, lines).out
    assert "  POST /predict/{model}: 401, 35 ms\n" in out
    assert "  unauthorized: wrong-secret\n" in out
    assert "SageMaker" not in out


def test_store(search):
    """A request for which no store had what it needs has the store's lines of the minute before."""
    store = {"level": "WARNING", "message": "store failed", "store": "keys", "reason": "X"}
    lines = [
        json.dumps({**store, "timestamp": f"2026-05-04 {time}+0000"})
        for time in ("09:58:59,000", "09:59:59,000", "10:00:03,000")
    ]
    refused = credential_line(request_id=CREDENTIAL, outcome="unavailable", reason="X")
    access = access_line(request_id=REQUEST, authorizer_request_id=CREDENTIAL, status="500")

    data = search(REQUEST, [*lines, refused, access], "--format", "json").data
    assert [one["line"].get("message") for one in data["lines"]] == [
        *("store failed", None, "credential")
    ]


def test_unknown(search):
    """An id that no line has: where was looked, and exit code 1."""
    assert search("ffffffff-1111") == (
        1,
        "no line with the id ffffffff-1111 in all.log: 10 lines\n",
        "",
    )


def test_several_ids(search):
    """The beginning of several ids is not enough."""
    lines = [line(request_id=f"593f8e99-{number}") for number in range(8)]
    outcome = search("593f8e99", lines)

    assert (outcome.code, outcome.out) == (1, "")
    assert outcome.err == (
        "gatewayctl logs: several ids begin with 593f8e99: 593f8e99-0, 593f8e99-1, 593f8e99-2, "
        "593f8e99-3, 593f8e99-4 and 3 more; give one of them\n"
    )


@pytest.mark.parametrize(
    "some_id", ["", "593f", "a b c d e f g h", 'x" or 1=1', "a" * 129, "\x1b[31maaaaa"]
)
def test_no_id(run, some_id):
    """What is no id is not searched for."""
    outcome = run(some_id, "--log", "no.log")

    assert (outcome.code, outcome.out) == (2, "")
    assert outcome.err.startswith("gatewayctl logs: '")
    assert "is not the id of a request or job; it is at least 8 letters" in outcome.err


def test_no_file(run):
    """A file that is not there is named."""
    outcome = run(REQUEST, "--log", "no.log")
    assert (outcome.code, outcome.err) == (
        2,
        "gatewayctl logs: the log no.log cannot be read: No such file or directory\n",
    )


def test_damaged(search):
    """A line with the id that cannot be read is shown as it is, and counted."""
    outcome = search(REQUEST, [*LINES, REQUEST_LINE[:-9], '{"a":' * 100_000 + REQUEST])

    assert outcome.code == 0
    assert outcome.err == "2 lines could not be read as JSON\n"


@pytest.mark.parametrize("text", HOSTILE.values(), ids=HOSTILE)
def test_hostile(search, text):
    """Whatever a log holds, each line that is printed is printable."""
    members = {"principal": text, "path": text, "slug": text, "where": [text], text or "x": "y"}
    lines = [
        line(request_id=REQUEST, **members),
        access_line(request_id=REQUEST, resource=text, ms=text),
        credential_line(request_id=REQUEST, outcome=text, reason=text),
        line(message="job", request_id=REQUEST, job=text, outcome=text, delivery=text, slug=text),
        f"{REQUEST} {text!r}".replace("\\x1b", "\x1b"),
    ]
    outcome = search(REQUEST, lines)

    assert outcome.code == 0
    assert all(one.isprintable() for one in outcome.out.splitlines())


def test_memory(run):
    """A log of many lines needs no more memory than a few lines."""
    thousands = 1_000 if LONG else 50
    with (run.folder / "long.log").open("w") as file:
        for _ in range(thousands):
            file.write(f"{line(request_id=OTHER)}\n" * 1_000)
        file.write(f"{REQUEST_LINE}\n")
    tracemalloc.start()
    try:
        outcome = run(REQUEST, "--log", "long.log")
        _, most = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()

    assert outcome.out.startswith(
        f"request {REQUEST}: 1 line in long.log: {thousands:,},001 lines\n"
    )
    assert most < 8 * 2**20


def test_too_many_lines(search):
    """At most 200 lines are shown, and the number of the others is said."""
    outcome = search(REQUEST, [line(request_id=REQUEST, attempts=number) for number in range(300)])
    assert outcome.err == "100 more are not shown, after the first 200\n"


class TestCloudWatch:
    """Without `--log` the lines come from the log groups of the stage."""

    @pytest.fixture(name="desk")
    def _desk(self, run):
        with (
            Stubber(AWS.client("logs")) as logs,
            Stubber(AWS.client("cloudformation")) as formation,
        ):
            clients = {"logs": logs.client, "cloudformation": formation.client}

            class Desk:
                def __init__(self):
                    self.logs, self.formation = logs, formation

                def stack(self, *outputs):
                    made = [{"OutputKey": key, "OutputValue": value} for key, value in outputs]
                    stack = {
                        "StackName": "gw-dev",
                        "CreationTime": datetime.now(UTC),
                        "StackStatus": "CREATE_COMPLETE",
                        "Outputs": made,
                    }
                    formation.add_response("describe_stacks", {"Stacks": [stack]})

                def answer(self, group, *lines):
                    period = {"startTime": int(NOW) - 86_400, "endTime": int(NOW)}
                    asked = {"logGroupName": group, "queryString": ANY, "limit": ANY, **period}
                    logs.add_response("start_query", {"queryId": group}, asked)
                    rows = [
                        [
                            {"field": "@timestamp", "value": "2026-05-04 10:00:00.500"},
                            {"field": "@message", "value": text},
                        ]
                        for text in lines
                    ]
                    logs.add_response("get_query_results", {"status": "Complete", "results": rows})

                def run(self, *arguments):
                    return run(*arguments, connect=lambda service: clients[service])

            yield Desk()

    GROUPS = ("/aws/lambda/gw-dev", "/aws/lambda/gw-dev-authorize", "access")

    def test_lines(self, desk):
        """The groups are those of the functions and of the stack; ids are followed."""
        desk.stack(("AccessLogGroup", "access"))
        for group, text in zip(self.GROUPS, [REQUEST_LINE, None, ACCESS_LINE], strict=True):
            desk.answer(group, *filter(None, [text]))
        for group, text in zip(
            self.GROUPS, [REQUEST_LINE, CREDENTIAL_LINE, ACCESS_LINE], strict=True
        ):
            desk.answer(group, text)

        outcome = desk.run(REQUEST)
        assert (outcome.code, outcome.err) == (0, "")
        head, *_ = outcome.out.splitlines()
        assert head == (
            f"request {REQUEST}: 3 lines in {', '.join(self.GROUPS)}, "
            "2026-05-03 11:00:00Z to 2026-05-04 11:00:00Z"
        )
        assert "key_id=k1a2b3c4" in outcome.out

    def test_jobs(self, desk, run):
        """With jobs the worker's log is searched, too."""
        config = {"app_name": "gw", "stages": {"dev": STAGE_WITH_JOBS}}
        (run.folder / ".chalice" / "config.json").write_text(json.dumps(config))
        handler, authorizer, _ = self.GROUPS
        job = "6f0c8f4f2f0f4a0fb6d7c6a1c0e2a9d1"
        worked = line(message="job", job=job, request_id=REQUEST, outcome="succeeded", delivery=1)
        for submission in (None, line(request_id=REQUEST, method="POST", job=job)):
            desk.answer(handler, *filter(None, [submission]))
            desk.answer(authorizer)
            desk.answer(f"{handler}-work", worked)
            desk.answer("access")

        outcome = desk.run(job, "--access-log", "access")
        assert (outcome.code, outcome.err) == (0, "")
        assert outcome.out.startswith(
            f"job {job} of request {REQUEST}: 2 lines in {handler}, {authorizer}, {handler}-work, "
        )

    def test_stage_that_is_not_deployed(self, desk, run):
        """A stage of config.json without policies is said to have no log group."""
        config = {"app_name": "gw", "stages": {"local": {}}}
        (run.folder / ".chalice" / "config.json").write_text(json.dumps(config))
        for _ in range(2):
            desk.logs.add_client_error("start_query", "ResourceNotFoundException", "", 400)

        outcome = desk.run(REQUEST, "--stage", "local", "--access-log", "access")

        assert "there is no log group /aws/lambda/gw-local; name the stage" in outcome.err

    def test_no_access_log(self, desk):
        """A group that is not there is said, and the others are searched."""
        desk.formation.add_client_error("describe_stacks", "ValidationError", "no", 400)
        desk.answer(self.GROUPS[0], REQUEST_LINE)
        desk.logs.add_client_error("start_query", "ResourceNotFoundException", "", 400)
        desk.answer(self.GROUPS[0], REQUEST_LINE)

        outcome = desk.run(REQUEST)
        assert outcome.code == 0
        access, authorizer = outcome.err.splitlines()
        assert access.startswith(
            "API Gateway's lines were not looked at: AWS CloudFormation answers "
        )
        assert access.endswith("; name their log group with --access-log GROUP")
        assert authorizer.startswith(f"{self.GROUPS[1]} was not looked at: there is no log group")

    def test_denied(self, desk):
        """If no group can be searched, the exit code is 3."""
        for _ in range(3):
            desk.logs.add_client_error("start_query", "AccessDeniedException", "", 400)

        outcome = desk.run(REQUEST, "--access-log", "mine")
        assert (outcome.code, outcome.out) == (3, "")
        assert outcome.err.count("AccessDeniedException") == 1
