"""The lines that the packaged functions write when everything happens to them once.

They are real: the functions of the zip run under AWS's runtime client, with servers in AWS's place.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import subprocess
from typing import TYPE_CHECKING, Any, NamedTuple

from tests.support.emf import Blob, read
from tests.support.events import proxy_event, token_event
from tests.support.http_server import StubServer, in_turn, refusal, response, sends, waits
from tests.support.issuer_server import Issuer
from tests.support.job_desk import BUCKET, PREFIX, QUEUE, WORKER_MS, job_desk, moto
from tests.support.key_documents import api_key, document, entry
from tests.support.lambda_process import (
    AUTHORIZER,
    HANDLER,
    FunctionFailed,
    LambdaProcess,
    client_of,
    function_environment,
    python,
)
from tests.support.stand_in import wait_until
from tests.support.tokens import AUDIENCE, claims, make_keys, token

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.support.package import Package

JSON = ("Content-Type", "application/json")
BODY = b'{"instances": []}'
KEY, DISABLED = api_key(), api_key("d1sabled")
KEYS = document(abcd1234=entry(grants=["*"]), d1sabled=entry(DISABLED, disabled=True))
LOAD_SECONDS = 0.7  # the gateway takes an answer for the end of a load if it needed this long
AMZ = {"Content-Type": "application/x-amz-json-1.1"}
ANSWER = response(200, b"{}", {"Content-Type": "application/json", "x-amzn-RequestId": "c0ffee"})
FAILED = b'{"OriginalStatusCode": 500, "OriginalMessage": "x", "Message": "y"}'
BUG = """
from chalicelib.telemetry.log import Telemetry
try:
    {}["a part of the gateway"]
except KeyError as error:
    Telemetry().bug(error, "593f8e99")
"""


WORKER = "app.work"
"""The handler of the worker's function."""


class Written(NamedTuple):
    """The lines of the functions."""

    handler: str
    authorizer: str
    worker: str

    @property
    def all(self) -> list[str]:
        return [line for log in self for line in log.splitlines()]

    @property
    def blobs(self) -> list[Blob]:
        """The lines that are metrics."""
        return read("".join(f"{line}\n" for line in self.all if line.startswith('{"_aws"')))


def written_by(package: Package, task_root: Path, **environment: str) -> Written:
    """Let everything happen once, in functions with these additions to their environment."""
    place = _Place(package, task_root, environment)
    handler = [_predictions(place), _refused_table(place), _stale_table(place), _bug(place)]
    authorizer = [_keys(place), _no_keys(place), _issuer(place)]
    submitted, worked = _jobs(place)
    return Written("".join([*handler, submitted]), "".join(authorizer), worked)


class _Place(NamedTuple):
    package: Package
    task_root: Path
    environment: dict[str, str]

    @contextlib.contextmanager
    def function(self, url: str, name: str, **more: str) -> Iterator[LambdaProcess]:
        variables = {**self.environment, **more}
        package, root = self.package, self.task_root
        with LambdaProcess.of_package(package, root, url, name, **variables) as running:
            yield running


def _predictions(place: _Place) -> str:
    """Answers, refusals, retries, fallbacks and loads, and an event that is no request."""
    with (
        StubServer() as sagemaker,
        place.function(sagemaker.url, HANDLER) as running,
        place.function(sagemaker.url, AUTHORIZER) as authorizer,
    ):
        client = client_of(place.package, running)

        def predict(model: str, *answers: bytes, seconds: float = 0.0) -> None:
            scripts = [waits(seconds, then=answer) for answer in answers]
            sagemaker.script = in_turn(*scripts) if answers else None
            client.send("POST", f"/predict/{model}", [JSON], BODY)

        predict("iris", ANSWER, seconds=LOAD_SECONDS)
        predict("wine", ANSWER)
        predict("wine", refusal(424, "ModelError", FAILED), refusal(424, "ModelError", FAILED))
        predict("digit", refusal(400, "ThrottlingException"), refusal(400, "ThrottlingException"))
        predict("breast-cancer", refusal(429, "ModelNotReadyException"))
        predict("diabetes-linear", refusal(400, "ValidationError"))
        for _ in range(2):
            predict("wine-release", refusal(429, "ModelNotReadyException"), ANSWER)
        client.send("POST", "/predict/chrun", [JSON], BODY)
        with_authorizer = client_of(place.package, running, authorizer)
        sagemaker.script = sends(response(200, json.dumps({"SecretString": KEYS}).encode(), AMZ))
        with_authorizer.send("GET", "/models", [("Authorization", "Bearer gw_short")])
        running.invoke({"key1": "value1", "key2": "value2", "key3": "value3"})
        return running.log


def _refused_table(place: _Place) -> str:
    with place.function("http://127.0.0.1:9", HANDLER, GATEWAY_ROUTING="file:/nowhere.yaml") as it:
        client_of(place.package, it).send("GET", "/health")
        return it.log


def _stale_table(place: _Place) -> str:
    """A table in S3 that can be read once, and then no more."""
    table = (place.package.project / "routing.yaml").read_bytes()
    setting = {"GATEWAY_ROUTING": "s3://tables/routing.yaml", "GATEWAY_ROUTING_MAX_AGE": "1"}
    with StubServer() as s3:
        digest = hashlib.sha256(table).hexdigest()
        s3.reply = lambda _: response(200, table, {"ETag": '"1"', "x-amz-meta-sha256": digest})
        with place.function(s3.url, HANDLER, **setting) as running:
            client = client_of(place.package, running)
            client.send("GET", "/health")
            s3.reply = lambda _: response(403)

            def is_stale() -> bool:
                client.send("GET", "/health")
                return "TableAgeSeconds" in running.log

            wait_until(is_stale)
            return running.log


def _bug(place: _Place) -> str:
    """The line that the zip's telemetry writes for a bug; the gateway has none on purpose."""
    own = place.package.template[HANDLER]["Properties"]["Environment"]["Variables"]
    finished = subprocess.run(
        python("-c", BUG),
        cwd=place.task_root,
        env=function_environment(place.task_root, {**own, **place.environment}),
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    return finished.stdout


def _jobs(place: _Place) -> tuple[str, str]:
    """A job of each end, and of each delivery that ends none: the handler's and the worker's log.

    The worker is a function of the same zip, in the handler's environment.
    """
    with moto() as aws, StubServer() as sagemaker:
        desk = job_desk(aws)
        setting = {
            "AWS_ENDPOINT_URL_SAGEMAKER_RUNTIME": sagemaker.url,
            "GATEWAY_JOBS": f"s3://{BUCKET}/{PREFIX}",
            "GATEWAY_JOBS_QUEUE": QUEUE,
        }
        own = place.package.template[HANDLER]["Properties"]["Environment"]["Variables"]
        variables = {**own, **place.environment, "AWS_ENDPOINT_URL": aws, **setting}
        with (
            place.function(aws, HANDLER, **setting) as running,
            LambdaProcess(place.task_root, WORKER, variables) as worker,
        ):
            client = client_of(place.package, running)

            def submit(model: str) -> dict[str, Any]:
                headers = [JSON, ("Prefer", "respond-async")]
                accepted = client.send("POST", f"/predict/{model}", headers, BODY)
                assert accepted.status == 202, accepted.body
                (record,) = desk.receive()
                return record

            def work(record: dict[str, Any], answer: bytes = ANSWER, delivery: int = 1) -> None:
                sagemaker.script = sends(answer)
                record["attributes"]["ApproximateReceiveCount"] = str(delivery)
                with contextlib.suppress(FunctionFailed):
                    worker.invoke({"Records": [record]}, WORKER_MS / 1000)

            first = submit("iris")
            work(first)
            work(first, delivery=2)
            work(submit("wine"), refusal(424, "ModelError", FAILED))
            work(submit("digit"), refusal(400, "ThrottlingException"))
            work(submit("iris"), delivery=4)
            work({**first, "body": "{}"})
            job = json.loads(first["body"])["job"]
            resource = "/jobs/{job}"
            running.invoke(
                proxy_event("GET", f"/jobs/{job}", resource=resource, path_parameters={"job": job})
            )
            return running.log, worker.log


def _keys(place: _Place) -> str:
    """Good and bad keys of a secret that can be read once, and then no more."""
    with StubServer() as store:
        store.reply = lambda _: response(200, json.dumps({"SecretString": KEYS}).encode(), AMZ)
        with place.function(store.url, AUTHORIZER, GATEWAY_KEYS_MAX_AGE="1") as running:
            for key in (KEY, DISABLED, "gw_short"):
                _ask(running, key)
            store.reply = lambda _: response(500)

            def is_stale() -> bool:
                _ask(running, KEY)
                return "KeyStoreAgeSeconds" in running.log and "store failed" in running.log

            wait_until(is_stale)
            running.invoke({"authorizationToken": 1, "methodArn": 2})
            running.invoke({"key1": "value1", "key2": "value2", "key3": "value3"})
            return running.log


def _no_keys(place: _Place) -> str:
    """A secret that can never be read."""
    with StubServer(sends(response(500))) as store, place.function(store.url, AUTHORIZER) as it:
        _ask(it, KEY)
        return it.log


def _issuer(place: _Place) -> str:
    """Two tokens with a key that the issuer does not have: it is asked for the first one only."""
    known, unknown = list(make_keys().values())[:2]
    with Issuer() as issuer:
        issuer.key_set = json.dumps({"keys": [known.public()]}).encode()
        setting = {"GATEWAY_JWT_ISSUER": issuer.url, "GATEWAY_JWT_AUDIENCE": AUDIENCE}
        with place.function("http://127.0.0.1:9", AUTHORIZER, **setting) as running:
            for _ in range(2):
                _ask(running, token(unknown, payload=claims(iss=issuer.url)))
            return running.log


def _ask(authorizer: LambdaProcess, credential: str) -> None:
    with contextlib.suppress(FunctionFailed):
        authorizer.invoke(token_event(f"Bearer {credential}", "POST", "/predict/iris"))
