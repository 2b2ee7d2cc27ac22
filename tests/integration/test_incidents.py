"""Incidents, from the caller's problem to the cause, in at most two of the saved queries.

An incident is made with real parts: containers on the local SageMaker, keys in its Secrets Manager,
tables in its S3, both functions of the gateway behind API Gateway. What is answered by a stub
server is what the local SageMaker cannot do: refuse credentials, or speak no HTTP. The bucket and
the queue of jobs are moto's. The first query is `request-by-id` with the problem's instance.
docs/runbook.md says which one is the second.
"""

import hashlib
import json
from contextlib import closing
from dataclasses import dataclass, field

import pytest

from chalicelib.api.events import EventRefused
from chalicelib.jobs.aws_calls import aws_client
from chalicelib.jobs.worker import JobNotDone
from chalicelib.sagemaker.runtime import SageMakerRuntime
from local_stack.job_resources import MOST_RECEIVES
from tests.api_gateway.integrations import LambdaContext
from tests.containers.account import INSTANCES, VARIANT, Account, artifacts, image
from tests.containers.async_caller import Caller
from tests.containers.container import Container, failing, huge, resetting
from tests.support.clock import Clock
from tests.support.gateway import AWS, FakeScheme, FixedTable, runtime_at, table
from tests.support.http_server import StubServer, refusal, response, sends_and_closes
from tests.support.incidents import Complaint, Stage
from tests.support.issuer_server import Issuer
from tests.support.job_desk import BUCKET as JOBS_BUCKET
from tests.support.job_desk import DEAD, PREFIX, QUEUE, WORKER_MS, job_desk, moto
from tests.support.key_documents import api_key, document, entry
from tests.support.lambda_process import HANDLER
from tests.support.ports import closed_port
from tests.support.sts import denied
from tests.support.tokens import claims, compact

SECRET = "inference-gateway/incidents"
GOOD, DISABLED, EXPIRED, REVOKED = map(api_key, ("abcd1234", "d1sabled", "exp1red0", "rev0ked0"))
WRONG_SECRET = api_key(secret="x" * 43)
KEYS = document(
    abcd1234=entry(GOOD, grants=["plain", "misspelt"]),
    d1sabled=entry(DISABLED, disabled=True),
    exp1red0=entry(EXPIRED, expires="2020-01-01T00:00:00Z"),
)
BUCKET = "incidents"
SINGLE = {"kind": "single", "endpoint": "{plain}"}
MODELS = {
    "plain": SINGLE,
    "hasty": {**SINGLE, "timeout_seconds": 0.4},
    "elsewhere": {**SINGLE, "region": "eu-west-1"},
    "of-role": {**SINGLE, "role_arn": "arn:aws:iam::123456789012:role/there"},
    "deleted": {"kind": "single", "endpoint": "deleted"},
    "serverless": {"kind": "single", "endpoint": "{serverless}"},
    "container": {
        "kind": "mce",
        "endpoint": "{two_containers}",
        "target_container_hostname": "misspelt",
    },
    "idle": {"kind": "component", "endpoint": "{shared}", "inference_component": "{idle}"},
    "wrong-kind": {"kind": "mme", "endpoint": "{plain}", "target_model": "a.tar.gz"},
    "fixed": {"kind": "mme", "endpoint": "{many}", "target_model": "absent.tar.gz"},
    "artifact/{name}": {
        "kind": "mme",
        "endpoint": "{many}",
        "target_model": "{name}.tar.gz",
        "timeout_seconds": 0.5,
        "parameters": {"name": {"pattern": "[a-z]+"}},
    },
    "film": {
        "kind": "async",
        "endpoint": "{film}",
        "request_ttl_seconds": 600,
        "invocation_timeout_seconds": 60,
    },
}


def table_for(names):
    """Return the table, with the names of these endpoints in it."""
    text = json.dumps({"version": 1, "defaults": {"max_attempts": 1}, "models": MODELS})
    for name, real in names.items():
        text = text.replace(f'"{{{name}}}"', json.dumps(real))
    return text


@pytest.fixture(scope="module", autouse=True)
def _environment(sagemaker_local):
    """AWS is the local SageMaker, for every client that has no address of its own."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("AWS_ENDPOINT_URL", sagemaker_local.url)
        for name, value in AWS.items():
            patch.setenv(name.upper().replace("REGION_NAME", "AWS_DEFAULT_REGION"), value)
        yield


@pytest.fixture(scope="module", name="world")
def _world(sagemaker_local, tmp_path_factory):
    """Everything that the incidents share: endpoints, containers, keys, and a stub server."""
    secrets, s3 = map(sagemaker_local.client, ("secretsmanager", "s3"))
    secrets.create_secret(Name=SECRET, SecretString=KEYS)
    s3.create_bucket(Bucket=BUCKET)
    with (
        Container() as plain,
        Container() as many,
        Container() as silent,
        StubServer() as stub,
        moto() as jobs_url,
        closing(Account(sagemaker_local.session, sagemaker_local.url)) as account,
    ):
        silent.answer = silent.hang
        names = {**deploy(account, plain, many), "film": Caller(account, silent).endpoint}
        tables = table(table_for(names))
        yield World(sagemaker_local, s3, names, plain, many, stub, tables, jobs_url)
    secrets.delete_secret(SecretId=SECRET, ForceDeleteWithoutRecovery=True)


def deploy(account, plain, many):
    """Create the endpoints, all at once, and return their names."""
    model = account.create_model(image(plain))
    serverless = {"MemorySizeInMB": 2048, "MaxConcurrency": 1}
    names = {
        "plain": account.create_endpoint({VARIANT: (model, 1)}),
        "serverless": account.start_endpoint(
            account.create_config(
                {"VariantName": VARIANT, "ModelName": model, "ServerlessConfig": serverless}
            )
        ),
        "two_containers": account.create_endpoint(
            {
                VARIANT: (
                    account.create_model(
                        *(image(plain, ContainerHostname=name) for name in ("first", "second")),
                        mode="Direct",
                    ),
                    1,
                )
            }
        ),
        "many": account.create_endpoint(
            {
                VARIANT: (
                    account.create_model(
                        account.multi_model(many, artifacts("slow.tar.gz", "full.tar.gz"))
                    ),
                    1,
                )
            }
        ),
        "shared": account.start_endpoint(
            account.create_config({"VariantName": VARIANT, **INSTANCES})
        ),
    }
    for name in names.values():
        account.wait_for(name, "endpoint_in_service")
    container = {"Image": plain.url}
    idle = account.create_component(names["shared"], {"Container": container})
    account.wait_for_component(idle)
    account.sagemaker.update_inference_component_runtime_config(
        InferenceComponentName=idle, DesiredRuntimeConfig={"CopyCount": 0}
    )
    account.wait_for_component(idle)
    return {**names, "idle": idle}


@dataclass
class World:
    """What stands behind the gateways of the incidents."""

    aws: object
    s3: object
    names: dict
    plain: Container
    many: Container
    stub: StubServer
    table: object
    jobs_url: str

    def stage(self, *, keys=False, **parts):
        """Return a gateway; with `keys` it reads them, and otherwise it knows one caller."""
        parts = {"source": FixedTable(self.table), **parts}
        if not keys:
            parts = {"schemes": [FakeScheme()], **parts}
        settings = {"keys_secret": SECRET, **parts.pop("settings", {})}
        return Stage(settings=settings, **parts)

    def stage_with_jobs(self, **addresses):
        """Return a gateway with jobs, and its bucket and queues.

        Args:
            addresses: Where S3 or SQS is for the gateway, if it is not where they are.
        """
        desk = job_desk(self.jobs_url)

        def connect(service):
            return aws_client(service, endpoint_url=addresses.get(service, self.jobs_url), **AWS)

        settings = {"jobs": f"s3://{JOBS_BUCKET}/{PREFIX}", "jobs_queue": QUEUE}
        stage = self.stage(
            settings=settings, make_jobs_client=connect, app_clock=lambda: desk.now[0]
        )
        return stage, desk

    def stubbed(self, reply):
        """Return a gateway for which the stub server is SageMaker, and answers so."""
        self.stub.reset()
        if callable(reply):
            self.stub.script = reply
        else:
            self.stub.reply = lambda _: reply
        return self.stage(runtime=runtime_at(self.stub.url))

    def fault(self, endpoint, kind, **members):
        """Let the next request to an endpoint fail."""
        body = json.dumps({"fault": kind, "count": 1, **members}).encode()
        self.aws.fault("PUT", self.names[endpoint], body)


# How each incident is made: a function of the world, which returns the stage and the complaint.


def plainly(path, body=b"{}", **parts):
    """A request is enough."""

    def happen(world):
        stage = world.stage(**parts)
        return stage, stage.call(f"/predict/{path}", body)

    return happen


def faulty(endpoint, kind, path=None, **members):
    """The local SageMaker fails on demand."""

    def happen(world):
        world.fault(endpoint, kind, **members)
        stage = world.stage()
        complaint = stage.call(f"/predict/{path or endpoint}")
        world.aws.fault("DELETE", world.names[endpoint])
        return stage, complaint

    return happen


def stubbed(reply):
    """SageMaker answers what the local one never does."""

    def happen(world):
        stage = world.stubbed(reply)
        return stage, stage.call("/predict/plain")

    return happen


def answering(answer, path="plain"):
    """The container answers so."""

    def happen(world):
        usual, world.plain.answer = world.plain.answer, answer
        stage = world.stage()
        complaint = stage.call(f"/predict/{path}")
        world.plain.answer = usual
        return stage, complaint

    return happen


def with_key(key, path="plain"):
    """The gateway reads its keys, and the caller has this one."""

    def happen(world):
        stage = world.stage(keys=True)
        return stage, stage.call(f"/predict/{path}", key=key)

    return happen


def full_disk_at_load(world):
    """The container has no room for another artifact, and none to unload."""
    world.many.capacity = 0
    stage = world.stage()
    complaint = stage.call("/predict/artifact/full")
    world.many.capacity = None
    return stage, complaint


def cold(world):
    """The artifact was evicted, and takes longer to load than the request may."""
    world.many.load_gate.clear()
    stage = world.stage()
    complaint = stage.call("/predict/artifact/slow")
    world.many.load_gate.set()
    return stage, complaint


def without(*variables):
    """The function has no such variable in its environment."""

    def happen(world):
        with pytest.MonkeyPatch.context() as patch:
            for variable in variables:
                patch.delenv(variable)
            stage = world.stage(runtime=SageMakerRuntime())
            return stage, stage.call("/predict/plain")

    return happen


def role_refused(world):
    """STS does not let the gateway assume the role of a target."""
    world.stub.reset()
    world.stub.reply = lambda _: denied("no")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("AWS_ENDPOINT_URL_STS", world.stub.url)
        stage = world.stage()
        return stage, stage.call("/predict/of-role")


def from_s3(key, text=None):
    """The table is in S3; None puts none there."""

    def happen(world):
        if text is not None:
            digest = {"sha256": hashlib.sha256(text).hexdigest()}
            world.s3.put_object(Bucket=BUCKET, Key=key, Body=text, Metadata=digest)
        settings = {"routing": f"s3://{BUCKET}/{key}"}
        stage = world.stage(source=None, settings=settings)
        return stage, stage.call("/predict/plain")

    return happen


def issuer_away(world):
    """Nobody answers at the address of the issuer's keys."""
    with Issuer() as issuer:
        url = issuer.url
    settings = {"jwt_issuer": url, "jwt_audience": "gateway", "jwt_jwks_url": f"{url}/keys"}
    stage = world.stage(keys=True, settings=settings)
    token = compact(
        {"alg": "RS256", "kid": "k", "typ": "JWT"}, claims(iss=url), lambda _: b"s" * 256
    )
    return stage, stage.call("/predict/plain", key=token)


def keys_away(world):
    """Nobody answers at the address of the keys' store."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("AWS_ENDPOINT_URL_SECRETS_MANAGER", closed_port())
        stage = world.stage(keys=True)
        return stage, stage.call("/predict/plain", key=GOOD)


def no_secret(world):
    """The setting names a secret that does not exist."""
    stage = world.stage(keys=True, settings={"keys_secret": "inference-gateway/misspelt"})
    return stage, stage.call("/predict/plain", key=GOOD)


def queue_as_trigger(world):
    """A queue is the trigger of the function; nobody gets an answer."""
    stage = world.stage()
    with pytest.raises(EventRefused):
        stage.app({"Records": [{"eventSource": "aws:sqs"}]}, context_of("queue"))
    return stage, Complaint()


def bug_in_authorizer(world):
    """A scheme has a bug."""
    stage = world.stage(schemes=[FakeScheme({GOOD: ZeroDivisionError()})])
    return stage, stage.call("/predict/plain", key=GOOD)


def dead_function(world):
    """Lambda ends the function, for example because it has no memory left."""

    def die(*_):
        raise MemoryError

    stage = world.stage(functions={HANDLER: die})
    return stage, stage.call("/predict/plain")


def too_slow_function(world):
    """The function takes longer than API Gateway waits."""
    clock = Clock()

    def hang(*_):
        clock.passes(29.5)

    stage = world.stage(functions={HANDLER: hang}, clock=clock)
    return stage, stage.call("/predict/plain")


def working(stage, desk):
    """Let the worker of a stage handle what is in the queue, as often as it comes."""
    for _ in range(MOST_RECEIVES + 1):
        for record in desk.receive():
            try:
                stage.app.handler_map["work"]({"Records": [record]}, context_of("work", WORKER_MS))
            except JobNotDone:
                desk.pass_time(VISIBILITY_SECONDS)


def dead_worker(world):
    """Lambda ends the worker each time that it works on a job."""
    stage, desk = world.stage_with_jobs()
    submitted = stage.submit("/predict/plain")
    for _ in range(MOST_RECEIVES - 1):
        assert desk.receive()
        desk.pass_time(VISIBILITY_SECONDS)
    working(stage, desk)
    return stage, stage.problem_of(submitted.job)


def silent_endpoint(world):
    """An asynchronous endpoint takes a request and never answers it."""
    stage, desk = world.stage_with_jobs()
    submitted = stage.call("/predict/film")
    desk.pass_time(600 + 60 + 900)
    return stage, stage.problem_of(submitted.job)


def jobs_refused(**replies):
    """S3 or SQS refuses the role of the gateway."""

    def happen(world):
        ((service, reply),) = replies.items()
        world.stub.reset()
        world.stub.reply = lambda _: reply
        stage, _ = world.stage_with_jobs(**{service: world.stub.url})
        return stage, stage.submit("/predict/plain")

    return happen


def jobs_away(service):
    """Nobody answers at the address of S3 or SQS."""

    def happen(world):
        stage, _ = world.stage_with_jobs(**{service: closed_port()})
        return stage, stage.submit("/predict/plain")

    return happen


def no_queue(world):
    """The queue of jobs does not exist."""
    stage, desk = world.stage_with_jobs()
    desk.sqs.delete_queue(QueueUrl=desk.urls[QUEUE])
    return stage, stage.submit("/predict/plain")


def failed_job(world):
    """The model fails on the body of a job."""
    usual, world.plain.answer = world.plain.answer, failing(500, "Traceback")
    stage, desk = world.stage_with_jobs()
    submitted = stage.submit("/predict/plain")
    working(stage, desk)
    world.plain.answer = usual
    return stage, stage.problem_of(submitted.job)


def foreign_message(world):
    """Somebody else sends to the queue of jobs."""
    stage, desk = world.stage_with_jobs()
    desk.sqs.send_message(QueueUrl=desk.urls[QUEUE], MessageBody='{"Type": "Notification"}')
    working(stage, desk)
    assert dead_letters(desk)
    return stage, Complaint()


def dead_letter(world):
    """The document of a job is gone; its message in the dead-letter queue names it."""
    stage, desk = world.stage_with_jobs()
    submitted = stage.submit("/predict/plain")
    written = desk.keys()
    for key in written:
        desk.s3.delete_object(Bucket=JOBS_BUCKET, Key=f"{PREFIX}/{key}")
    working(stage, desk)
    (letter,) = dead_letters(desk)
    assert json.loads(letter["body"])["job"] == submitted.job
    return stage, Complaint(job=submitted.job)


def dead_letters(desk):
    desk.receive()  # SQS moves a message that came too often when it would come again
    return desk.receive(DEAD)


def at_the_door(path="/predict/plain", body=b"{}", **request):
    """API Gateway refuses the request itself."""

    def happen(world):
        stage = world.stage()
        return stage, stage.call(path, body, **request)

    return happen


def context_of(request_id, milliseconds=30_000):
    return LambdaContext("inference-gateway", lambda: 0.0, milliseconds / 1000, request_id)


@dataclass(frozen=True)
class Incident:
    """How it is made, what the caller says, and what a row then shows.

    `second` is the second query. `evidence` are members of one row with their values.
    """

    name: str
    happen: object
    slug: str | None
    evidence: dict = field(default_factory=dict)
    second: str | None = None


CREDENTIAL, STORES, JOB = "request-by-id", "stores-and-tables", "job-by-id"
VISIBILITY_SECONDS = 5_400
NO_ACCESS_TO_QUEUE = b'{"__type": "com.amazon.coral.service#AccessDeniedException"}'
NO_ACCESS = b"<Error><Code>AccessDenied</Code><Message>no</Message></Error>"
UNKNOWN = "SageMaker cannot download an artifact of this name"
VALIDATION = {"upstream_code": "ValidationError"}
OVERSIZE = refusal(400, "ValidationError", b'{"Message": "Request 1 has oversize body."}')
CASES = [
    Incident(
        "throttled endpoint",
        faulty("plain", "throttle"),
        "upstream-throttled",
        {"upstream_code": "ThrottlingException", "model": "plain"},
    ),
    Incident(
        "serverless endpoint over its concurrency",
        faulty("serverless", "throttle"),
        "upstream-throttled",
        {"upstream_code": "ThrottlingException", "model": "serverless"},
    ),
    Incident(
        "expired credentials of the gateway",
        stubbed(refusal(403, "ExpiredTokenException")),
        "gateway-misconfigured",
        {"upstream_code": "ExpiredTokenException"},
    ),
    Incident(
        "role of the gateway without the permission",
        stubbed(refusal(403, "AccessDeniedException")),
        "gateway-misconfigured",
        {"upstream_code": "AccessDeniedException"},
    ),
    Incident(
        "no credentials",
        without("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"),
        "gateway-misconfigured",
        {"reason": "NoCredentialsError"},
    ),
    Incident(
        "no Region",
        without("AWS_DEFAULT_REGION"),
        "gateway-misconfigured",
        {"reason": "NoRegionError"},
    ),
    Incident(
        "STS refuses the role of a target",
        role_refused,
        "gateway-misconfigured",
        {"reason": "STS answers AccessDenied to AssumeRole", "model": "of-role"},
    ),
    Incident(
        "endpoint deleted",
        plainly("deleted"),
        "model-unavailable",
        {**VALIDATION, "reason": "no-such-endpoint", "model": "deleted"},
    ),
    Incident(
        "endpoint in another Region",
        plainly("elsewhere"),
        "model-unavailable",
        {**VALIDATION, "reason": "no-such-endpoint", "model": "elsewhere"},
    ),
    Incident(
        "wrong container name",
        plainly("container"),
        "model-unavailable",
        {"reason": "no-such-target", "target": "TargetContainerHostname=misspelt"},
    ),
    Incident(
        "component without capacity",
        plainly("idle"),
        "model-unavailable",
        {**VALIDATION, "reason": "no-capacity"},
    ),
    Incident(
        "table of another kind than the endpoint",
        plainly("wrong-kind"),
        "upstream-rejected",
        {**VALIDATION, "model": "wrong-kind"},
    ),
    Incident(
        "evicted artifact",
        cold,
        "model-not-ready",
        {"artifact": "cold", "reason": "ReadTimeoutError", "target": "TargetModel=slow.tar.gz"},
    ),
    Incident(
        "artifact that SageMaker says it is loading",
        faulty("many", "not-ready", "artifact/slow"),
        "model-not-ready",
        {"artifact": "cold", "upstream_code": "ModelNotReadyException"},
    ),
    Incident(
        "artifact missing, named by the caller",
        plainly("artifact/absent"),
        "no-such-artifact",
        {"reason": UNKNOWN, "target": "TargetModel=absent.tar.gz"},
    ),
    Incident(
        "artifact missing, named by the table",
        plainly("fixed"),
        "upstream-rejected",
        {"reason": UNKNOWN, "target": "TargetModel=absent.tar.gz"},
    ),
    Incident(
        "revoked key", with_key(REVOKED), "unauthorized", {"reason": "unknown-key"}, CREDENTIAL
    ),
    Incident(
        "disabled key",
        with_key(DISABLED),
        "unauthorized",
        {"reason": "disabled", "key_id": "d1sabled"},
        CREDENTIAL,
    ),
    Incident(
        "expired key",
        with_key(EXPIRED),
        "unauthorized",
        {"reason": "expired", "key_id": "exp1red0"},
        CREDENTIAL,
    ),
    Incident(
        "wrong secret",
        with_key(WRONG_SECRET),
        "unauthorized",
        {"reason": "wrong-secret", "key_id": "abcd1234"},
        CREDENTIAL,
    ),
    Incident(
        "misspelt model",
        with_key(GOOD, "misspelt"),
        "unknown-model",
        {"reason": "no-such-model", "path": "/api/predict/misspelt"},
    ),
    Incident(
        "model not granted",
        with_key(GOOD, "hasty"),
        "unknown-model",
        {"reason": "not-granted", "path": "/api/predict/hasty"},
    ),
    Incident(
        "cut connection",
        faulty("plain", "truncate"),
        "upstream-truncated",
        {"status": "502", "slug": "upstream-truncated", "model": "plain"},
    ),
    Incident(
        "connection reset",
        faulty("plain", "reset"),
        "upstream-unreachable",
        {"reason": "ConnectionClosedError"},
    ),
    Incident(
        "no way to SageMaker",
        plainly("plain", runtime=runtime_at("http://127.0.0.1:1")),
        "upstream-unreachable",
        {"reason": "EndpointConnectionError"},
    ),
    Incident(
        "SageMaker not available",
        faulty("plain", "e503"),
        "upstream-unreachable",
        {"upstream_code": "ServiceUnavailable"},
    ),
    Incident(
        "SageMaker failed",
        faulty("plain", "e500"),
        "upstream-error",
        {"upstream_code": "InternalFailure"},
    ),
    Incident(
        "slow model",
        faulty("plain", "hang", "hasty"),
        "upstream-timeout",
        {"reason": "ReadTimeoutError", "model": "hasty"},
    ),
    Incident(
        "full disk of the container",
        answering(failing(507, "No space left on device")),
        "model-overloaded",
        {"upstream_code": "ModelError", "original_status": "507", "model": "plain"},
    ),
    Incident(
        "no room for another artifact",
        full_disk_at_load,
        "model-overloaded",
        {"original_status": "507", "target": "TargetModel=full.tar.gz"},
    ),
    Incident(
        "model crashes",
        answering(failing(500, "Traceback")),
        "model-error",
        {"message": "request", "upstream_code": "ModelError", "original_status": "500"},
    ),
    Incident(
        "container does not answer",
        answering(resetting),
        "model-timeout",
        {"upstream_code": "ModelError", "original_status": "0"},
    ),
    Incident(
        "input that the model refuses",
        answering(failing(400, "three columns, please")),
        "model-rejected-input",
        {"upstream_code": "ModelError", "original_status": "400"},
    ),
    Incident(
        "answer too large",
        answering(huge(5)),
        "upstream-response-too-large",
        {"status": "502", "slug": "upstream-response-too-large"},
    ),
    Incident(
        "no answer of HTTP",
        stubbed(sends_and_closes(b"220 mail.example ESMTP\r\n")),
        "upstream-invalid-response",
        {"status": "502", "slug": "upstream-invalid-response"},
    ),
    Incident(
        "body too large for the gateway",
        plainly("plain", b"[" + b" " * 4_600_000 + b"]"),
        "payload-too-large",
        {"slug": "payload-too-large", "bytes_in": "4600002", "attempts": "0"},
    ),
    Incident(
        "body too large for the endpoint",
        stubbed(OVERSIZE),
        "payload-too-large",
        {"slug": "payload-too-large", **VALIDATION},
    ),
    Incident(
        "body too large for API Gateway",
        at_the_door(body=bytes(10 * 1024 * 1024 + 1)),
        "payload-too-large",
        {"refused_as": "REQUEST_TOO_LARGE"},
    ),
    Incident("invalid JSON", plainly("plain", b"{"), "invalid-json", {"slug": "invalid-json"}),
    Incident(
        "table refused",
        from_s3("refused.yaml", b"version: 1\nmodels: {iris: {kind: none}}\n"),
        "routing-unavailable",
        {"message": "routing table refused"},
        STORES,
    ),
    Incident(
        "table not fetched",
        from_s3("absent.yaml"),
        "routing-unavailable",
        {"message": "routing table not fetched", "reason": "NoSuchKey"},
        STORES,
    ),
    Incident("issuer away", issuer_away, "auth-unavailable", {"store": "jwks"}, STORES),
    Incident(
        "key store away",
        keys_away,
        "auth-unavailable",
        {"store": "keys", "reason": "EndpointConnectionError"},
        STORES,
    ),
    Incident(
        "secret that does not exist",
        no_secret,
        "auth-unavailable",
        {"store": "keys", "reason": "ResourceNotFoundException"},
        STORES,
    ),
    Incident(
        "queue as a trigger",
        queue_as_trigger,
        None,
        {"message": "event refused", "event": "SQS"},
        STORES,
    ),
    Incident(
        "bug",
        plainly("plain", source=FixedTable(None)),
        "internal",
        {"message": "bug", "exception": "AttributeError"},
    ),
    Incident(
        "bug in the authorizer",
        bug_in_authorizer,
        "auth-unavailable",
        {"message": "bug", "exception": "ZeroDivisionError"},
        STORES,
    ),
    Incident(
        "function that Lambda ended",
        dead_function,
        "internal",
        {"refused_as": "INTEGRATION_FAILURE"},
    ),
    Incident(
        "function slower than API Gateway waits",
        too_slow_function,
        "upstream-timeout",
        {"refused_as": "INTEGRATION_TIMEOUT"},
    ),
    Incident(
        "worker that Lambda ends each time",
        dead_worker,
        "job-lost",
        {"message": "job", "outcome": "failed", "delivery": "4"},
    ),
    Incident(
        "asynchronous endpoint that never answers",
        silent_endpoint,
        "job-lost",
        {"message": "request", "kind": "async", "model": "film", "status": "202"},
        JOB,
    ),
    Incident(
        "bucket of jobs refused",
        jobs_refused(s3=response(403, NO_ACCESS, {"Content-Type": "application/xml"})),
        "gateway-misconfigured",
        {"reason": "S3: AccessDenied"},
    ),
    Incident(
        "queue of jobs refused",
        jobs_refused(sqs=response(403, NO_ACCESS_TO_QUEUE)),
        "gateway-misconfigured",
        {"reason": "SQS: AccessDeniedException"},
    ),
    Incident(
        "queue of jobs that does not exist",
        no_queue,
        "gateway-misconfigured",
        {"reason": "SQS: AWS.SimpleQueueService.NonExistentQueue"},
    ),
    Incident(
        "bucket of jobs away",
        jobs_away("s3"),
        "jobs-unavailable",
        {"reason": "S3: EndpointConnectionError"},
    ),
    Incident(
        "queue of jobs away",
        jobs_away("sqs"),
        "jobs-unavailable",
        {"reason": "SQS: EndpointConnectionError"},
    ),
    Incident(
        "model crashes on a job",
        failed_job,
        "model-error",
        {"message": "job", "outcome": "failed", "original_status": "500"},
    ),
    Incident(
        "somebody else's message in the queue of jobs",
        foreign_message,
        None,
        {"message": "event refused", "event": "message that starts no job"},
        STORES,
    ),
    Incident(
        "dead letter of a job",
        dead_letter,
        None,
        {"outcome": "postponed", "slug": "job-lost", "delivery": "4"},
        JOB,
    ),
    Incident(
        "no credential", at_the_door(key=None), "unauthorized", {"refused_as": "UNAUTHORIZED"}
    ),
    Incident(
        "unknown path",
        at_the_door("/v1/plain"),
        "no-such-path",
        {"refused_as": "MISSING_AUTHENTICATION_TOKEN"},
    ),
]


@pytest.fixture(scope="module", name="rows_of")
def _rows_of(world):
    """Return a function that lets an incident happen once, and returns the rows about it."""
    known = {}

    def rows_of(incident):
        if incident.name not in known:
            stage, complaint = incident.happen(world)
            known[incident.name] = complaint, stage.rows(complaint, incident.second)
        return known[incident.name]

    return rows_of


def shows(rows, evidence):
    """Whether one of the rows has all of these values."""
    return any(evidence.items() <= row.items() for row in rows)


@pytest.mark.parametrize("incident", CASES, ids=lambda one: one.name.replace(" ", "-"))
def test_cause(rows_of, incident):
    """The rows about the caller's problem name the cause."""
    complaint, rows = rows_of(incident)

    assert complaint.slug == incident.slug
    assert shows(rows, incident.evidence), rows_shown(rows)


@pytest.mark.parametrize("incident", CASES, ids=lambda one: one.name.replace(" ", "-"))
def test_no_other_cause(rows_of, incident):
    """What one incident shows, no other incident with the same problem does."""
    assert [
        other.name
        for other in CASES
        if other is not incident
        and other.slug == incident.slug
        and shows(rows_of(other)[1], incident.evidence)
    ] == []


def test_credential_that_could_not_be_checked(world):
    """API Gateway's line leads to the authorizer's, although the gateway has no line."""
    stage, complaint = keys_away(world)

    assert shows(stage.rows(complaint, CREDENTIAL), {"outcome": "unavailable"})


def test_container_knows_the_request(world):
    """The container's own log can have the id of the problem: SageMaker hands it on."""
    _, complaint = answering(failing(500))(world)

    headers = world.plain.invocations[-1].headers
    assert headers["X-Amzn-SageMaker-Inference-Id"] == complaint.instance


def rows_shown(rows):
    """Return the rows without what no incident is told apart by."""
    return "\n".join(
        str({name: text for name, text in row.items() if not name.startswith("@")}) for row in rows
    )
