"""Jobs and those who may not see them: other callers, the log, and AWS."""

import json

import pytest
from botocore.exceptions import EndpointConnectionError

from chalicelib.auth.credentials import Identity
from chalicelib.errors import ModelFailed
from tests.support.canary import CANARY
from tests.support.gateway import FakeScheme, FixedTable, table
from tests.support.job_desk import BUCKET, PREFIX, job_desk, moto, send
from tests.support.problems import assert_problem

TABLE = """\
version: 1
models:
  churn: {kind: single, endpoint: churn, content_types: [application/json, text/csv]}
  house/{city}:
    kind: mme
    endpoint: housing
    target_model: "{city}.tar.gz"
    parameters: {city: {one_of: [houston, austin]}}
  film:
    kind: async
    endpoint: films
    content_types: [application/json, text/csv]
    pass_headers: [custom-attributes]
  trailer: {kind: async, endpoint: films}
"""
CALLERS = {
    "all": Identity("all", ("*",), None, "aaaaaaaa"),
    "one": Identity("one", ("house/houston", "film"), None, "bbbbbbbb"),
    "two": Identity("one", ("house/austin",), None, "cccccccc"),
    "jwt": Identity("one", ("*",), None),
}
AWAY = EndpointConnectionError(endpoint_url="https://nowhere")


@pytest.fixture(scope="module", name="url")
def _url():
    with moto() as url:
        yield url


@pytest.fixture(name="desk")
def _desk(url):
    source, scheme = FixedTable(table(TABLE)), FakeScheme(CALLERS)
    desk = job_desk(url, source=source, scheme=scheme)
    desk.s3.create_bucket(Bucket="answers")
    return desk


def of(caller):
    return {"authorization": f"Bearer {caller}"}


def show(desk, caller, job):
    headers = {"Authorization": f"Bearer {caller}"}
    return desk.gateway.client.send("GET", f"/jobs/{job}", headers)


def start_upload(desk, caller, model, **asked):
    document = {"model": model, "content_type": "text/csv", "bytes": 3, **asked}
    headers = {"Authorization": f"Bearer {caller}", "Content-Type": "application/json"}
    return desk.gateway.post("/uploads", json.dumps(document).encode(), headers)


class TestGrants:
    """A grant is for a path with its parameters: for jobs and uploads as for predictions."""

    @pytest.mark.parametrize("path", ["house/austin", "trailer", "churn"])
    def test_a_job(self, desk, path):
        """A job of a path without a grant is refused, and leaves nothing."""
        refused = desk.submit(path, **of("one"))

        assert_problem(refused, 404, "unknown-model")
        assert desk.keys() == desk.receive() == desk.gateway.runtime.submitted == []

    @pytest.mark.parametrize("model", ["house/austin", "trailer", "churn", "*", "house", ""])
    def test_an_upload(self, desk, model):
        """An upload for a path without a grant is refused."""
        assert_problem(start_upload(desk, "one", model), 404, "unknown-model")

    def test_the_worker_makes_the_same_prediction(self, desk):
        """The worker calls the target of the path that was granted."""
        desk.job("house/houston", **of("one"))
        desk.drain()

        assert desk.gateway.call.target["TargetModel"] == "houston.tar.gz"

    def test_another_key_of_the_principal(self, desk):
        """A key of the same principal sees the jobs that its own grants are for, and a JWT none."""
        job = desk.job("house/houston", **of("one"))

        assert show(desk, "one", job).status == 200
        for other in ("two", "jwt"):
            assert_problem(show(desk, other, job), 404, "unknown-job")


class TestGuesses:
    """Whatever an id is guessed from, the answer and the calls of S3 are the same."""

    def test_the_words(self, desk):
        """A job of somebody else and one that does not exist differ in nothing but the request."""
        job = desk.job("churn", idempotency_key="order", **of("all"))
        seen = []
        for guess in (job, "0" * 32):
            desk.faults.calls.clear()
            response = show(desk, "one", guess)
            problem = assert_problem(response, 404, "unknown-job")
            del problem["instance"]
            calls = [(operation, params["method"]) for operation, params in desk.faults.calls]
            seen.append((problem, calls, sorted(response.headers)))

        assert seen[0] == seen[1]
        assert len(seen[0][1]) == 1

    def test_the_same_idempotency_key(self, desk):
        """Two principals with one Idempotency-Key have two jobs, whatever they ask for."""
        first = desk.job("house/houston", b"[1]", idempotency_key="k", **of("all"))
        other = desk.job("house/houston", b"[2]", idempotency_key="k", **of("one"))

        assert first != other

    def test_the_upload_of_somebody_else(self, desk):
        """An upload is of its principal alone; to others it is as one that does not exist."""
        upload = start_upload(desk, "all", "churn").json()
        send(upload, b"1,2")
        guesses = [
            desk.submit("film", b"", x_upload=guess, **of("one"))
            for guess in (upload["upload"], "0" * 32, "../x")
        ]

        problems = [assert_problem(one, 404, "unknown-upload") for one in guesses]
        assert len({one["detail"] for one in problems}) == 1


def test_callers_name_nothing_in_aws(desk):
    """No header and no member of a caller's chooses a bucket, a key, or an argument of the call."""
    named = f"s3://{CANARY}/x"
    upload = start_upload(
        desk, "all", "film", bucket=CANARY, key=CANARY, url=named, InputLocation=named
    ).json()
    send(upload, b"1,2")
    headers = {
        "x_amzn_sagemaker_inputlocation": named,
        "x_amzn_sagemaker_s3outputpathextension": CANARY,
        "x_amzn_sagemaker_filename": CANARY,
        "x_amzn_sagemaker_requestttlseconds": "60",
        "x_amzn_sagemaker_target_model": CANARY,
        "x_amz_meta_status": CANARY,
    }
    desk.job("film", b"", x_upload=upload["upload"], **headers, **of("all"))
    desk.job("film", b"{}", **headers, **of("all"))
    desk.job("churn", b"{}", **headers, **of("all"))

    for arguments in desk.gateway.runtime.submitted:
        assert CANARY not in json.dumps(arguments, default=str)
        assert arguments["RequestTTLSeconds"] == 21_600
    assert desk.gateway.runtime.submitted[0]["InputLocation"].startswith(
        f"s3://{BUCKET}/{PREFIX}/bodies/"
    )
    assert CANARY not in json.dumps(desk.faults.calls, default=str)


class TestCanaries:
    """No body and no header's value is in a log."""

    def send_all(self, desk):
        """Ask for everything that a caller can ask for, with the canary wherever it can stand."""
        body = json.dumps(CANARY).encode()
        headers = {
            "prefer": f'respond-async, x="{CANARY}"',
            "content_type": f"application/json; x={CANARY}",
            "x_amzn_sagemaker_custom_attributes": CANARY,
        }
        for path in ("churn", "film"):
            for number, key in enumerate((CANARY, f"{CANARY}{CANARY}", "é" + CANARY)):
                desk.gateway.predict(
                    path, body * (number + 1), idempotency_key=key, **headers, **of("all")
                )
            large = {**headers, "idempotency_key": f"{CANARY} large"}
            desk.gateway.predict(path, b" " * 130_000 + body, **large, **of("all"))
            for upload in (CANARY, "0" * 32):
                desk.gateway.predict(path, b"", x_upload=upload, **headers, **of("all"))
        start_upload(desk, "all", CANARY)
        start_upload(desk, "all", "churn", content_type=CANARY)
        start_upload(desk, "all", "churn", bytes=CANARY)
        upload = start_upload(desk, "all", "churn", bytes=len(body)).json()
        send(upload, body)
        desk.submit("churn", b"", x_upload=upload["upload"], **of("all"))

    @pytest.mark.parametrize(
        "faults",
        [
            {},
            {"PutObject": [AWAY] * 3},
            {"SendMessage": [AWAY] * 3},
            {"GetObject": [AWAY] * 3},
            {"PutObject": [None, RuntimeError(CANARY)], "GetObject": [RuntimeError(CANARY)]},
        ],
        ids=lambda faults: "-".join(faults) or "none",
    )
    def test_in_no_log(self, desk, faults, capfd):
        """Neither while jobs are submitted, nor while the worker runs them and fails."""
        self.send_all(desk)
        desk.faults.next.update({name: list(errors) for name, errors in faults.items()})
        desk.gateway.runtime.error = ModelFailed(500, model_message=CANARY)
        self.send_all(desk)
        desk.drain()

        assert len(desk.gateway.log.lines) > 20
        assert CANARY not in desk.gateway.log.text
        assert CANARY not in "".join(capfd.readouterr())

    def test_a_damaged_document(self, desk, capfd):
        """A document that cannot be read is postponed as any fault, and its text stays there."""
        job = desk.job("churn", **of("all"))
        keys = desk.keys()
        (key,) = [key for key in keys if key.endswith(f"{job}.json")]
        desk.s3.put_object(
            Bucket=BUCKET, Key=f"{PREFIX}/{key}", Body=b'{"%s": 1}' % CANARY.encode()
        )
        (record,) = desk.receive()

        assert not desk.work(record)

        line = desk.gateway.log.lines[-1]
        assert (line["message"], line["outcome"]) == ("job", "postponed")
        assert line["reason"] == "a job's document is damaged"
        assert CANARY not in desk.gateway.log.text + "".join(capfd.readouterr())


@pytest.mark.parametrize(
    ("path", "location"),
    [
        ("/api/predict/house/houston", "/api/jobs/"),
        ("/api/predict/house/houston/", "/api/jobs/"),
        ("/predict/house/houston", "/jobs/"),
        ("/models/v1/predict/house/hous%74on", "/models/v1/jobs/"),
        (None, "/jobs/"),
    ],
)
def test_location(desk, path, location):
    """`Location` is beside the path that was asked for, whatever the stage or base path is."""
    headers = {"Prefer": "respond-async", "Content-Type": "application/json"}
    event = desk.gateway.client.event("POST", "/predict/house/houston", headers, b"{}")
    event["requestContext"]["path"] = path

    response = desk.gateway.client.deliver(event)

    assert response.headers["location"] == location + response.json()["job"]
