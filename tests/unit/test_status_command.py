"""`gatewayctl status`: what is said about a gateway, and what was not looked at."""

import hashlib
import io
import json
import sys
import tracemalloc
from datetime import UTC, datetime

import boto3
import pytest
from botocore.exceptions import NoCredentialsError
from botocore.stub import Stubber

from gatewayctl.command import Dependencies
from gatewayctl.report import NotReachable
from tests.support.authority import Authority
from tests.support.command_line import gatewayctl
from tests.support.hostile_texts import HOSTILE
from tests.support.http_server import StubServer, response
from tests.support.ports import free_port
from tests.support.profile import LONG
from tests.support.request_lines import STAGE_WITH_JOBS, credential_line, line

TABLE = "version: 1\nmodels:\n  churn: {kind: single, endpoint: churn}\n"
DIGEST = hashlib.sha256(TABLE.encode()).hexdigest()
NOW = datetime(2026, 5, 4, 11, 0, tzinfo=UTC).timestamp()
GOOD = {"status": "ok", "models": 1, "table": DIGEST[:12]}
AWS = boto3.Session("test", "test", region_name="eu-north-1")


def no_aws(service, **settings):
    raise NotReachable(f"no credentials for {service}") from NoCredentialsError()


@pytest.fixture(name="project")
def _project(tmp_path, monkeypatch):
    (tmp_path / "routing.yaml").write_text(TABLE)
    (tmp_path / ".chalice").mkdir()
    functions = {"authorize": {"iam_policy_file": "policy-dev-authorize.json"}}
    stages = {"dev": {"lambda_functions": functions}, "local": {}}
    write_config(tmp_path, stages)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def write_config(project, stages):
    config = {"app_name": "gw", "stages": stages}
    (project / ".chalice" / "config.json").write_text(json.dumps(config))


@pytest.fixture(name="server", scope="module")
def _server():
    with StubServer() as server:
        yield server


@pytest.fixture(name="run")
def _run(project, server):
    """Run the command for a gateway that answers `/health` so."""

    def run(*arguments, health=GOOD, status=200, connect=no_aws, **environ):
        body = health if isinstance(health, bytes) else json.dumps(health).encode()
        server.reset()
        server.reply = lambda request: response(status, body)
        needed = Dependencies(connect=connect, clock=lambda: NOW)
        return gatewayctl(
            "status", server.url, *arguments, project=project, dependencies=needed, **environ
        )

    return run


def rows(outcome):
    """Return the text of each section."""
    pairs = [one.split("  ", 1) for one in outcome.out.splitlines() if "  " in one]
    return {name: text.strip() for name, text in pairs}


def test_well(run, server):
    """A gateway that is well: a few lines, the first of which says so."""
    outcome = run()

    assert (outcome.code, outcome.err) == (0, "")
    first, empty, gateway, *others = outcome.out.splitlines()
    assert (first, empty) == ("nothing is wrong in what was looked at", "")
    assert gateway.startswith(f"gateway  {server.url}: 200 in ")
    assert others == [
        f"table    {DIGEST[:12]}, 1 model, as routing.yaml",
        "keys     not looked at: for a gateway on this machine, run 'source .local/env' first",
        "log      not looked at: for a gateway on this machine, start it with 'make run LOG=json | "
        "tee gateway.log', and give --log gateway.log",
    ]


def test_stage_of_make_run(run):
    """Beside the local SageMaker, it looks at the stage `local` without being told so."""
    outcome = run(AWS_ENDPOINT_URL="http://127.0.0.1:4599")

    assert (outcome.code, outcome.err) == (0, "")
    assert rows(outcome)["keys"] == "not looked at: no credentials for secretsmanager"


def test_degraded(run):
    """What is wrong stands first, and the exit code is 1."""
    outcome = run(health={**GOOD, "status": "degraded", "table_age_seconds": 300})

    assert outcome.code == 1
    assert outcome.out.splitlines()[0] == (
        "wrong: table: the gateway is degraded, for 5 minutes: it keeps table "
        f"{DIGEST[:12]}, because a newer one is refused or cannot be read; see 'routing table' in "
        "its log"
    )


def test_other_table(run):
    """A table in a file that is not in force is a warning: it may not be deployed yet."""
    outcome = run(health={**GOOD, "table": "0" * 12})

    assert outcome.code == 0
    assert outcome.out.startswith(
        f"warning: table: routing.yaml is table {DIGEST[:12]} and not in force; "
    )


PROBLEM = {"type": "urn:x:routing-unavailable", "title": "No table", "instance": "1f1c0e4e"}


@pytest.mark.parametrize(
    ("health", "status", "said"),
    [
        (PROBLEM, 503, "503 routing-unavailable: 'No table'"),
        ({"message": "Forbidden"}, 403, "403, and no problem of a gateway; the URL is not that of"),
        ({"message": "Missing"}, 404, "404, and no problem of a gateway; the URL is not that of"),
        (b"<html>", 200, "the answer is no health; the URL is not that of a gateway"),
        ([1], 200, "the answer is no health; "),
        ({**GOOD, "table": 7}, 200, "the answer is no health; "),
        (b"[" * 60_000, 200, "the answer is no health; "),
        (b"{}", 302, "302, and no problem of a gateway; "),
    ],
)
def test_other_answers(run, health, status, said):
    """What is no health of a gateway is said, with what may be wrong."""
    outcome = run(health=health, status=status)

    assert outcome.code == 1
    assert outcome.out.startswith(f"wrong: gateway: {said}")
    assert rows(outcome)["table"] == "not known, because the gateway does not say"


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("http://127.0.0.1:{port}", "nothing listens at 127.0.0.1, port {port}; "),
        ("https://nothing.invalid/api", "DNS does not know nothing.invalid; "),
    ],
)
def test_no_answer(project, url, said):
    """DNS and TCP are told apart."""
    port = free_port()
    needed = Dependencies(connect=no_aws, clock=lambda: NOW)
    outcome = gatewayctl("status", url.format(port=port), project=project, dependencies=needed)

    assert outcome.code == 1
    assert outcome.out.startswith(f"wrong: gateway: {said.format(port=port)}")


def test_tls(project, tmp_path):
    """A certificate is trusted if AWS_CA_BUNDLE says so, for the names that it has."""
    authority = Authority(tmp_path)
    needed = Dependencies(connect=no_aws, clock=lambda: NOW)
    with StubServer(context=authority.context) as server:
        server.reply = lambda request: response(200, json.dumps(GOOD).encode())
        firsts = [
            gatewayctl(
                *("status", f"https://{host}:{server.port}"),
                project=project,
                dependencies=needed,
                AWS_CA_BUNDLE=bundle,
            ).out.splitlines()[0]
            for host, bundle in (
                ("127.0.0.1", str(authority.bundle)),
                ("localhost", str(authority.bundle)),
                ("127.0.0.1", ""),
            )
        ]

    assert firsts == [
        "nothing is wrong in what was looked at",
        "wrong: gateway: TLS: no trust in the certificate of localhost; see AWS_CA_BUNDLE",
        "wrong: gateway: TLS: no trust in the certificate of 127.0.0.1; see AWS_CA_BUNDLE",
    ]


@pytest.mark.parametrize(
    "url",
    [
        *("http://gateway.example.com", "ftp://127.0.0.1", "gateway.example.com", "https://", ""),
        *("https://a:b@example.com", "https://example.com/a?b", "https://[", "https://a\x1b[31m"),
        *("https://example.com:0", "https://example.com/\u202e"),
    ],
)
def test_wrong_url(project, url):
    """Nothing is sent in the clear, or to what is no URL."""
    outcome = gatewayctl("status", url, project=project)

    assert (outcome.code, outcome.out) == (2, "")
    assert "is not the URL of a gateway; it is https://<host>/<stage>" in outcome.err
    assert outcome.err.rstrip("\n").isprintable()


class TestUrl:
    """Without a URL, it is that of the stage."""

    @pytest.fixture(name="status")
    def _status(self, project, server):
        def status(*arguments, connect=no_aws):
            server.reset()
            server.reply = lambda request: response(200, json.dumps(GOOD).encode())
            needed = Dependencies(connect=connect, clock=lambda: NOW)
            return gatewayctl("status", *arguments, project=project, dependencies=needed)

        return status

    def test_chalice(self, status, project, server):
        """`chalice deploy` has noted it."""
        noted = {"resources": [{"name": "f"}, {"name": "api", "rest_api_url": f"{server.url}/"}]}
        (project / ".chalice" / "deployed").mkdir()
        (project / ".chalice" / "deployed" / "dev.json").write_text(json.dumps(noted))

        assert rows(status())["gateway"].startswith(f"{server.url}: 200 in ")

    def test_stack(self, status, server):
        """The stack has it as an output."""
        with Stubber(AWS.client("cloudformation")) as stubber:
            stack = {
                "StackName": "gw-dev",
                "CreationTime": datetime.now(UTC),
                "StackStatus": "CREATE_COMPLETE",
                "Outputs": [{"OutputKey": "EndpointURL", "OutputValue": f"{server.url}/"}],
            }
            stubber.add_response("describe_stacks", {"Stacks": [stack]}, {"StackName": "gw-dev"})

            outcome = status(connect=lambda service: stubber.client)
        assert rows(outcome)["gateway"].startswith(f"{server.url}: 200 in ")

    def test_unknown(self, status):
        """Without both it has to be named."""
        outcome = status()

        assert (outcome.code, outcome.out) == (2, "")
        assert outcome.err == (
            "gatewayctl status: the URL of stage dev is not known (no credentials for "
            "cloudformation); name it: gatewayctl status https://…\n"
        )


LINES = [
    line(timestamp="2026-05-04 10:30:00,000+0000", endpoint="tabular", **members)
    for members in (
        *({"status": 200},) * 30,
        *({"status": 502, "slug": "model-error", "model_ms": 2_000.0},) * 2,
        {"status": 404, "slug": "unknown-model", "model": None, "attempts": 0},
        {"status": 200, "target_name": None, "model": "iris", "model_ms": 99.0},
    )
]


class TestLog:
    """The part about the log."""

    @pytest.fixture(name="read")
    def _read(self, project, run):
        def read(*lines, arguments=()):
            (project / "gateway.log").write_bytes("".join(f"{one}\n" for one in lines).encode())
            return run("--log", "gateway.log", *arguments)

        return read

    def test_counts(self, read):
        """The errors, those of 5xx first, the refused credentials, and the worst targets."""
        outcome = read(
            *LINES,
            line(timestamp="2026-05-04 09:59:59,000+0000", status=500),
            credential_line(timestamp="2026-05-04 10:30:00,000+0000", outcome="ok"),
            credential_line(
                timestamp="2026-05-04 10:30:00,000+0000", outcome="unauthorized", reason="expired"
            ),
            "START RequestId: 1f1c0e4e",
        )

        assert outcome.code == 1
        first, *_ = outcome.out.splitlines()
        assert first == "wrong: log: 5.88 % of the requests got a 5xx"
        text = "34 requests, 2 with 5xx (5.88 %), in gateway.log, the last 60 minutes"
        assert rows(outcome)["log"] == text
        assert outcome.out.endswith(
            "\n"
            "status  error          requests\n"
            "502     model-error    2\n"
            "404     unknown-model  1\n"
            "\n"
            "credential             checks\n"
            "unauthorized: expired  1\n"
            "\n"
            "target          calls  5xx   share  p99 ms\n"
            "churn → v8         32    2  6.25 %   2,000\n"
            "iris → tabular      1    0     0 %      99\n"
        )

    def test_few_failures(self, read):
        """A small part of 5xx is shown, and is not wrong."""
        outcome = read(*LINES, *LINES[:30])
        assert (outcome.code, "nothing is wrong" in outcome.out) == (0, True)

    @pytest.mark.parametrize(
        ("message", "code"),
        [("bug", 1), ("routing table refused", 1), ("event refused", 1), ("store failed", 0)],
    )
    def test_other_lines(self, read, message, code):
        """A line that tells of a fault of the gateway itself is wrong, whatever callers notice."""
        written = json.dumps({"message": message, "timestamp": "2026-05-04 10:30:00,000+0000"})
        outcome = read(*[written] * 2)

        assert outcome.code == code
        assert outcome.out.startswith("wrong: log: " if code else "warning: log: ")
        assert "(2 lines)" in outcome.out.splitlines()[0]

    def test_unavailable(self, read):
        """Credentials that could not be checked are wrong, because no request line has them."""
        members = {"outcome": "unavailable", "reason": "AccessDeniedException"}
        outcome = read(credential_line(timestamp="2026-05-04 10:30:00,000+0000", **members))
        assert outcome.out.startswith(
            "wrong: log: 1 credential could not be checked: AccessDeniedException\n"
        )

    def test_damaged(self, read):
        """A line of a gateway that cannot be read is counted, and others are not."""
        outcome = read(LINES[0][:-9], "curl --data-raw '{\"instances\": []}'")
        assert outcome.out.startswith("warning: log: 1 line of the log could not be read\n")

    def test_minutes(self, read):
        """`--minutes` is the period."""
        assert "0 requests" in rows(read(*LINES, arguments=["--minutes", "29"]))["log"]

    def test_standard_input(self, run, monkeypatch):
        """`-` is standard input."""
        text = "".join(f"{one}\n" for one in LINES).encode()
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(text)))
        assert rows(run("--log", "-"))["log"].startswith("34 requests")

    def test_no_file(self, run):
        """A log that was named and is not there is wrong use."""
        outcome = run("--log", "no.log")
        assert (outcome.code, outcome.err) == (
            2,
            "gatewayctl status: the log no.log cannot be read: No such file or directory\n",
        )

    def test_json(self, read):
        """`--format json` has the same as data."""
        data = read(*LINES, arguments=["--format", "json"]).data

        assert data["wrong"] == ["log: 5.88 % of the requests got a 5xx"]
        assert data["gateway"]["status"] == 200
        assert data["table"]["table"] == DIGEST[:12]
        assert data["not_looked_at"].keys() == {"keys"}
        assert data["log"]["errors"][0] == {"status": 502, "slug": "model-error", "requests": 2}
        assert data["log"]["targets"][0] == {
            "model": "churn",
            "endpoint": "tabular",
            "name": "v8",
            "calls": 32,
            "failed": 2,
            "p99_ms": 2_000,
        }

    @pytest.mark.parametrize("text", HOSTILE.values(), ids=HOSTILE)
    def test_hostile(self, read, text):
        """Whatever a log holds, each line that is printed is printable."""
        members = {"slug": text, "model": text, "endpoint": text, "target_name": text}
        time = {"timestamp": "2026-05-04 10:30:00,000+0000"}
        outcome = read(
            line(status=502, **members, **time),
            credential_line(outcome=text, reason=text, **time),
            credential_line(outcome="unavailable", reason=text, **time),
        )
        assert outcome.code in {0, 1}
        assert all(one.isprintable() for one in outcome.out.splitlines())

    def test_memory(self, project, run):
        """A log of many lines needs no more memory than a few lines."""
        thousands = 1_000 if LONG else 50
        with (project / "long.log").open("w") as file:
            for _ in range(thousands):
                file.write(f"{LINES[0]}\n" * 1_000)
        tracemalloc.start()
        try:
            outcome = run("--log", "long.log")
            _, most = tracemalloc.get_traced_memory()
        finally:
            tracemalloc.stop()

        assert rows(outcome)["log"].startswith(f"{thousands:,},000 requests")
        assert most < 16 * 2**20


class TestCloudWatch:
    """With credentials, the log is that of the stage's functions."""

    @pytest.mark.parametrize("has_run", [True, False])
    def test_jobs(self, project, run, has_run):
        """With jobs a fourth query counts the worker's lines; it may have no log group yet."""
        write_config(project, {"dev": STAGE_WITH_JOBS})
        worked = [
            {"message": "job", "ended": "succeeded", "error": "-", "number": "7"},
            {"message": "job", "ended": "failed", "error": "model-error", "number": "1"},
            {"message": "job", "ended": "postponed", "error": "upstream-throttled", "number": "9"},
            {"message": "event refused", "ended": "-", "error": "-", "number": "2"},
        ]
        with Stubber(AWS.client("logs")) as stubber:
            for answers in ([], [], [], worked)[: 3 + has_run]:
                stubber.add_response("start_query", {"queryId": "q"})
                result = [[{"field": k, "value": v} for k, v in row.items()] for row in answers]
                stubber.add_response("get_query_results", {"status": "Complete", "results": result})
            if not has_run:
                stubber.add_client_error("start_query", "ResourceNotFoundException", "", 400)

            def connect(service):
                return stubber.client if service == "logs" else no_aws(service)

            outcome = run("--stage", "dev", connect=connect)
            stubber.assert_no_pending_responses()
        assert outcome.code == has_run
        assert (", 8 jobs ended, 1 failed, in " in rows(outcome)["log"]) == has_run
        assert ("wrong: log: a function of the gateway gets events" in outcome.out) == has_run
        assert rows(outcome)["jobs"] == "not looked at: no credentials for sqs"

    def test_queries(self, run):
        """Three queries count what a file would count."""
        with Stubber(AWS.client("logs")) as stubber:
            for group, answers in (
                (
                    "/aws/lambda/gw-dev",
                    [
                        {"message": "request", "code": "200", "error": "-", "number": "95"},
                        {"message": "request", "code": "502", "error": "x", "number": "5"},
                        {"message": "bug", "code": "0", "error": "-", "number": "1"},
                    ],
                ),
                (
                    "/aws/lambda/gw-dev",
                    [
                        {
                            "model": "churn",
                            "endpoint": "tabular",
                            "name": "-",
                            "calls": "100",
                            "failed": "5",
                            "p99": "12.4",
                        }
                    ],
                ),
                (
                    "/aws/lambda/gw-dev-authorize",
                    [{"outcome": "unauthorized", "because": "expired", "number": "3"}],
                ),
            ):
                stubber.add_response("start_query", {"queryId": "q"})
                result = [[{"field": k, "value": v} for k, v in row.items()] for row in answers]
                stubber.add_response("get_query_results", {"status": "Complete", "results": result})
                assert group

            def connect(service):
                return stubber.client if service == "logs" else no_aws(service)

            outcome = run("--stage", "dev", connect=connect)
            stubber.assert_no_pending_responses()
        assert outcome.code == 1
        assert outcome.out.startswith(
            "wrong: log: the gateway has a bug: see the lines 'bug' (1 line)"
        )
        text = rows(outcome)
        assert text["log"].startswith("100 requests, 5 with 5xx (5.00 %), in /aws/lambda/gw-dev, ")
        assert text["keys"] == "not looked at: no credentials for secretsmanager"
        assert "unauthorized: expired  3\n" in outcome.out
        assert "churn → tabular    100    5  5.00 %      12\n" in outcome.out
