"""The local SageMaker as a separate process, started as a user would."""

from __future__ import annotations

import re
import signal
import time
import urllib.request
from typing import TYPE_CHECKING, Any

import boto3
import psutil
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError

from tests.support.program import Program

if TYPE_CHECKING:
    from collections.abc import Mapping

START_SECONDS = 150.0  # with the demo's training, on a busy machine
CONTAINER_START_SECONDS = 120


class StandIn(Program):
    """Runs on a free port until the end of the `with`; it is ready after it prints `until`."""

    def __init__(
        self, *options: str, until: str = "ready:", environment: Mapping[str, str] | None = None
    ) -> None:
        # Beside other tests, containers may need longer than the default.
        slow = ("--startup-timeout", str(CONTAINER_START_SECONDS))
        super().__init__("sagemaker_local", "--port", "0", *slow, *options, environment=environment)
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
