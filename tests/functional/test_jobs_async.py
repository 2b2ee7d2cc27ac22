"""Jobs of models of kind `async`, which SageMaker's own asynchronous endpoints work on."""

import json
from functools import partial

import pytest
from botocore.exceptions import ClientError

from chalicelib.aws.deadline import Deadline
from chalicelib.errors import ModelOverloaded
from chalicelib.jobs.aws_calls import aws_client
from chalicelib.jobs.store import JobStore, S3Object
from chalicelib.settings import JobsLocation
from sagemaker_local.hosting.async_queue import EXPIRED
from tests.support.command_line import gatewayctl
from tests.support.gateway import AWS, FixedTable, runtime_at, table
from tests.support.http_server import StubServer, response
from tests.support.job_desk import fetch, job_desk, moto, send
from tests.support.problems import assert_problem

TABLE = """\
version: 1
models:
  film:
    kind: async
    endpoint: films
    content_types: [video/mp4, application/json, text/csv]
    request_ttl_seconds: 600
    invocation_timeout_seconds: 60
  open-film: {kind: async, endpoint: films, expose_model_errors: true}
"""
CANARY = "c4n4ry-in-a-body"


@pytest.fixture(scope="module", name="url")
def _url():
    with moto() as url:
        yield url


@pytest.fixture(name="desk")
def _desk(url):
    desk = job_desk(url, source=FixedTable(table(TABLE)))
    desk.s3.create_bucket(Bucket="answers")
    return desk


def answer(desk, name, body, content_type="video/mp4"):
    desk.s3.put_object(Bucket="answers", Key=name, Body=body, ContentType=content_type)


def test_inline(desk):
    """A small body goes with the call; the result is SageMaker's own object."""
    accepted = desk.gateway.predict("film", b"{}")
    assert accepted.status == 202
    assert "preference-applied" not in accepted.headers
    job = accepted.json()["job"]
    assert desk.gateway.runtime.submitted == [
        {
            "EndpointName": "films",
            "ContentType": "application/json",
            "Body": b"{}",
            "RequestTTLSeconds": 600,
            "InvocationTimeoutSeconds": 60,
        }
    ]
    assert desk.status(job)["status"] == "running"

    answer(desk, "out/1.out", b"frames")

    assert fetch(desk.status(job)["result"]["url"]) == (200, b"frames", "video/mp4")
    assert desk.receive() == []


def test_explained(desk, tmp_path):
    """`gatewayctl explain` shows the call of the gateway, and that it has no answer."""
    sent = {"accept": "video/mp4", "content_type": "application/json"}
    desk.gateway.predict("film", b"{}", **sent)
    (submitted,) = desk.gateway.runtime.submitted
    (tmp_path / "routing.yaml").write_text(TABLE)
    table_option = f"--table={tmp_path / 'routing.yaml'}"
    options = ["--accept=video/mp4", "--content-type=application/json", "--format=json"]

    def explain(jobs):
        return gatewayctl(
            "explain",
            "film",
            table_option,
            *options,
            project=tmp_path,
            GATEWAY_JOBS=jobs,
        )

    with_jobs, without = explain("s3://bucket/jobs"), explain("")

    assert (with_jobs.code, with_jobs.data["refusal"]) == (0, None)
    assert {"Body": b"{}", **with_jobs.data["call"]} == submitted
    assert with_jobs.data["deadline"]["seconds"] == 10
    assert "cold_start" not in with_jobs.data
    assert (without.code, without.data["refusal"]["slug"]) == (1, "gateway-misconfigured")
    assert without.data["refusal"]["reason"] == "GATEWAY_JOBS is not set"


def test_on_the_wire(url):
    """The call is InvokeEndpointAsync, with the body, and the places come from its headers."""
    places = {
        "X-Amzn-SageMaker-OutputLocation": "s3://answers/out/1.out",
        "X-Amzn-SageMaker-FailureLocation": "s3://answers/failed/1.out",
    }
    with StubServer() as sagemaker:
        sagemaker.reply = lambda _: response(202, b'{"InferenceId": "1"}', places)
        source = FixedTable(table(TABLE))
        desk = job_desk(url, source=source, runtime=runtime_at(sagemaker.url))
        job = desk.job("film", b'{"a": 1}', accept="video/mp4;q=1")
        (request,) = sagemaker.requests

    assert request.path == "/endpoints/films/async-invocations"
    assert request.body == b'{"a": 1}'
    assert request.headers["x-amzn-sagemaker-content-type"] == "application/json"
    assert request.headers["x-amzn-sagemaker-requestttlseconds"] == "600"
    assert request.headers["x-amzn-sagemaker-invocationtimeoutseconds"] == "60"
    desk.s3.create_bucket(Bucket="answers")
    answer(desk, "out/1.out", b"frames")
    assert desk.status(job)["status"] == "succeeded"


def test_a_failure(desk):
    """SageMaker's failure object makes a failed job; its text goes nowhere."""
    job = desk.job("film")
    answer(desk, "failed/1.out", CANARY.encode())

    assert desk.status(job)["problem"]["type"] == "urn:inference-gateway:model-error"
    assert CANARY not in desk.gateway.log.text


@pytest.mark.parametrize(
    ("text", "problem", "message"),
    [
        pytest.param(
            'Received client error (400) from primary with message "bad "frame" 3". '
            "See https://eu-west-1.console.aws.amazon.com/x in account 123456789012 for more.",
            "model-rejected-input",
            'bad "frame" 3',
            id="rejected",
        ),
        pytest.param(
            f'Received server error (500) from primary with message "{"x" * 100_000}".',
            "model-error",
            None,
            id="long",
        ),
        pytest.param(
            'Received server error (0) from primary with message "Your invocation timed out".',
            "model-timeout",
            None,
            id="time-out",
        ),
        pytest.param(
            'Received server error (503) from primary with message "full \x1b[0m\xff".',
            "model-overloaded",
            "full \x1b[0m\xff",
            id="overloaded",
        ),
        pytest.param(
            "Received server error (500) from primary. See https://x in account 123456789012.",
            "model-error",
            None,
            id="no-message",
        ),
        pytest.param("Another text of SageMaker's.", "model-error", None, id="unknown"),
        pytest.param("", "model-error", None, id="empty"),
    ],
)
@pytest.mark.parametrize("model", ["film", "open-film"])
def test_the_models_message(desk, model, text, problem, message):
    """The container's status says which problem it is; its message needs the option."""
    job = desk.job(model)
    answer(desk, "failed/1.out", text.encode())

    failed = desk.status(job)["problem"]

    assert failed["type"] == f"urn:inference-gateway:{problem}"
    assert failed.get("model_message") == (message if model == "open-film" else None)
    assert "123456789012" not in json.dumps(failed)
    assert not text or text[-20:] not in desk.gateway.log.text


def test_a_request_that_waited_too_long(desk):
    """Its failure object is one that says nothing of the model, so neither does the problem."""
    job = desk.job("film")
    answer(desk, "failed/1.out", EXPIRED.encode())

    detail = desk.status(job)["problem"]["detail"]

    assert "waited too long" in detail
    assert "most likely fail again" not in detail


def test_a_message_that_cannot_be_read(desk):
    """A failure object that the gateway may not read still ends the job."""
    job = desk.job("open-film")
    answer(desk, "failed/1.out", b"x")
    refusal = {"Error": {"Code": "AccessDenied"}, "ResponseMetadata": {"HTTPStatusCode": 403}}
    desk.faults.next["GetObject"] = [None, None, ClientError(refusal, "GetObject")]

    assert desk.status(job)["problem"]["type"] == "urn:inference-gateway:model-error"


def test_an_answer_in_another_region(url):
    """S3 says where the bucket of the answer is; the URL is signed for that Region."""
    elsewhere = {"x-amz-bucket-region": "eu-west-1"}
    with StubServer() as s3:
        s3.reply = lambda request: (
            response(200, b"", {"Last-Modified": "Sun, 29 Nov 2026 10:00:00 GMT"})
            if "/eu-west-1/s3/" in request.headers["authorization"]
            else response(301, b"", elsewhere)
        )
        store = JobStore(
            JobsLocation("jobs", "dev"), partial(aws_client, endpoint_url=s3.url, **AWS)
        )
        with Deadline.after(10).in_force():
            found = store.find_anywhere(S3Object("answers", "out/1.out"))
        assert found is not None

        assert "%2Feu-west-1%2Fs3%2F" in store.url_to_get(found.place)
        assert "%2Fus-east-1%2Fs3%2F" in store.url_to_get(store.place("x"))


def test_an_answer_that_never_comes(desk):
    """After TTL and time-out the job is lost, and a later object changes nothing."""
    job = desk.job("film")
    desk.now[0] += 600 + 60 + 899
    assert desk.status(job)["status"] == "running"
    desk.now[0] += 2

    assert desk.status(job)["problem"]["type"] == "urn:inference-gateway:job-lost"
    answer(desk, "out/1.out", b"late")
    assert desk.status(job)["status"] == "failed"


def test_sagemaker_away(desk):
    """A request that SageMaker does not take is no job; the same one later is."""
    desk.gateway.runtime.error = ModelOverloaded()
    assert_problem(desk.submit("film", idempotency_key="k"), 503, "model-overloaded")
    desk.gateway.runtime.error = None

    desk.job("film", idempotency_key="k")
    assert len(desk.gateway.runtime.submitted) == 1


def test_sagemaker_away_for_long(desk):
    """A job's time begins when SageMaker takes it, not when it was first asked for."""
    desk.gateway.runtime.error = ModelOverloaded()
    assert desk.submit("film", idempotency_key="k").status == 503
    desk.gateway.runtime.error = None
    desk.now[0] += 86_400

    job = desk.job("film", idempotency_key="k")

    assert desk.status(job)["status"] == "running"
    desk.now[0] += 600 + 60 + 901
    assert desk.status(job)["problem"]["type"] == "urn:inference-gateway:job-lost"


def test_an_upload(desk):
    """An upload is what SageMaker reads; a caller's own place never is."""
    asked = json.dumps({"model": "film", "content_type": "video/mp4", "bytes": 3}).encode()
    upload = desk.gateway.post("/uploads", asked).json()
    send(upload, b"mp4")

    headers = {"x_amzn_sagemaker_inputlocation": "s3://of-the-caller/x"}
    desk.job("film", b"", x_upload=upload["upload"], **headers)

    (arguments,) = desk.gateway.runtime.submitted
    assert arguments["ContentType"] == "video/mp4"
    assert arguments["InputLocation"].endswith(f"/{upload['upload']}")
    assert arguments["InputLocation"].startswith("s3://jobs/stage/dev/bodies/")
