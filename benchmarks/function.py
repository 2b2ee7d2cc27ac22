"""Runs a function as Lambda does, with AWS's runtime client and a Runtime API on this machine.

    invoke ─► Runtime API ◄─ next ─ awslambdaric ─► handler ─► AWS on loopback

The CPU time is that of the function's process, read each time the process asks for an event.

Source: Lambda developer guide, "Using the Lambda runtime API".
"""

from __future__ import annotations

import json
import os
import queue
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Self

from benchmarks.servers import Loopback, message

if TYPE_CHECKING:
    from collections.abc import Mapping

WAIT_SECONDS = 60.0
EVENT_HEADERS = {
    "content_type": "application/json",
    "lambda_runtime_aws_request_id": "5f1c3c6e-0000-4000-8000-000000000000",
    "lambda_runtime_invoked_function_arn": "arn:aws:lambda:us-east-1:123456789012:function:bench",
    "lambda_runtime_trace_id": "Root=1-00000000-000000000000000000000000;Sampled=0",
}


class FunctionFailed(Exception):
    """A function does not respond, or responds with an error."""


@dataclass(frozen=True)
class Usage:
    """CPU time and wall time, in seconds."""

    cpu: float
    wall: float


class Function:
    """A function's process that waits for its first event; it ends with the `with` statement."""

    def __init__(
        self, package: Path, runtime: Path, handler: str, environ: Mapping[str, str]
    ) -> None:
        self._next_requests: queue.SimpleQueue[float] = queue.SimpleQueue()
        self._events: queue.SimpleQueue[bytes] = queue.SimpleQueue()
        self._response = b""
        self._sent_at = self._responded_at = 0.0
        self._log = tempfile.TemporaryFile("w+b")  # noqa: SIM115 (closed by __exit__)
        self._api = Loopback(self._runtime_api)
        started = time.perf_counter()
        self._process = subprocess.Popen(
            [sys.executable, "-S", "-m", "awslambdaric", handler],
            cwd=package,
            env=environment(package, runtime, handler, f"127.0.0.1:{self._api.port}", environ),
            stdin=subprocess.DEVNULL,
            stdout=self._log,
            stderr=subprocess.STDOUT,
        )
        self._clock = ~self._process.pid << 3 | 2  # as clock_getcpuclockid(3) computes it
        self._cpu = self._wait_for_request()
        self.init = Usage(self._cpu, self._requested_at - started)

    def invoke(self, event: bytes) -> Usage:
        """Send an event; return the wall time to the response, and the CPU time of the call.

        Raises:
            FunctionFailed: The process has ended, or does not respond in time.
        """
        before = self._cpu
        self._events.put(event)
        self._cpu = self._wait_for_request()
        return Usage(self._cpu - before, self._responded_at - self._sent_at)

    def check_response(self) -> None:
        """Check the response to the last event.

        Raises:
            FunctionFailed: The response is neither a prediction nor an accepted key.
        """
        response = json.loads(self._response)
        is_prediction = response.get("statusCode") == 200
        is_accepted_key = response.get("context", {}).get("outcome") == "ok"
        if not (is_prediction or is_accepted_key):
            raise FunctionFailed(f"{self._response.decode()[:2000]}\n{self._output()}")

    @property
    def peak_bytes(self) -> int:
        """The largest resident memory of the process so far."""
        status = Path(f"/proc/{self._process.pid}/status").read_text(encoding="ascii")
        return int(status.partition("VmHWM:")[2].split()[0]) * 1024

    @property
    def log_bytes(self) -> int:
        """What the process has printed so far."""
        return os.fstat(self._log.fileno()).st_size

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._process.kill()
        self._process.wait()
        self._events.put(b"")
        self._api.__exit__()
        self._log.close()

    def _wait_for_request(self) -> float:
        """Wait until the process asks for an event, and return the CPU time that it has used."""
        waited = 0.0
        while True:
            try:
                return self._next_requests.get(timeout=0.5)
            except queue.Empty:
                waited += 0.5
                if self._process.poll() is not None or waited > WAIT_SECONDS:
                    output = self._output()
                    self.__exit__()
                    raise FunctionFailed(output) from None

    def _runtime_api(self, head: bytes, body: bytes) -> bytes | None:
        if not head.startswith(b"GET "):
            self._responded_at = time.perf_counter()
            self._response = body
            return message("202 Accepted")
        self._requested_at = time.perf_counter()
        self._next_requests.put(time.clock_gettime(self._clock))
        event = self._events.get()
        deadline = {"lambda_runtime_deadline_ms": str(int(time.time() * 1000) + 29_000)}
        response = message("200 OK", event, **EVENT_HEADERS, **deadline)
        self._sent_at = time.perf_counter()
        return response if event else None

    def _output(self) -> str:
        self._log.seek(0)
        return self._log.read().decode()[-4000:]


def environment(
    package: Path, runtime: Path, handler: str, api: str, own: Mapping[str, str]
) -> dict[str, str]:
    """Return the variables that Lambda sets and the function's own, with this machine's PATH."""
    return {
        "AWS_ACCESS_KEY_ID": "AKIAIOSFODNN7EXAMPLE",
        "AWS_SECRET_ACCESS_KEY": "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY",
        "AWS_SESSION_TOKEN": "FwoGZXIvYXdzEXAMPLE" * 40,
        "AWS_REGION": "us-east-1",
        "AWS_DEFAULT_REGION": "us-east-1",
        "AWS_EXECUTION_ENV": "AWS_Lambda_python{}.{}".format(*sys.version_info),
        "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": "1024",
        "AWS_LAMBDA_FUNCTION_NAME": "bench",
        "AWS_LAMBDA_FUNCTION_VERSION": "$LATEST",
        "AWS_LAMBDA_INITIALIZATION_TYPE": "on-demand",
        "AWS_LAMBDA_LOG_GROUP_NAME": "/aws/lambda/bench",
        "AWS_LAMBDA_LOG_STREAM_NAME": "bench",
        "AWS_LAMBDA_RUNTIME_API": api,
        "HOME": "/nonexistent",
        "LAMBDA_TASK_ROOT": str(package),
        "LANG": "en_US.UTF-8",
        "PATH": os.environ["PATH"],
        "PYTHONDONTWRITEBYTECODE": "1",  # Lambda's folders are read-only
        "PYTHONPATH": os.pathsep.join([str(package), str(runtime)]),
        "TZ": ":UTC",
        "_HANDLER": handler,
        **own,
    }
