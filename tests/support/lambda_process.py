"""A Lambda function on this machine: an unpacked zip under AWS's own runtime client.

    test ─► LambdaProcess.invoke ─► Runtime API ◄─ next ─ awslambdaric ─► app.app, as in the zip

Source: https://docs.aws.amazon.com/lambda/latest/dg/runtimes-api.html
"""

from __future__ import annotations

import contextlib
import json
import os
import queue
import re
import subprocess
import sys
import tempfile
import threading
import time
import uuid
from concurrent.futures import Future
from dataclasses import dataclass, field
from importlib.metadata import distribution
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, Self

import psutil

from tests.support.clients import LambdaClient
from tests.support.http_server import Request, StubServer, response
from tests.support.stand_in import wait_until

if TYPE_CHECKING:
    import socket
    from collections.abc import Iterator, Mapping

    from tests.support.events import LambdaContext
    from tests.support.package import Package

VERSION = "/2018-06-01/runtime"
MAX_PAYLOAD_BYTES = 6 * 1024 * 1024
NAME = "inference-gateway-dev"
RUNTIME_PARTS = ("awslambdaric", "simplejson", "snapshot-restore-py")
START_SECONDS = 10.0  # what Lambda gives a function before its first event
GRACE_SECONDS = 5.0
KIB = 1024

HANDLER, AUTHORIZER = "APIHandler", "Authorize"
"""The names of the two functions in the template."""

RESULT_MEMBERS = {"statusCode", "headers", "multiValueHeaders", "body", "isBase64Encoded"}


class FunctionFailed(Exception):
    """The function raised, or its result is not JSON, or the result is too large for Lambda."""


@dataclass(frozen=True)
class Invocation:
    """One event, the time at which Lambda ends the function, and the place for its result."""

    event: bytes
    deadline: float
    id: str = field(default_factory=lambda: str(uuid.uuid4()))
    result: Future[bytes] = field(default_factory=Future)

    def headers(self) -> dict[str, str]:
        return {
            "Content-Type": "application/json",
            "Lambda-Runtime-Aws-Request-Id": self.id,
            "Lambda-Runtime-Deadline-Ms": str(int(self.deadline * 1000)),
            "Lambda-Runtime-Invoked-Function-Arn": f"arn:aws:lambda:us-east-1:0:function:{NAME}",
            # awslambdaric 4.2.2 crashes without it
            "Lambda-Runtime-Trace-Id": "Root=1-00000000-000000000000000000000000;Sampled=0",
        }


class RuntimeApi(StubServer):
    """The Runtime API, from which a function takes its events."""

    def __init__(self) -> None:
        self.waiting: queue.SimpleQueue[Invocation | None] = queue.SimpleQueue()
        self.started = threading.Event()
        self._running: dict[str, Invocation] = {}
        super().__init__(self._serve_function)

    def stop(self) -> None:
        self.waiting.put(None)
        self.__exit__()

    def _serve_function(self, connection: socket.socket) -> None:
        request = self.requests.pop()
        if request.method == "GET":
            assert request.path == f"{VERSION}/invocation/next", request.path
            self.started.set()
            invocation = self.waiting.get()
            if invocation is not None:
                self._running[invocation.id] = invocation
                connection.sendall(response(200, invocation.event, invocation.headers()))
            return
        accepted = request.path == f"{VERSION}/init/error" or self._finish(request)
        connection.sendall(response(202 if accepted else 413, b""))

    def _finish(self, request: Request) -> bool:
        """Take a result, and return whether Lambda accepts one of this size."""
        *_, invocation_id, outcome = request.path.split("/")
        result = self._running.pop(invocation_id).result
        body = request.body
        if len(body) > MAX_PAYLOAD_BYTES:
            result.set_exception(FunctionFailed(f"a result of {len(body):,} bytes"))
            return False
        if outcome == "response":
            result.set_result(body)
        else:
            result.set_exception(FunctionFailed(body.decode()))
        return True


class LambdaProcess:
    """A function from its start to the end of the `with`; one event at a time, as on Lambda."""

    def __init__(
        self,
        task_root: Path,
        handler: str,
        environment: Mapping[str, str],
        output: IO[bytes] | None = None,
    ) -> None:
        self._folder = tempfile.TemporaryDirectory()
        self._log = tempfile.TemporaryFile("w+b")  # noqa: SIM115 (closed by __exit__)
        self._api = RuntimeApi()
        runtime = runtime_folder(Path(self._folder.name))
        self._process = subprocess.Popen(
            python("-m", "awslambdaric", handler),
            cwd=task_root,
            env={
                **function_environment(task_root, environment),
                "AWS_LAMBDA_RUNTIME_API": f"127.0.0.1:{self._api.port}",
                "PYTHONPATH": os.pathsep.join([str(task_root), str(runtime)]),
                "_HANDLER": handler,
            },
            stdin=subprocess.DEVNULL,
            stdout=output or self._log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        try:
            self._wait_until(self._api.started.is_set, START_SECONDS)
        except BaseException:
            self.__exit__()
            raise

    @classmethod
    def of_package(
        cls,
        package: Package,
        task_root: Path,
        aws_url: str,
        function: str = HANDLER,
        output: IO[bytes] | None = None,
        **environment: str,
    ) -> Self:
        """Start a function of the package in the template's environment.

        Only the URL of AWS, and the variables that a test gives, differ from a deployment.

        Args:
            output: Where it writes; without one, into `log`.
        """
        properties = package.template[function]["Properties"]
        variables = {**properties["Environment"]["Variables"], "AWS_ENDPOINT_URL": aws_url}
        return cls(task_root, properties["Handler"], {**variables, **environment}, output)

    def invoke(self, event: object, seconds: float = 29.0) -> Any:
        """Return the function's result.

        Raises:
            FunctionFailed: There is no result that Lambda can pass on.
        """
        payload = json.dumps(event).encode()
        assert len(payload) <= MAX_PAYLOAD_BYTES, "Lambda would not take this event"
        invocation = Invocation(payload, deadline=time.time() + seconds)
        self._api.waiting.put(invocation)
        self._wait_until(invocation.result.done, max(seconds, 0) + GRACE_SECONDS)
        result = invocation.result.result()
        assert time.time() < invocation.deadline or seconds <= 0, "Lambda would have ended it"
        return json.loads(result)

    @property
    def log(self) -> str:
        """Everything it has written, read without moving the place where it writes."""
        length = os.fstat(self._log.fileno()).st_size
        return os.pread(self._log.fileno(), length, 0).decode()

    @contextlib.contextmanager
    def frozen(self) -> Iterator[None]:
        """Stop the process, as Lambda does between two events."""
        process = psutil.Process(self._process.pid)
        process.suspend()
        wait_until(lambda: process.status() == psutil.STATUS_STOPPED)
        try:
            yield
        finally:
            process.resume()

    def reset_peak(self) -> None:
        """Measure `peak_bytes` from now on.

        Source: https://man7.org/linux/man-pages/man5/proc.5.html
        """
        self._proc_file("clear_refs").write_text("5")

    @property
    def peak_bytes(self) -> int:
        """The most memory that it has had at a time."""
        status = self._proc_file("status").read_text()
        (kib,) = re.findall(r"^VmHWM:\s+(\d+) kB$", status, re.MULTILINE)
        return int(kib) * KIB

    def _proc_file(self, name: str) -> Path:
        return Path("/proc", str(self._process.pid), name)

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


def client_of(
    package: Package, function: LambdaProcess, authorizer: LambdaProcess | None = None
) -> LambdaClient:
    """Build a client of the API that the template describes."""
    return LambdaClient(_Deployment(package, function, authorizer))


class _Deployment:
    """Has the members of an app that `LambdaClient` uses: routes, authorizer and the call."""

    def __init__(
        self, package: Package, function: LambdaProcess, authorizer: LambdaProcess | None
    ) -> None:
        self.routes = list(package.api["paths"])
        self._authorizer = authorizer
        self._function = function

    @property
    def handler_map(self) -> dict[str, Any]:
        authorizer = self._authorizer
        return {"authorize": lambda event, _: authorizer.invoke(event)} if authorizer else {}

    def __call__(self, event: dict[str, Any], context: LambdaContext) -> Any:
        """Refuse a result of any other shape, which API Gateway calls malformed."""
        result = self._function.invoke(event, context.remaining_ms / 1000)
        assert result.keys() <= RESULT_MEMBERS
        assert isinstance(result["statusCode"], int)
        assert all(isinstance(value, str) for value in result["headers"].values())
        return result


def python(*arguments: str) -> list[str]:
    """Build a command line of this interpreter without any site-packages."""
    return [sys.executable, "-S", *arguments]


def runtime_folder(folder: Path) -> Path:
    """Put AWS's runtime client alone into a folder, as on Lambda but for boto3."""
    for name in RUNTIME_PARTS:
        part = distribution(name)
        for top in {file.parts[0] for file in part.files or ()} - {"..", "__pycache__"}:
            (folder / top).symlink_to(Path(str(part.locate_file(top))))
    return folder


def function_environment(task_root: Path, own: Mapping[str, str]) -> dict[str, str]:
    """Return what Lambda sets, and a function's own variables; of this machine only the PATH."""
    return {
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
        "AWS_SESSION_TOKEN": "test",
        "AWS_REGION": "us-east-1",
        "AWS_DEFAULT_REGION": "us-east-1",
        "AWS_EXECUTION_ENV": f"AWS_Lambda_python{sys.version_info.major}.{sys.version_info.minor}",
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
