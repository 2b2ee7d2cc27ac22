"""The local SageMaker as a separate process, started as a user would."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import tempfile
import time
import urllib.request
from pathlib import Path
from typing import TYPE_CHECKING, Any

import boto3
import psutil
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError

if TYPE_CHECKING:
    from collections.abc import Mapping

ROOT = Path(__file__).resolve().parents[2]
START_SECONDS = 150.0  # with the demo's training, on a busy machine
CONTAINER_START_SECONDS = 120


class StandIn:
    """Runs on a free port until the end of the `with`; it is ready after it prints `until`."""

    def __init__(
        self, *options: str, until: str = "ready:", environment: Mapping[str, str] | None = None
    ) -> None:
        self._log = tempfile.TemporaryFile("w+b")  # noqa: SIM115 (closed by __exit__)
        # Beside other tests, containers may need longer than the default.
        slow = ["--startup-timeout", str(CONTAINER_START_SECONDS)]
        command = [sys.executable, "-m", "sagemaker_local", "--port", "0", "--exit-with-parent"]
        self.process = subprocess.Popen(
            [*command, *slow, *options],
            cwd=ROOT,
            env={**os.environ, **(environment or {})},
            stdin=subprocess.PIPE,
            stdout=self._log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        try:
            wait_until(lambda: until in self.log or self.process.poll() is not None)
            assert self.process.poll() is None, self.log
        except BaseException:
            self.__exit__()
            raise
        self.session = boto3.Session("test", "test", region_name="us-east-1")

    @property
    def url(self) -> str:
        """The address, once the process is ready."""
        found = re.search(r"^ready: (\S+)$", self.log, re.MULTILINE)
        assert found, self.log
        return found[1]

    @property
    def log(self) -> str:
        """Everything that it has printed; reading does not move its write position."""
        length = os.fstat(self._log.fileno()).st_size
        return os.pread(self._log.fileno(), length, 0).decode()

    def client(self, service: str, **settings: Any) -> Any:
        """Build an unmodified boto3 client for this address that tries once."""
        config = Config(retries={"total_max_attempts": 1}, **settings)
        return self.session.client(service, endpoint_url=self.url, config=config)

    def fault(self, method: str, endpoint: str, body: bytes | None = None) -> bytes:
        """Send a request to the faults of an endpoint."""
        request = urllib.request.Request(
            f"{self.url}/_local/faults/{endpoint}", data=body, method=method
        )
        with urllib.request.urlopen(request, timeout=10) as response:
            return bytes(response.read())

    def descendants(self) -> list[psutil.Process]:
        """List all processes below it."""
        return psutil.Process(self.process.pid).children(recursive=True)

    def stop(self, number: int = signal.SIGTERM) -> int:
        """Send a signal and return the exit code."""
        self.process.send_signal(number)
        try:
            return self.process.wait(timeout=30)
        finally:
            self.process.kill()
            self.process.wait()
            if self.process.stdin is not None:
                self.process.stdin.close()

    def __enter__(self) -> StandIn:
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()
        self._log.close()


def wait_until(condition: Any, seconds: float = START_SECONDS) -> None:
    """Poll until the condition holds.

    Raises:
        AssertionError: It does not hold in time.
    """
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, f"not within {seconds} s"
        time.sleep(0.02)


def gone(processes: list[psutil.Process]) -> bool:
    """Whether none of the processes runs."""
    return not any(_runs(process) for process in processes)


def _runs(process: psutil.Process) -> bool:
    try:
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def error_of(call: Any, *arguments: Any, **members: Any) -> dict[str, Any]:
    """Return the parsed error that boto3 raises."""
    with pytest.raises(ClientError) as caught:
        call(*arguments, **members)
    return dict(caught.value.response)
