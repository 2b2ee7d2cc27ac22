"""What `make run` makes of the lines of the gateway's process and of the local SageMaker."""

import json

import pytest

from local_stack.gateway_lines import ALL, JSON, MOST_NOTES, READABLE, GatewayLines
from local_stack.sagemaker_lines import SageMakerLines
from sagemaker_local.errors import FAILED, InternalFailure, ModelError, Throttled, log_line
from sagemaker_local.settings import AccountRegion
from tests.faults.rows import row
from tests.support.hostile_texts import HOSTILE, assert_printable

ID = "6f1c1a52-4a8b-4dc5-8e5d-5b6a70d0f7c8"
REQUEST = {
    "message": "request",
    "method": "POST",
    "path": "/predict/iris",
    "status": 200,
    "model": "iris",
    "endpoint": "tabular",
    "attempts": 1,
    "model_ms": 5,
    "gateway_ms": 1,
}
FAILURE = {**REQUEST, "status": 502, "slug": "model-error", "upstream_request_id": ID}
METRICS = {"_aws": {}, "service": "inference-gateway-local"}


class Printed(list):
    """A terminal that keeps the text of each line."""

    def print(self, line):
        self.append(line if isinstance(line, str) else "".join(span.text for span in line))


class Later:
    """A loop whose time passes when it is told to."""

    def __init__(self):
        self.work = []

    def __call__(self, _seconds, function):
        self.work.append(function)
        return self

    def cancel(self):
        self.work.pop()

    def pass_time(self):
        while self.work:
            self.work.pop()()


class Desk:
    """The lines of both processes."""

    def __init__(self, log=READABLE):
        self.printed, self.later, self.ready = Printed(), Later(), []
        self.gateway = GatewayLines(self.printed, log, self.later)
        note = self.gateway.on_sentence
        self.sagemaker = SageMakerLines(self.printed, log, lambda: self.ready.append(1), note)

    def log(self, *lines):
        for line in lines:
            self.gateway.on_line(line if isinstance(line, str) else json.dumps(line))
        return self.printed

    def start(self):
        """Let the local SageMaker be ready."""
        self.sagemaker.on_line("ready: http://127.0.0.1:1")
        self.printed.clear()


@pytest.fixture(name="desk")
def _desk():
    return Desk()


def failed(text="it is broken", original=500):
    where = AccountRegion("000000000000", "us-east-1")
    error = ModelError("tabular", where, status=original, summary="s", original=text)
    return f"12:00:00 {log_line(error, ID, 'tabular')}"


class TestCalls:
    """Lines of the gateway's process."""

    def test_calls_alone(self, desk):
        """A call is one line; metrics and credentials that were accepted are none."""
        credential = {"message": "credential", "outcome": "ok"}
        (line,) = desk.log(credential, REQUEST, METRICS)

        assert line.startswith("200 POST /predict/iris")

    def test_page(self, desk):
        """The page is a line; the files that it loads are none, unless one fails."""
        page = {"message": "request", "method": "GET", "status": 200, "path": "/"}
        log = desk.log(
            page, {**page, "path": "/page/a.js"}, {**page, "path": "/page/b", "status": 404}
        )

        assert [line.split()[:3] for line in log] == [
            ["200", "GET", "/"],
            ["404", "GET", "/page/b"],
        ]

    def test_jobs(self, desk):
        """A delivery of a job is a line, and a job that failed is an error of its model."""
        job = {**REQUEST, "message": "job", "job": "0a" * 16, "outcome": "succeeded"}
        failed = {**job, "status": 400, "slug": "model-rejected", "outcome": "failed"}
        log = desk.log({**REQUEST, "status": 202, "job": "0a" * 16}, job, METRICS, failed)

        assert [line.split()[:3] for line in log] == [
            ["202", "POST", "/predict/iris"],
            ["200", "job", "0a0a0a0a…"],
            ["400", "job", "0a0a0a0a…"],
        ]
        desk.gateway.end()
        assert [line.split() for line in log[-2:]] == [
            ["model", "calls", "jobs", "errors", "p50", "ms", "p99", "ms"],
            ["iris", "1", "1", "1", "6", "6"],
        ]

    def test_refused_credential(self, desk):
        """The reason of a refusal is joined by the authorizer's request id, in any order."""
        refused = {**REQUEST, "status": 401, "slug": "unauthorized", "endpoint": None}
        refused["attempts"] = 0
        credential = {"message": "credential", "outcome": "unauthorized"}
        for number, reason in enumerate(["unknown-key", "wrong-secret"]):
            more = {"request_id": str(number), "reason": reason, "key_id": "abcd1234"}
            assert desk.log({**credential, **more}) == []
        first, second = desk.log(
            {**refused, "credential_request_id": "1"}, {**refused, "credential_request_id": "0"}
        )

        assert "not accepted: wrong-secret, key abcd1234 " in first
        assert "not accepted: unknown-key, key abcd1234 " in second

    @pytest.mark.parametrize(
        ("event", "text"),
        [
            (
                {"level": "WARNING", "message": "store failed", "store": "keys", "reason": "away"},
                "warning: store failed: reason away, store keys",
            ),
            (
                {"level": "ERROR", "message": "bug", "exception": "KeyError", "where": ["a", "b"]},
                "error: bug: exception KeyError, where b",
            ),
            (
                {"level": "ERROR", "message": "routing table refused", "problems": ["a: bad"]}
                | {"problems_left_out": 0},
                "error: routing table refused: problems a: bad, problems_left_out 0",
            ),
        ],
    )
    def test_events(self, desk, event, text):
        """A store that failed, a bug or a refused table is one line."""
        more = {"service": "s", "location": "l", "timestamp": "t"}
        assert desk.log({**event, **more}) == [text]

    def test_sentences(self, desk):
        """What is no JSON is printed as it is, and requests that the app did not get as calls."""
        said = ["routing.yaml: table 1 in force", "{not json", "400: it is not clear"]
        assert desk.log(*said) == said
        desk.printed.clear()
        (line,) = desk.log("404 GET /nothing: There is no such path")
        assert line.split() == ["404", "GET", "/nothing", "There", "is", "no", "such", "path"]


class TestJson:
    """With LOG=json."""

    @row("M5")
    @pytest.mark.parametrize("text", HOSTILE.values(), ids=HOSTILE)
    def test_unchanged(self, text):
        """Each line is printed as it is, or with JSON's escapes, so that a program can read it."""
        desk = Desk(JSON)
        members = {**REQUEST, "path": text}
        raw = json.dumps(members, ensure_ascii=False).encode("utf-8", "replace").decode()
        given = [json.dumps(members), raw, json.dumps(METRICS)]
        printed = desk.log(*given)

        assert_printable("\n".join(printed))
        assert [json.loads(line) for line in printed] == [json.loads(line) for line in given]
        assert printed[2] == given[2]

    def test_sagemaker(self):
        """What a container said is a sentence of the local SageMaker, which is no JSON."""
        desk = Desk(JSON)
        desk.start()
        desk.sagemaker.on_line(failed('{"error": "no"}'))

        (line,) = desk.printed
        assert line.startswith("sagemaker | 12:00:00 invocation ")
        assert '{"' not in line


class TestModelsSentence:
    """What the container said, which the local SageMaker knows and the gateway does not."""

    @pytest.mark.parametrize("is_first", [True, False])
    def test_joined(self, desk, is_first):
        """It is joined by SageMaker's id of the request, also if it comes late."""
        if is_first:
            desk.sagemaker.on_line(failed())
            desk.log(FAILURE)
        else:
            assert desk.log(FAILURE) == []
            desk.sagemaker.on_line(failed())

        (line,) = desk.printed
        assert "The model failed: 500: it is broken" in line
        assert desk.later.work == []

    def test_never(self, desk):
        """A call is printed without it after a moment, and at the end."""
        desk.log(FAILURE)
        desk.later.pass_time()
        desk.log({**FAILURE, "upstream_request_id": "other"})
        desk.gateway.end()

        assert [line.split()[0] for line in desk.printed[:2]] == ["502", "502"]

    def test_limit(self, desk):
        """Sentences that no call takes do not fill the memory."""
        for number in range(2 * MOST_NOTES):
            desk.gateway.on_sentence(str(number), "500: no")
        desk.log({**FAILURE, "upstream_request_id": "0"})
        desk.later.pass_time()

        assert "500: no" not in desk.printed[0]

    @row("M5")
    @pytest.mark.parametrize("text", [*HOSTILE.values(), '"', "\\", "\\x7f", 'a failed: "b"'])
    def test_any_text(self, text):
        """Every text comes through the log's line as it is."""
        where = AccountRegion("000000000000", "us-east-1")
        error = ModelError("e", where, status=500, summary="s", original=text)
        found = FAILED.fullmatch(log_line(error, ID, text))

        assert found["id"] == ID
        assert json.loads(found["sentence"]) == f"500: {text}"[: len("500: ") + 2048]

    @pytest.mark.parametrize(
        ("error", "sentence"),
        [
            (Throttled(), "ThrottlingException"),
            (InternalFailure(), "InternalFailure: An internal failure occurred. Try again."),
        ],
    )
    def test_sagemakers_own(self, error, sentence):
        """Without a container's answer it is what SageMaker says."""
        assert json.loads(FAILED.fullmatch(log_line(error, ID, "e"))["sentence"]) == sentence


START = [
    "starting the local SageMaker …",
    "created bucket inference-gateway-demo",
    "uploaded 20 artifacts to s3://inference-gateway-demo/",
    "created endpoint config tabular",
    "model tabular exists already; it is not changed",
    "12:00:00 digit-reader/primary | loaded /tmp/x/model in 3.32 s",
    "12:00:00 tabular: in service",
    "endpoint tabular is in service",
    "endpoint       kind                  status     containers",
    "tabular        multi-model           InService  primary",
    "digits         multi-model           InService",
    "use it with: export AWS_ENDPOINT_URL=http://127.0.0.1:4599",
]
NEWS = [
    "12:00:00 tabular/primary: loaded iris-v1.tar.gz in 0.05 s",
    "12:00:00 tabular/primary: unloaded iris-v1.tar.gz",
    "12:00:00 tabular/primary: process 7 ended with code -9",
    "12:00:00 tabular/primary | Traceback (most recent call last):",
    "  File x",
    "12:00:00 mine: in service",
    "created by somebody",
]
ROUTINE = [
    "12:00:00 tabular/primary | loaded 'a1b2' in 0.01 s",
    "12:00:00 tabular/primary | unloaded 'a1b2'",
    "12:00:00 tabular/primary | 500 POST /models/a1b2/invoke: ValueError",
    "12:00:00 " + failed().partition(" ")[2],
]


class TestSageMaker:
    """Lines of the local SageMaker."""

    def test_start(self, desk):
        """What went well while it started is one line; a failure and an unknown line are shown."""
        bad = "broken         single model          Failed     primary"
        for line in [*START, "error: no disk", bad, "ready: http://127.0.0.1:1"]:
            desk.sagemaker.on_line(line)

        shown = ["error: no disk", bad, "endpoints in service: tabular, digits"]
        assert desk.printed == [f"sagemaker | {line}" for line in shown]
        assert desk.ready

    def test_training(self, desk):
        """The first start takes longer, and says why."""
        for number in (1, 2):
            desk.sagemaker.on_line(f"trained a.tar.gz ({number} of 20, 1,125 bytes)")

        (line,) = desk.printed
        assert "training the demo's 20 models" in line

    def test_news(self, desk):
        """Loads, unloads, crashes and what a user's code prints are shown; the rest is not."""
        desk.start()
        for line in [*NEWS, *ROUTINE]:
            desk.sagemaker.on_line(line)

        assert desk.printed == [f"sagemaker | {line}" for line in NEWS]

    def test_all(self):
        """With LOG=all nothing is left out."""
        desk = Desk(ALL)
        lines = [*START, *NEWS, *ROUTINE]
        for line in lines:
            desk.sagemaker.on_line(line)

        assert desk.printed == [f"sagemaker | {line}" for line in lines]

    def test_end(self, desk):
        """Its own end, which it was asked for, is no news."""
        desk.start()
        for line in ("stopping …", NEWS[1]):
            desk.sagemaker.on_line(line)
        assert desk.printed == []

    def test_failed_start(self, desk):
        """What was left out is shown if the process ends by itself."""
        for line in START:
            desk.sagemaker.on_line(line)
        desk.sagemaker.show_left_out()

        assert desk.printed == [f"sagemaker | {line}" for line in START]
