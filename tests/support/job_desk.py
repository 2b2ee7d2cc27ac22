"""A gateway with jobs, on S3 and SQS in moto's server, and a worker that its messages drive.

moto checks neither signatures nor policies.
"""

from __future__ import annotations

import time
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import boto3
from moto.server import ThreadedMotoServer
from moto.sqs.models import sqs_backends
from urllib3 import PoolManager

from chalicelib.jobs.aws_calls import aws_client
from local_stack import worker
from local_stack.job_resources import create_queues
from tests.support.events import LambdaContext
from tests.support.gateway import AWS, BuiltGateway, FakeRuntime, build_gateway

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from tests.support.clients import Response

BUCKET, PREFIX, QUEUE, DEAD = "jobs", "stage/dev", "jobs-queue", "jobs-queue-dead"
WORKER_MS = 900_000


class Faults:
    """Clients of moto whose operations fail as often as a test says.

    Args:
        urls: The address of each service.
    """

    def __init__(self, urls: Mapping[str, str]) -> None:
        self._urls = urls
        self.next: dict[str, list[Exception | Callable[[], object] | None]] = {}
        """By operation: the error before the call, or what happens then; None lets one pass."""
        self.calls: list[tuple[str, dict[str, Any]]] = []

    def __call__(self, service: str) -> Any:
        client = aws_client(service, endpoint_url=self._urls[service], **AWS)

        def before(model: Any, params: dict[str, Any], **_: Any) -> None:
            self.calls.append((model.name, params))
            faults = self.next.get(model.name)
            fault = faults.pop(0) if faults else None
            if isinstance(fault, Exception):
                raise fault
            if fault is not None:
                fault()

        client.meta.events.register(f"before-call.{service}", before)
        return client


@dataclass
class JobDesk:
    """What a test of jobs works with."""

    gateway: BuiltGateway
    faults: Faults
    s3: Any
    sqs: Any
    now: list[float]
    urls: dict[str, str] = field(default_factory=dict)

    def submit(self, path: str, body: bytes = b"{}", **headers: str) -> Response:
        return self.gateway.predict(path, body, prefer="respond-async", **headers)

    def job(self, path: str, body: bytes = b"{}", **headers: str) -> str:
        """Submit a job and return its id."""
        response = self.submit(path, body, **headers)
        assert response.status == 202, response.body
        return str(response.json()["job"])

    def status(self, job: str) -> Any:
        response = self.gateway.get(f"/jobs/{job}")
        assert response.status == 200, response.body
        return response.json()

    def receive(self, queue: str = QUEUE) -> list[dict[str, Any]]:
        """Take the messages that are visible, as records of Lambda's event."""
        received = self.sqs.receive_message(
            QueueUrl=self.urls[queue], MaxNumberOfMessages=10, AttributeNames=["All"]
        )
        arn = f"arn:aws:sqs:{AWS['region_name']}:123456789012:{queue}"
        return [worker.record(one, arn) for one in received.get("Messages", [])]

    def work(self, record: dict[str, Any], gateway: BuiltGateway | None = None) -> bool:
        """Let the worker handle a message as Lambda does; whether it is done."""
        work = (gateway or self.gateway).app.handler_map["work"]
        try:
            work({"Records": [record]}, LambdaContext(remaining_ms=WORKER_MS))
        except Exception as error:
            assert type(error).__name__ == "JobNotDone"
            self.sqs.change_message_visibility(
                QueueUrl=self.urls[QUEUE],
                ReceiptHandle=record["receiptHandle"],
                VisibilityTimeout=0,
            )
            return False
        self.sqs.delete_message(QueueUrl=self.urls[QUEUE], ReceiptHandle=record["receiptHandle"])
        return True

    def drain(self) -> int:
        """Work until the queue is empty, and return the number of deliveries."""
        deliveries = 0
        while records := self.receive():
            for record in records:
                self.work(record)
                deliveries += 1
        return deliveries

    def pass_time(self, seconds: float) -> None:
        """Let so many seconds pass for the gateway and for the queue."""
        self.now[0] += seconds
        for backends in sqs_backends.values():
            for message in backends[AWS["region_name"]].queues[QUEUE]._messages:
                message.visible_at -= seconds * 1000

    def keys(self) -> list[str]:
        """Return the keys of all objects, without the prefix."""
        found = self.s3.list_objects_v2(Bucket=BUCKET).get("Contents", [])
        return [one["Key"].removeprefix(f"{PREFIX}/") for one in found]


def fetch(url: str) -> tuple[int, bytes, str | None]:
    """Read a presigned URL as a browser does, without credentials."""
    response = PoolManager().request("GET", url)
    return response.status, response.data, response.headers.get("content-type")


def send(upload: dict[str, Any], body: bytes) -> int:
    """Send a body to an upload's URL as its document says."""
    response = PoolManager().request(
        upload["method"], upload["url"], body=body, headers=upload["headers"]
    )
    return response.status


@contextmanager
def moto() -> Iterator[str]:
    """Run moto's server, and return its URL."""
    server = ThreadedMotoServer("127.0.0.1", 0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    try:
        yield f"http://{host}:{port}"
    finally:
        _forget(f"http://{host}:{port}")
        server.stop()


def _forget(url: str) -> None:
    """Remove everything from moto's accounts, which all tests of a process share."""
    PoolManager().request("POST", f"{url}/moto-api/reset")


def job_desk(
    url: str,
    *,
    runtime: Any = None,
    source: Any = None,
    relays: Mapping[str, str] | None = None,
    **environ: str,
) -> JobDesk:
    """Build a gateway with jobs on an empty account of moto's.

    Args:
        url: moto's.
        runtime: Calls models; a fake by default.
        source: The routing table.
        relays: Where the gateway finds a service, if not at moto itself.
        **environ: Further settings of the gateway.
    """
    _forget(url)
    faults, now = Faults({"s3": url, "sqs": url, **(relays or {})}), [time.time()]
    s3, sqs = (boto3.client(one, endpoint_url=url, **AWS) for one in ("s3", "sqs"))
    s3.create_bucket(Bucket=BUCKET)
    queue, dead = create_queues(sqs, QUEUE)
    gateway = build_gateway(
        runtime=FakeRuntime() if runtime is None else runtime,
        source=source,
        clock=lambda: now[0],
        make_jobs_client=faults,
        jobs=f"s3://{BUCKET}/{PREFIX}",
        jobs_queue=QUEUE,
        **environ,
    )
    return JobDesk(gateway, faults, s3, sqs, now, {QUEUE: queue, DEAD: dead})
