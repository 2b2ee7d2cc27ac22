"""The gateway with jobs as people run it: processes of the gateway and of workers on one account.

The account is a local SageMaker's, with S3, SQS and real endpoints. Each stack has a bucket, a
queue, a dead-letter queue and two API keys of its own.
"""

from __future__ import annotations

import json
import re
import uuid
from collections import defaultdict
from contextlib import ExitStack
from operator import itemgetter
from pathlib import Path
from random import SystemRandom
from typing import TYPE_CHECKING, Any, Self

from urllib3 import PoolManager

from chalicelib.auth.key_document import ApiKey
from gatewayctl import api_keys
from gatewayctl.key_store import KeyDocument, KeyStore
from local_stack.job_resources import create_queues
from tests.support.clients import Response, lower_names
from tests.support.local_gateway import LocalGateway
from tests.support.program import Program
from tests.support.stand_in import wait_until

if TYPE_CHECKING:
    from tests.support.stand_in import StandIn

PREFIX = "stage"
ENDED = ("succeeded", "failed")
MOST_CONNECTIONS = 64
JOB_LINE = '"message":"job"'


class JobWorker(Program):
    """`python -m local_stack.worker` until the end of the `with`, or until it is killed."""

    def __init__(self, environment: dict[str, str]) -> None:
        super().__init__("local_stack.worker", environment=environment)

    @property
    def peak_bytes(self) -> int:
        """The most memory that it has had at a time."""
        return self._memory("VmHWM")

    @property
    def bytes_now(self) -> int:
        """The memory that it has now."""
        return self._memory("VmRSS")

    def until_ready(self) -> JobWorker:
        wait_until(lambda: "working:" in self.log or self.process.poll() is not None)
        assert self.process.poll() is None, self.log
        return self

    def kill(self) -> None:
        """End it as a machine that fails would: by SIGKILL."""
        self.process.kill()
        self.process.wait()

    def _memory(self, name: str) -> int:
        status = Path("/proc", str(self.process.pid), "status").read_text()
        (kib,) = re.findall(rf"^{name}:\s+(\d+) kB$", status, re.MULTILINE)
        return int(kib) * 1024


class JobStack:
    """A gateway and its workers until the end of the `with`.

    Args:
        stand_in: The local SageMaker.
        folder: Where the routing table is written.
        table: The text of the routing table.
        visibility_seconds: Of the queue; None for that of a deployment.
        **environment: Further variables of the processes.
    """

    def __init__(
        self,
        stand_in: StandIn,
        folder: Path,
        table: str,
        *,
        visibility_seconds: int | None = None,
        **environment: str,
    ) -> None:
        self.stand_in = stand_in
        self.bucket = f"jobs-{uuid.uuid4().hex[:12]}"
        self.queue, self.dead = self.bucket, f"{self.bucket}-dead"
        self.s3, self.sqs = (
            stand_in.client(one, max_pool_connections=MOST_CONNECTIONS) for one in ("s3", "sqs")
        )
        self._secret = KeyStore(f"{self.bucket}/keys", stand_in.client)
        (folder / "routing.yaml").write_text(table)
        self.environment = {
            "AWS_ACCESS_KEY_ID": "test",
            "AWS_SECRET_ACCESS_KEY": "test",
            "AWS_DEFAULT_REGION": "us-east-1",
            "AWS_ENDPOINT_URL": stand_in.url,
            "GATEWAY_JOBS": f"s3://{self.bucket}/{PREFIX}",
            "GATEWAY_JOBS_QUEUE": self.queue,
            "GATEWAY_KEYS_SECRET": f"{self.bucket}/keys",
            "GATEWAY_ROUTING": f"file:{folder / 'routing.yaml'}",
            **environment,
        }
        self._http = PoolManager(maxsize=MOST_CONNECTIONS, retries=False)
        self._ends = ExitStack()
        self.workers: list[JobWorker] = []
        self.s3.create_bucket(Bucket=self.bucket)
        urls = create_queues(self.sqs, self.queue, visibility_seconds)
        self.urls = dict(zip((self.queue, self.dead), urls, strict=True))
        self.key, self.other_key = (self._issue(name) for name in ("web-shop", "somebody-else"))

    def start_worker(self, **environment: str) -> JobWorker:
        """Start one more worker; it may not be ready yet."""
        worker = self._ends.enter_context(JobWorker({**self.environment, **environment}))
        self.workers.append(worker)
        return worker

    @property
    def running_workers(self) -> list[JobWorker]:
        """The workers that were not killed, once they are ready."""
        running = [worker for worker in self.workers if worker.process.poll() is None]
        return [worker.until_ready() for worker in running]

    def send(
        self, method: str, path: str, body: bytes = b"", key: str | None = None, **headers: str
    ) -> Response:
        """Send a request; `content_type` is Content-Type."""
        named = {name.replace("_", "-").title(): value for name, value in headers.items()}
        named["Authorization"] = f"Bearer {key or self.key}"
        response = self._http.request(method, f"{self.gateway.url}{path}", body=body, headers=named)
        return Response(response.status, lower_names(response.headers), response.data)

    def submit(self, path: str, body: bytes = b"{}", **headers: str) -> Response:
        """Ask for a job; the body is JSON unless `content_type` differs."""
        given = {"prefer": "respond-async", "content_type": "application/json", **headers}
        return self.send("POST", f"/predict/{path}", body, **given)

    def job(self, path: str, body: bytes = b"{}", **headers: str) -> str:
        """Submit a job and return its id."""
        response = self.submit(path, body, **headers)
        assert response.status == 202, response.body
        return str(response.json()["job"])

    def upload(self, model: str, body: bytes, content_type: str = "application/json") -> str:
        """Send a body to a new upload's URL, and return the upload's id."""
        asked = {"model": model, "content_type": content_type, "bytes": len(body)}
        response = self.send(
            "POST", "/uploads", json.dumps(asked).encode(), content_type="application/json"
        )
        assert response.status == 201, response.body
        upload = response.json()
        sent = self._http.request("PUT", upload["url"], body=body, headers=upload["headers"])
        assert sent.status == 200, sent.data
        return str(upload["upload"])

    def status(self, job: str) -> Any:
        response = self.send("GET", f"/jobs/{job}")
        assert response.status == 200, response.body
        return response.json()

    def ended(self, job: str) -> Any:
        """Wait until a job has ended, and return how."""
        found: list[Any] = []

        def has_ended() -> bool:
            found[:] = [self.status(job)]
            return found[0]["status"] in ENDED

        wait_until(has_ended)
        return found[0]

    def result(self, job: str) -> bytes:
        """Wait for a job's success, and read its result without a credential."""
        status = self.ended(job)
        assert status["status"] == "succeeded", status
        return bytes(self._http.request("GET", status["result"]["url"]).data)

    def waiting(self, queue: str | None = None) -> int:
        """Return how many messages a queue has, those that are being worked on included."""
        names = ("ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible")
        url = self.urls[queue or self.queue]
        found = self.sqs.get_queue_attributes(QueueUrl=url, AttributeNames=list(names))
        return sum(int(found["Attributes"][name]) for name in names)

    def objects(self) -> list[str]:
        """Return the keys of all objects, without the prefix."""
        pages = self.s3.get_paginator("list_objects_v2").paginate(Bucket=self.bucket)
        found = [one["Key"] for page in pages for one in page.get("Contents", [])]
        return [key.removeprefix(f"{PREFIX}/") for key in found]

    def deliveries(self) -> int:
        """Return how many deliveries the workers have ended, by their logs."""
        return sum(worker.log.count(JOB_LINE) for worker in self.workers)

    @property
    def outcomes(self) -> dict[str, list[tuple[str, int]]]:
        """How each delivery of a job's message ended, and its number, by job; from the logs."""
        texts = [text for worker in self.workers for text in worker.log.splitlines()]
        lines = [json.loads(text) for text in texts if JOB_LINE in text]
        ends: dict[str, list[tuple[str, int]]] = defaultdict(list)
        for line in sorted(lines, key=itemgetter("delivery")):
            ends[line["job"]].append((line["outcome"], line["delivery"]))
        return ends

    def tries(self, job: str) -> list[tuple[str, int]]:
        """Return the outcomes of a job that has its result; the worker writes its line after it."""
        wait_until(lambda: any(outcome == "succeeded" for outcome, _ in self.outcomes[job]))
        return self.outcomes[job]

    def _issue(self, principal: str) -> str:
        """Issue an API key for every model."""
        document = KeyDocument(self._secret, now=0)
        new = api_keys.new_key(SystemRandom(), document.keys)
        document.save(ApiKey(new.key_id, new.digest, principal, ("*",), None, disabled=False))
        return new.text

    def __enter__(self) -> Self:
        self.gateway = self._ends.enter_context(LocalGateway(self.environment))
        return self

    def __exit__(self, *_: object) -> None:
        self._ends.close()
        self._http.clear()
