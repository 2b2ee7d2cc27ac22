"""Lambda on this machine: an unpacked zip, AWS's own runtime client, and the Runtime API for it.

    test ─► Lambda.invoke ─► Runtime API ◄─ next ─ awslambdaric ─► app.app, as it lies in the zip

https://docs.aws.amazon.com/lambda/latest/dg/runtimes-api.html
"""

from __future__ import annotations

import json
import os
import queue
import subprocess
import sys
import tempfile
import threading
import time
import uuid
from concurrent.futures import Future
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from importlib.metadata import distribution
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from tests.support.stand_in import wait_until

if TYPE_CHECKING:
    from collections.abc import Mapping

VERSION = "/2018-06-01/runtime"
MAX_PAYLOAD_BYTES = 6 * 1024 * 1024
NAME = "inference-gateway-dev"
RUNTIME_PARTS = ("awslambdaric", "simplejson", "snapshot-restore-py")
START_SECONDS = 10.0  # what Lambda gives a function before its first event
GRACE_SECONDS = 5.0


class FunctionFailed(Exception):
    """The function raised, or answered with something that is not JSON."""


@dataclass(frozen=True)
class Invocation:
    """One event, when its time is up, and the place for its answer."""

    event: bytes
    deadline: float
    id: str = field(default_factory=lambda: str(uuid.uuid4()))
    answer: Future[bytes] = field(default_factory=Future)

    def headers(self) -> dict[str, str]:
        return {
            "Content-Type": "application/json",
            "Lambda-Runtime-Aws-Request-Id": self.id,
            "Lambda-Runtime-Deadline-Ms": str(int(self.deadline * 1000)),
            "Lambda-Runtime-Invoked-Function-Arn": f"arn:aws:lambda:us-east-1:0:function:{NAME}",
            # awslambdaric 4.2.2 crashes without it
            "Lambda-Runtime-Trace-Id": "Root=1-00000000-000000000000000000000000;Sampled=0",
        }


class RuntimeApi(ThreadingHTTPServer):
    """What a function sees of Lambda."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _RuntimeApiHandler)
        self.waiting: queue.SimpleQueue[Invocation | None] = queue.SimpleQueue()
        self.taken: dict[str, Invocation] = {}
        self.asked = threading.Event()
        self._thread = threading.Thread(target=self.serve_forever, args=(0.01,))
        self._thread.start()

    def stop(self) -> None:
        self.waiting.put(None)
        self.shutdown()
        self._thread.join()
        self.server_close()

    def finish(self, invocation_id: str, outcome: str, body: bytes) -> bool:
        """Whether Lambda takes it: an answer that is too large fails, as it does there."""
        answer = self.taken.pop(invocation_id).answer
        too_large = len(body) > MAX_PAYLOAD_BYTES
        if too_large:
            answer.set_exception(FunctionFailed(f"an answer of {len(body):,} bytes"))
        elif outcome == "response":
            answer.set_result(body)
        else:
            answer.set_exception(FunctionFailed(body.decode()))
        return not too_large


class _RuntimeApiHandler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    server: RuntimeApi

    def do_GET(self) -> None:
        assert self.path == f"{VERSION}/invocation/next", self.path
        self.server.asked.set()
        invocation = self.server.waiting.get()
        if invocation is None:
            self.close_connection = True
            return
        self.server.taken[invocation.id] = invocation
        self._answer(200, invocation.event, invocation.headers())

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        *_, invocation_id, outcome = self.path.split("/")
        at_start = self.path == f"{VERSION}/init/error"
        taken = at_start or self.server.finish(invocation_id, outcome, body)
        self._answer(202 if taken else 413)

    def _answer(
        self, status: int, body: bytes = b"", headers: Mapping[str, str] | None = None
    ) -> None:
        self.send_response(status)
        for name, value in (headers or {}).items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Nothing: what counts is what the function does."""


class Lambda:
    """A function from its start to the end of the `with`; one event at a time, as on Lambda."""

    def __init__(self, task_root: Path, handler: str, environment: Mapping[str, str]) -> None:
        self._folder = tempfile.TemporaryDirectory()
        self._log = tempfile.TemporaryFile("w+b")  # noqa: SIM115 (closed by __exit__)
        self._api = RuntimeApi()
        runtime = runtime_folder(Path(self._folder.name))
        self._process = subprocess.Popen(
            python("-m", "awslambdaric", handler),
            cwd=task_root,
            env={
                **function_environment(task_root, environment),
                "AWS_LAMBDA_RUNTIME_API": f"127.0.0.1:{self._api.server_port}",
                "PYTHONPATH": os.pathsep.join([str(task_root), str(runtime)]),
                "_HANDLER": handler,
            },
            stdin=subprocess.DEVNULL,
            stdout=self._log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        try:
            self._wait_until(self._api.asked.is_set, START_SECONDS)
        except BaseException:
            self.__exit__()
            raise

    def invoke(self, event: object, seconds: float = 29.0) -> Any:
        """The function's answer; FunctionFailed when there is none that Lambda can pass on."""
        payload = json.dumps(event).encode()
        assert len(payload) <= MAX_PAYLOAD_BYTES, "Lambda would not take this event"
        invocation = Invocation(payload, deadline=time.time() + seconds)
        self._api.waiting.put(invocation)
        self._wait_until(invocation.answer.done, max(seconds, 0) + GRACE_SECONDS)
        answer = invocation.answer.result()
        assert time.time() < invocation.deadline or seconds <= 0, "Lambda would have ended it"
        return json.loads(answer)

    @property
    def log(self) -> str:
        """Everything it has written, read without moving the place where it writes."""
        length = os.fstat(self._log.fileno()).st_size
        return os.pread(self._log.fileno(), length, 0).decode()

    def _wait_until(self, condition: Any, seconds: float) -> None:
        wait_until(lambda: condition() or self._process.poll() is not None, seconds)
        assert self._process.poll() is None, self.log

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._process.kill()
        self._process.wait()
        self._api.stop()
        self._log.close()
        self._folder.cleanup()


def python(*arguments: str) -> list[str]:
    """This interpreter without any site-packages: neither the project's nor the person's."""
    return [sys.executable, "-S", *arguments]


def runtime_folder(folder: Path) -> Path:
    """AWS's runtime client alone in a folder, as on Lambda but for boto3, which is not there."""
    for name in RUNTIME_PARTS:
        part = distribution(name)
        for top in {file.parts[0] for file in part.files or ()} - {"..", "__pycache__"}:
            (folder / top).symlink_to(Path(str(part.locate_file(top))))
    return folder


def function_environment(task_root: Path, own: Mapping[str, str]) -> dict[str, str]:
    """What Lambda sets, and a function's own variables; nothing of this machine but the PATH."""
    return {
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
        "AWS_SESSION_TOKEN": "test",
        "AWS_REGION": "us-east-1",
        "AWS_DEFAULT_REGION": "us-east-1",
        "AWS_EXECUTION_ENV": "AWS_Lambda_python{}.{}".format(*sys.version_info),
        "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": "1024",
        "AWS_LAMBDA_FUNCTION_NAME": NAME,
        "AWS_LAMBDA_FUNCTION_VERSION": "$LATEST",
        "AWS_LAMBDA_INITIALIZATION_TYPE": "on-demand",
        "AWS_LAMBDA_LOG_GROUP_NAME": f"/aws/lambda/{NAME}",
        "AWS_LAMBDA_LOG_STREAM_NAME": "test",
        "HOME": "/nonexistent",
        "LAMBDA_TASK_ROOT": str(task_root),
        "LANG": "en_US.UTF-8",
        "PATH": os.environ["PATH"],
        "TZ": ":UTC",
        **own,
    }
