"""Jobs at the gateway's door: what a caller sends, and what becomes of it."""

import json
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import pytest
from botocore.exceptions import ClientError, EndpointConnectionError

from chalicelib.errors import ModelFailed, ModelOverloaded
from chalicelib.jobs.job import KEPT_SECONDS
from chalicelib.jobs.worker import JobNotDone
from chalicelib.routing.headers import PASSED
from chalicelib.routing.table import RoutingTable
from chalicelib.sagemaker.answers import InferenceResponse
from tests.support.emf import MetricsLog
from tests.support.events import LambdaContext
from tests.support.gateway import (
    FixedTable,
    build_gateway,
    echo,
    table,
)
from tests.support.job_desk import BUCKET, DEAD, PREFIX, QUEUE, fetch, job_desk, moto, send
from tests.support.problems import assert_problem

TABLE = """\
version: 1
models:
  churn: {kind: single, endpoint: churn, content_types: [application/json, text/csv]}
  iris: {kind: mme, endpoint: tabular, target_model: iris.tar.gz, job_seconds: 600}
  patient:
    kind: single
    endpoint: patient
    timeout_seconds: 2
    content_types: [application/json, text/csv]
  film:
    kind: async
    endpoint: films
    content_types: [video/mp4, application/json, text/csv]
    request_ttl_seconds: 600
    invocation_timeout_seconds: 60
"""
AWAY = EndpointConnectionError(endpoint_url="https://nowhere")
CANARY = "c4n4ry-in-a-body"
MANY = 100
HEADERS_OF_CONFLICT = ("Accept", "X-Routing-Key", "X-Amzn-SageMaker")
NESTED = b"[" * 100_000


@pytest.fixture(scope="module", name="url")
def _url():
    with moto() as url:
        yield url


@pytest.fixture(name="desk")
def _desk(url):
    return job_desk(url, source=FixedTable(table(TABLE)))


class Killed(BaseException):
    """Ends a worker in the middle of its work, as a kill does."""


def killed(target, request):
    raise Killed


@dataclass
class ChangingTable:
    """A source whose table a test replaces."""

    value: RoutingTable

    def table(self):
        return self.value

    def stale_seconds(self):
        """It is never stale."""


class TestPreference:
    def test_a_prediction_becomes_a_job(self, desk):
        """`Prefer: respond-async` gets 202, and the same answer later."""
        accepted = desk.submit("churn", b'{"a": 1}')

        assert accepted.status == 202
        document = accepted.json()
        job = document["job"]
        assert document == {
            "job": job,
            "status": "running",
            "model": "churn",
            "expires": document["expires"],
        }
        assert accepted.headers["location"] == f"/api/jobs/{job}"
        assert accepted.headers["preference-applied"] == "respond-async"
        assert accepted.headers["retry-after"] == "1"
        assert desk.status(job)["status"] == "running"

        assert desk.drain() == 1

        done = desk.status(job)
        assert done["status"] == "succeeded"
        assert done["result"]["content_type"] == "application/json"
        assert done["result"]["bytes"] == 8
        assert fetch(done["result"]["url"]) == (200, b'{"a": 1}', "application/json")

    @pytest.mark.parametrize(
        "prefer",
        [
            "respond-async",
            "Respond-Async",
            "return=minimal, respond-async; wait=10",
            'x="a, b;c", respond-async',
            "wait=5,respond-async",
            'respond-async=""',
        ],
    )
    def test_forms_of_the_preference(self, desk, prefer):
        """The preference is found among others, as RFC 7240 writes them."""
        assert desk.gateway.predict("churn", prefer=prefer).status == 202

    @pytest.mark.parametrize(
        "prefer",
        ["", "return=minimal", 'x="respond-async"', "x; respond-async", 'y="a, respond-async"'],
    )
    def test_other_preferences_are_ignored(self, desk, prefer):
        """What does not ask for a job is a prediction."""
        assert desk.gateway.predict("churn", prefer=prefer).status == 200

    def test_several_lines(self, desk):
        """The preference may stand in any of several `Prefer` headers."""
        lines = [
            ("Content-Type", "application/json"),
            ("Prefer", "respond-async"),
            ("Prefer", "return=minimal"),
        ]
        assert desk.gateway.post("/predict/churn", b"{}", lines).status == 202

    def test_without_jobs(self):
        """A gateway without jobs ignores the preference, and has none of the routes."""
        gateway = build_gateway()

        assert gateway.predict("churn", prefer="respond-async").status == 200
        assert "/jobs/{job}" not in gateway.app.routes
        assert "work" not in gateway.app.handler_map

    def test_async_kind_without_jobs(self):
        """A model of kind `async` needs the setting."""
        gateway = build_gateway(source=FixedTable(table(TABLE)))

        assert_problem(gateway.predict("film"), 500, "gateway-misconfigured")
        assert gateway.log.requests[-1]["reason"] == "GATEWAY_JOBS is not set"


@pytest.mark.parametrize(
    ("path", "body", "headers", "refusal"),
    [
        pytest.param("nothing", b"{}", {}, "404 unknown-model", id="name"),
        pytest.param("churn", b"{", {}, "400 invalid-json", id="json"),
        pytest.param("churn", b"{}", {"accept": "image/png"}, "406 not-acceptable", id="accept"),
        pytest.param(
            "churn", b"x", {"content_type": "a/b"}, "415 unsupported-media-type", id="type"
        ),
        pytest.param(
            "churn", b"{}", {"idempotency_key": "k" * 65}, "400 invalid-header", id="long-key"
        ),
        pytest.param("churn", b"{}", {"idempotency_key": "é"}, "400 invalid-header", id="odd-key"),
        pytest.param("churn", b"{}", {"x_upload": "0" * 32}, "400 invalid-header", id="two-bodies"),
        pytest.param("churn", b"", {"x_upload": "../x"}, "404 unknown-upload", id="odd-upload"),
        pytest.param("churn", b"", {"x_upload": "0" * 32}, "404 unknown-upload", id="no-upload"),
    ],
)
def test_refusals(desk, path, body, headers, refusal):
    """A request that cannot be a prediction is no job, and leaves nothing in bucket and queue."""
    status, slug = refusal.split()
    assert_problem(desk.submit(path, body, **headers), int(status), slug)

    assert desk.keys() == []
    assert desk.receive() == []


class TestFailures:
    def test_a_failed_job_says_why(self, desk):
        """A failed job has the problem that the request would have had."""
        desk.gateway.runtime.error = ModelFailed(500)
        job = desk.job("churn")

        desk.drain()

        failed = desk.status(job)
        assert failed["status"] == "failed"
        assert failed["problem"]["type"] == "urn:inference-gateway:model-error"
        assert failed["problem"]["instance"] == desk.gateway.log.requests[0]["request_id"]

    def test_not_now_is_tried_again(self, desk):
        """After a 503 the message comes again; after the third try the job has failed."""
        desk.gateway.runtime.error = ModelOverloaded()
        job = desk.job("churn")

        assert desk.drain() == 3

        assert desk.status(job)["problem"]["type"] == "urn:inference-gateway:model-overloaded"
        assert len(desk.gateway.runtime.calls) == 3

    def test_a_job_has_its_own_time(self, desk):
        """A job has `job_seconds`, whatever `timeout_seconds` and the caller's own limit are."""
        desk.job("patient", x_request_timeout_ms="50")
        desk.job("iris")

        desk.drain()

        short, long = sorted(call.seconds for call in desk.gateway.runtime.calls)
        assert 250 < short < 300
        assert 550 < long < 600

    def test_a_worker_that_is_killed_every_time(self, desk):
        """After three deliveries without an end, the fourth ends the job as lost."""
        job = desk.job("churn")
        for _ in range(3):
            (record,) = desk.receive()  # the worker dies, and the message becomes visible again
            desk.sqs.change_message_visibility(
                QueueUrl=desk.urls[QUEUE],
                ReceiptHandle=record["receiptHandle"],
                VisibilityTimeout=0,
            )

        assert desk.drain() == 1

        assert desk.status(job)["problem"]["type"] == "urn:inference-gateway:job-lost"
        assert desk.gateway.runtime.calls == []

    @pytest.mark.parametrize(
        ("path", "remaining_ms", "hidden_seconds"),
        [("churn", 900_000, 360), ("iris", 900_000, 660), ("iris", 120_000, 150)],
    )
    def test_a_worker_that_is_killed(self, desk, path, remaining_ms, hidden_seconds):
        """The job is tried again when the try's own time is over, or Lambda's, and a little."""
        job = desk.job(path, b"[1]")
        desk.gateway.runtime.answer = killed
        (record,) = desk.receive()
        with pytest.raises(Killed):
            desk.gateway.app.handler_map["work"](
                {"Records": [record]}, LambdaContext(remaining_ms=remaining_ms)
            )
        desk.gateway.runtime.answer = echo

        desk.pass_time(hidden_seconds - 10)
        assert desk.receive() == []
        desk.pass_time(20)
        assert desk.drain() == 1
        assert fetch(desk.status(job)["result"]["url"])[1] == b"[1]"

    @pytest.mark.parametrize("hide_at_begin", [None, AWAY])
    def test_a_postponed_job_keeps_its_pause(self, desk, hide_at_begin):
        """After a 503 the message comes again after the pause, not after the time of a try."""
        desk.job("churn")
        desk.gateway.runtime.error = ModelOverloaded()
        desk.faults.next["ChangeMessageVisibility"] = [hide_at_begin]
        for pause in (30, 60):
            (record,) = desk.receive()
            with pytest.raises(JobNotDone):
                desk.gateway.app.handler_map["work"]({"Records": [record]}, LambdaContext())

            desk.pass_time(pause - 10)
            assert desk.receive() == []
            desk.pass_time(20)
        assert len(desk.receive()) == 1

    def test_a_message_that_comes_again_too_early(self, desk):
        """A first worker that is slower than its time: its end counts, and both messages go."""
        job = desk.job("churn", b"[1]")
        (record,) = desk.receive()

        def answer(target, request):
            desk.gateway.runtime.answer = echo
            desk.pass_time(7200)
            (again,) = desk.receive()
            assert desk.work(again)
            return InferenceResponse(b"late", "text/plain")

        desk.gateway.runtime.answer = answer
        assert desk.work(record)

        assert fetch(desk.status(job)["result"]["url"])[1] == b"[1]"
        desk.pass_time(7200)
        assert desk.receive() == desk.receive(DEAD) == []

    @pytest.mark.parametrize("text", ["[" * 100_000, '{"owner": %s}' % ("1" * 5000)])
    def test_a_message_that_python_cannot_read(self, desk, text):
        """Python refuses some JSON for its depth or its numbers: such a message starts no job."""
        desk.sqs.send_message(QueueUrl=desk.urls[QUEUE], MessageBody=text)

        assert desk.drain() == 4
        assert [one["body"] for one in desk.receive(DEAD)] == [text]

    @pytest.mark.parametrize("place", [0, 1])
    def test_a_message_that_starts_no_job_among_others(self, desk, place):
        """If somebody has given the event source a larger batch, the others' jobs are done."""
        job = desk.job("churn")
        (record,) = desk.receive()
        records = [record]
        records.insert(place, {**record, "body": CANARY})

        with pytest.raises(JobNotDone):
            desk.gateway.app.handler_map["work"]({"Records": records}, LambdaContext())
        assert desk.status(job)["status"] == "succeeded"

    def test_a_message_for_an_asynchronous_job(self, desk):
        """SageMaker ends such a job. A message for it changes nothing, and is noticed."""
        job = desk.job("film")
        keys = desk.keys()
        (key,) = [key for key in keys if key.endswith(f"{job}.json")]
        message = {"owner": key.split("/")[1], "job": job}
        desk.sqs.send_message(QueueUrl=desk.urls[QUEUE], MessageBody=json.dumps(message))

        desk.drain()

        assert desk.gateway.runtime.calls == []
        assert desk.status(job)["status"] == "running"
        assert len(desk.receive(DEAD)) == 1

    def test_a_model_that_becomes_asynchronous(self, url):
        """If the model becomes one of kind `async` before its job runs, the job is lost at once."""
        source = ChangingTable(table(TABLE.replace("  iris:", "  changed:")))
        desk = job_desk(url, source=source)
        job = desk.job("changed")
        source.value = table(TABLE.replace("  film:", "  changed:"))

        assert desk.drain() == 1

        assert desk.gateway.runtime.calls == desk.gateway.runtime.submitted == []
        assert desk.status(job)["problem"]["type"] == "urn:inference-gateway:job-lost"

    @pytest.mark.parametrize(("tries", "end"), [(2, "succeeded"), (3, "failed")])
    def test_a_body_that_is_refused(self, desk, tries, end):
        """A body that S3 refuses, as with a policy that was just changed, is asked for again."""
        job = desk.job("churn")
        refusal = {"Error": {"Code": "AccessDenied"}, "ResponseMetadata": {"HTTPStatusCode": 403}}
        desk.faults.next["GetObject"] = [None, ClientError(refusal, "GetObject")] * tries

        assert desk.drain() == 3

        status = desk.status(job)
        assert status["status"] == end
        if end == "failed":
            assert status["problem"]["type"] == "urn:inference-gateway:gateway-misconfigured"

    def test_the_same_message_twice(self, desk):
        """Two deliveries of one message, one after the other: the model runs once."""
        job = desk.job("churn")
        (record,) = desk.receive()

        assert desk.work(record)
        assert desk.work(record)

        assert len(desk.gateway.runtime.calls) == 1
        assert desk.status(job)["status"] == "succeeded"

    def test_two_workers_at_once(self, desk):
        """Two workers on one message: the first result stays."""
        job = desk.job("churn")
        (record,) = desk.receive()
        answers = iter([b"second", b"first"])

        def answer(target, request):
            mine = next(answers)
            if mine == b"second":
                desk.work(record)
            return InferenceResponse(mine, "text/plain")

        desk.gateway.runtime.answer = answer
        desk.work(record)

        assert fetch(desk.status(job)["result"]["url"]) == (200, b"first", "text/plain")
        assert [line["outcome"] for line in desk.gateway.log.lines if line["message"] == "job"] == [
            "succeeded",
            "ended before",
        ]

    def test_a_job_that_nothing_works_on(self, desk):
        """A job whose message the queue has dropped is lost, and stays so."""
        job = desk.job("churn")
        desk.now[0] += 4 * 86_400 + 7 * 3600

        assert desk.status(job)["problem"]["type"] == "urn:inference-gateway:job-lost"
        desk.drain()
        assert desk.status(job)["status"] == "failed"


class TestDamage:
    """Objects of the bucket that are not as the gateway wrote them: clear ends, and no bug."""

    def damage(self, desk, job, end, body, **settings):
        keys = desk.keys()
        (document,) = [key for key in keys if key.endswith(f"{job}.json")]
        key = f"{PREFIX}/{document.removesuffix('.json')}{end}"
        desk.s3.put_object(Bucket=BUCKET, Key=key, Body=body, **settings)

    @pytest.mark.parametrize("body", [b"", b"no JSON", b"[]", b"{}", b"\xff", NESTED])
    def test_the_document(self, desk, body):
        """Nobody can be told of such a job, and its message is noticed in the dead-letter queue."""
        job = desk.job("churn", idempotency_key="k")
        self.damage(desk, job, ".json", body)

        assert_problem(desk.gateway.get(f"/jobs/{job}"), 500, "gateway-misconfigured")
        assert_problem(desk.submit("churn", idempotency_key="k"), 500, "gateway-misconfigured")
        desk.drain()
        assert len(desk.receive(DEAD)) == 1
        assert "bug" not in [line["message"] for line in desk.gateway.log.lines]

    @pytest.mark.parametrize(
        "member", ["owner", "path", "created", "expires", "lost_after", "body"]
    )
    def test_a_member_of_the_document(self, desk, member):
        """A document whose members are of other kinds is as damaged as one that lacks them."""
        job = desk.job("churn", idempotency_key="k")
        keys = desk.keys()
        (key,) = [key for key in keys if key.endswith(f"{job}.json")]
        document = json.loads(
            desk.s3.get_object(Bucket=BUCKET, Key=f"{PREFIX}/{key}")["Body"].read()
        )
        self.damage(desk, job, ".json", json.dumps({**document, member: ["x"]}))

        assert_problem(desk.gateway.get(f"/jobs/{job}"), 500, "gateway-misconfigured")
        assert_problem(desk.submit("churn", idempotency_key="k"), 500, "gateway-misconfigured")
        desk.drain()
        assert len(desk.receive(DEAD)) == 1
        assert "bug" not in [line["message"] for line in desk.gateway.log.lines]

    def test_the_body(self, desk):
        """A job without its body is lost; its caller, who had no upload, is not told of one."""
        job = desk.job("churn")
        keys = desk.keys()
        (key,) = [key for key in keys if key.startswith("bodies/")]
        desk.s3.delete_object(Bucket=BUCKET, Key=f"{PREFIX}/{key}")

        assert desk.drain() == 1
        assert desk.status(job)["problem"]["type"] == "urn:inference-gateway:job-lost"

    @pytest.mark.parametrize(
        "body", [b"", b"no JSON", b"[]", b"{}", b'{"output": 1}', b"\xff", NESTED]
    )
    def test_the_mark_of_an_asynchronous_job(self, desk, body):
        """Nobody knows where the answer will be: the job is lost when its time is over."""
        job = desk.job("film")
        self.damage(desk, job, ".sent.json", body)

        assert desk.status(job)["status"] == "running"
        desk.now[0] += 600 + 60 + 901
        assert desk.status(job)["problem"]["type"] == "urn:inference-gateway:job-lost"

    @pytest.mark.parametrize("body", [b"", b"no JSON", b"[]", b"{}", NESTED])
    @pytest.mark.parametrize("metadata", [{}, {"status": "failed"}, {"status": "odd"}])
    def test_the_result(self, desk, metadata, body):
        """Without the gateway's own words on how a job ended, nobody knows it."""
        job = desk.job("churn")
        self.damage(desk, job, ".result", body, Metadata=metadata)

        assert desk.status(job)["problem"]["type"] == "urn:inference-gateway:job-lost"

    @pytest.mark.parametrize("operation", ["GetObject", "PutObject"])
    def test_no_bucket(self, desk, operation):
        """A bucket that was deleted is not a job that never was."""
        job = desk.job("churn")
        missing = {"Error": {"Code": "NoSuchBucket"}, "ResponseMetadata": {"HTTPStatusCode": 404}}
        desk.faults.next[operation] = [ClientError(missing, operation)]
        ask = {"GetObject": lambda: desk.gateway.get(f"/jobs/{job}")}

        answer = ask.get(operation, lambda: desk.submit("churn"))()
        assert_problem(answer, 500, "gateway-misconfigured")


def test_ids_that_are_no_jobs(desk):
    """A guessed, a malformed and an expired id get the same words."""
    expired = desk.job("churn")
    desk.now[0] += KEPT_SECONDS
    problems = [
        assert_problem(desk.gateway.get(f"/jobs/{job}"), 404, "unknown-job")
        for job in ("0" * 32, "x", "%2e%2e", expired)
    ]

    assert len({one["detail"] for one in problems}) == 1


class TestIdempotencyKey:
    def test_the_same_request_twice(self, desk):
        """The second request gets the first one's job; nothing is sent again."""
        first = desk.job("churn", idempotency_key="order 1")

        assert desk.job("churn", idempotency_key="order 1") == first
        assert desk.job("churn", idempotency_key="order 2") != first
        assert len(desk.receive()) == 2

    @pytest.mark.parametrize(
        ("path", "body", "content_type"),
        [
            ("churn", b"[]", "application/json"),
            ("churn", b"{}", "text/csv"),
            ("iris", b"{}", "application/json"),
        ],
    )
    def test_another_request(self, desk, path, body, content_type):
        """Another body, type or model under one key is a conflict."""
        desk.job("churn", idempotency_key="k")

        again = desk.submit(path, body, idempotency_key="k", content_type=content_type)
        assert_problem(again, 409, "idempotency-conflict")

    @pytest.mark.parametrize(
        "header",
        ["Accept", "X-Routing-Key", *(passed.name for passed in PASSED.values())],
    )
    def test_another_header(self, desk, header):
        """Another value of a header that may reach the model is a conflict that names it."""
        name = header.lower().replace("-", "_")
        desk.job("churn", idempotency_key="k", **{name: "application/json"})

        again = desk.submit("churn", idempotency_key="k")
        detail = assert_problem(again, 409, "idempotency-conflict")["detail"]
        assert any(word in header and word in detail for word in HEADERS_OF_CONFLICT)

    @pytest.mark.parametrize("kinds", [("film", "iris"), ("iris", "film")])
    def test_another_kind(self, url, kinds):
        """If the model has become one of the other kind before its job was sent: a conflict."""
        before, after = (table(TABLE.replace(f"  {kind}:", "  changed:")) for kind in kinds)
        source = ChangingTable(before)
        desk = job_desk(url, source=source)
        desk.gateway.runtime.error = ModelOverloaded()
        desk.faults.next["SendMessage"] = [AWAY]
        assert desk.submit("changed", idempotency_key="k").status == 503
        desk.gateway.runtime.error = None
        source.value = after

        again = desk.submit("changed", idempotency_key="k")

        assert_problem(again, 409, "idempotency-conflict")
        assert desk.gateway.runtime.submitted == desk.receive() == []

    @pytest.mark.parametrize("path", ["churn", "film"])
    def test_twenty_threads_after_one_that_failed(self, desk, path):
        """Of twenty requests that find a job unsent, few send it: each waits its own time."""
        desk.gateway.runtime.error = ModelOverloaded()
        desk.faults.next["SendMessage"] = [AWAY]
        assert desk.submit(path, idempotency_key="raced").status == 503
        desk.gateway.runtime.error = None
        with ThreadPoolExecutor(20) as pool:
            jobs = set(pool.map(lambda _: desk.job(path, idempotency_key="raced"), range(20)))

        assert len(jobs) == 1
        assert 1 <= len(desk.gateway.runtime.submitted) + desk.drain() < 10


def test_a_key_that_throttles(desk):
    """A queue whose KMS key throttles is away for a moment, and not misconfigured."""
    throttled = {
        "Error": {"Code": "KMS.ThrottlingException"},
        "ResponseMetadata": {"HTTPStatusCode": 400},
    }
    desk.faults.next["SendMessage"] = [ClientError(throttled, "SendMessage")]

    assert_problem(desk.submit("churn"), 503, "jobs-unavailable")


@pytest.mark.parametrize(("code", "status"), [("AccessDenied", 403), ("NoSuchBucket", 404)])
def test_a_mark_that_is_refused(desk, code, status):
    """A caller whose job was sent has it, although S3 then refuses the mark."""
    refusal = {"Error": {"Code": code}, "ResponseMetadata": {"HTTPStatusCode": status}}
    desk.faults.next["PutObject"] = [None, None, ClientError(refusal, "PutObject")]

    job = desk.job("churn", idempotency_key="k")

    desk.drain()
    assert desk.status(job)["status"] == "succeeded"


class TestUploads:
    def upload(self, desk, model="churn", size=3, content_type="text/csv"):
        asked = json.dumps({"model": model, "content_type": content_type, "bytes": size})
        return desk.gateway.post("/uploads", asked.encode())

    def test_an_upload_becomes_a_job(self, desk):
        """The upload is the body of the prediction, in its own type, once."""
        answer = self.upload(desk)
        assert answer.status == 201
        upload = answer.json()
        assert upload["method"] == "PUT"
        assert upload["headers"] == {"Content-Type": "text/csv", "If-None-Match": "*"}
        assert send(upload, b"1,2") == 200

        job = desk.job("churn", b"", x_upload=upload["upload"])
        desk.drain()

        assert desk.gateway.call.request.body == b"1,2"
        assert desk.gateway.call.request.content_type == "text/csv"
        assert fetch(desk.status(job)["result"]["url"]) == (200, b"1,2", "text/csv")

    def test_signed_headers(self, desk):
        """Size, type and the condition are parts of the signature."""
        url = self.upload(desk).json()["url"]

        assert "X-Amz-SignedHeaders=content-length%3Bcontent-type%3Bhost%3Bif-none-match" in url

    @pytest.mark.parametrize("key", [{}, {"idempotency_key": "k"}])
    def test_one_job(self, desk, key):
        """An equal request gets the same job, with and without a key; any other one gets none."""
        upload = self.upload(desk).json()
        send(upload, b"1,2")
        asked = {"x_upload": upload["upload"], **key}

        first = desk.job("churn", b"", **asked)
        assert desk.job("churn", b"", **asked) == first
        assert desk.drain() == 1

        others = [("patient", {}), ("churn", {"idempotency_key": "other"})]
        if key:
            others.append(("churn", {}))
        for path, other in others:
            refused = desk.submit(path, b"", x_upload=upload["upload"], **other)
            assert_problem(refused, 404, "unknown-upload")

    @pytest.mark.parametrize("key", [{}, {"idempotency_key": "k"}])
    @pytest.mark.parametrize(
        ("operation", "step"), [("PutObject", 0), ("PutObject", 1), ("SendMessage", 0)]
    )
    def test_a_request_that_failed(self, desk, operation, step, key):
        """After a fault at any step, the same request gets a job that runs once."""
        upload = self.upload(desk).json()
        send(upload, b"1,2")
        asked = {"x_upload": upload["upload"], **key}
        desk.faults.next[operation] = [*[None] * step, AWAY]

        assert_problem(desk.submit("churn", b"", **asked), 503, "jobs-unavailable")

        job = desk.job("churn", b"", **asked)
        assert desk.drain() == 1
        assert fetch(desk.status(job)["result"]["url"])[1] == b"1,2"

    def test_another_request_after_one_that_failed(self, desk):
        """An upload whose request left no job can be used for another model."""
        upload = self.upload(desk).json()
        send(upload, b"1,2")
        desk.faults.next["PutObject"] = [None, AWAY]
        desk.submit("churn", b"", x_upload=upload["upload"])

        job = desk.job("film", b"", x_upload=upload["upload"])
        assert desk.status(job)["model"] == "film"

    def test_twenty_threads(self, desk):
        """Twenty equal requests with one upload at the same time make one job."""
        upload = self.upload(desk).json()
        send(upload, b"1,2")
        with ThreadPoolExecutor(20) as pool:
            jobs = list(
                pool.map(lambda _: desk.job("churn", b"", x_upload=upload["upload"]), range(20))
            )

        assert len(set(jobs)) == 1
        assert desk.drain() == 1

    def test_no_bucket(self, desk):
        """If the bucket was deleted, nobody is told that there is no such upload."""
        desk.s3.delete_bucket(Bucket=BUCKET)

        refused = desk.submit("churn", b"", x_upload="0" * 32)
        assert_problem(refused, 500, "gateway-misconfigured")

    def test_an_old_upload(self, desk):
        """An upload is not kept for longer than a day."""
        upload = self.upload(desk).json()
        send(upload, b"1,2")
        desk.now[0] += 86_500

        assert_problem(desk.submit("churn", b"", x_upload=upload["upload"]), 404, "unknown-upload")

    @pytest.mark.parametrize("key", [{}, {"idempotency_key": "k"}])
    def test_an_old_upload_of_a_job(self, desk, key):
        """The same request gets its job for as long as the job is kept, not for a day alone."""
        upload = self.upload(desk).json()
        send(upload, b"1,2")
        asked = {"x_upload": upload["upload"], **key}
        job = desk.job("churn", b"", **asked)
        desk.now[0] += KEPT_SECONDS - 10

        assert desk.job("churn", b"", **asked) == job
        assert desk.drain() == 1

    @pytest.mark.parametrize(
        ("asked", "status", "slug"),
        [
            ({"model": "nothing"}, 404, "unknown-model"),
            ({"model": 1}, 400, "invalid-parameter"),
            ({"content_type": "image/png"}, 415, "unsupported-media-type"),
            ({"content_type": None}, 400, "invalid-parameter"),
            ({"size": 0}, 400, "invalid-parameter"),
            ({"size": "3"}, 400, "invalid-parameter"),
            ({"size": 3.0}, 400, "invalid-parameter"),
            ({"size": -1}, 400, "invalid-parameter"),
            ({"size": 25_000_001}, 413, "payload-too-large"),
            (
                {"model": "film", "content_type": "video/mp4", "size": 10**9 + 1},
                413,
                "payload-too-large",
            ),
        ],
    )
    def test_refusals(self, desk, asked, status, slug):
        """An upload that no job of its model could have is refused, as a prediction would be."""
        assert_problem(self.upload(desk, **asked), status, slug)

    def test_a_number_that_python_cannot_read(self, desk):
        """JSON's numbers may have thousands of digits; this one is too large."""
        asked = '{"model": "churn", "content_type": "text/csv", "bytes": %s}' % ("1" * 5000)

        assert_problem(desk.gateway.post("/uploads", asked.encode()), 413, "payload-too-large")

    def test_a_body_in_the_wrong_place(self, desk):
        """Who sends the body itself to `/uploads` is told that it is too large."""
        refused = desk.gateway.post("/uploads", b" " * 4_600_001)

        assert_problem(refused, 413, "payload-too-large")

    @pytest.mark.parametrize(("size", "named"), [("3", "'\"3\"'"), (None, "'null'")])
    def test_what_is_wrong(self, desk, size, named):
        """A value is named as it was sent, so a number in quotes does not look like a number."""
        problem = assert_problem(self.upload(desk, size=size), 400, "invalid-parameter")
        assert problem["detail"].startswith(f"The parameter bytes is {named}; it must be")

    def test_what_is_missing(self, desk):
        """A member that was not sent is called missing, which null is not."""
        for body in (b"[]", b'{"content_type": "text/csv", "bytes": 3}'):
            problem = assert_problem(desk.gateway.post("/uploads", body), 400, "invalid-parameter")
            assert problem["detail"].startswith("The parameter model is missing; it must be")

    def test_without_a_preference(self, desk):
        """A prediction that is answered at once has its body in the request."""
        problem = assert_problem(
            desk.gateway.predict("churn", b"", x_upload="0" * 32), 400, "invalid-header"
        )
        assert "Prefer: respond-async" in problem["detail"]

    @pytest.mark.parametrize("prefer", ["", "respond-async"])
    def test_a_body_that_is_too_large(self, desk, prefer):
        """The refusal names the way for a larger body, and its limit."""
        refused = desk.gateway.predict("churn", b" " * 4_600_001, prefer=prefer)

        problem = assert_problem(refused, 413, "payload-too-large")
        assert "POST /uploads takes one of up to 25,000,000 bytes" in problem["detail"]


def test_log_and_metrics(desk):
    """The lines of both functions have the job, and no body."""
    body = json.dumps(CANARY).encode()
    job = desk.job("churn", body)
    desk.drain()
    desk.status(job)

    lines = [line for line in desk.gateway.log.lines if line["message"] in {"request", "job"}]
    assert [line["job"] for line in lines] == [job] * 3
    assert [line["message"] for line in lines] == ["request", "job", "request"]
    assert lines[0]["request_id"] == lines[1]["request_id"]
    assert lines[1]["outcome"] == "succeeded"
    assert CANARY not in desk.gateway.log.text


def test_a_worker_whose_clock_is_behind(url):
    """A job that ended before it began, by the worker's clock, took next to no time."""
    log = MetricsLog()
    desk = job_desk(url, source=FixedTable(table(TABLE)), log=log)
    desk.job("churn")
    desk.now[0] -= 600
    desk.drain()

    (line,) = [line for line in log.lines if line["message"] == "job"]
    assert line["seconds"] == 0
    assert log.sums(model="churn")["JobSeconds"] == 0.001


def test_metrics_of_ended_jobs(url):
    """Each job that has ended has a time; only those that failed count as failed."""
    log = MetricsLog()
    desk = job_desk(url, source=FixedTable(table(TABLE)), log=log)
    desk.job("churn")
    desk.drain()
    assert "JobsFailed" not in log.sums(model="churn")

    desk.gateway.runtime.error = ModelFailed(500)
    desk.job("churn")
    desk.drain()
    assert log.sums(model="churn")["JobsFailed"] == 1
