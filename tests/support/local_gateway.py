"""The gateway as `make run` starts it, without the rest of `make run`."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import urllib.request
from typing import TYPE_CHECKING

from tests.support.paths import ROOT
from tests.support.ports import closed_port, free_port
from tests.support.stand_in import wait_until

if TYPE_CHECKING:
    from collections.abc import Mapping

# AWS is at an address where nobody answers.
ENVIRONMENT = {
    "AWS_ACCESS_KEY_ID": "local",
    "AWS_SECRET_ACCESS_KEY": "local",
    "AWS_DEFAULT_REGION": "us-east-1",
    "GATEWAY_CORS_ORIGIN": "*",
}


class LocalGateway:
    """`python -m local_stack.gateway` on a free port, until the end of the `with`."""

    def __init__(self, environment: Mapping[str, str] = ENVIRONMENT) -> None:
        self.url = f"http://127.0.0.1:{free_port()}"
        port = self.url.rpartition(":")[2]
        self._log = tempfile.TemporaryFile("w+b")  # noqa: SIM115 (closed by __exit__)
        self._process = subprocess.Popen(
            [sys.executable, "-m", "local_stack.gateway", "--exit-with-parent", "--port", port],
            cwd=ROOT,
            env={**os.environ, "AWS_ENDPOINT_URL": closed_port(), **environment},
            stdin=subprocess.PIPE,
            stdout=self._log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )

    def __enter__(self) -> LocalGateway:
        try:
            wait_until(lambda: self._process.poll() is not None or self._answers())
            assert self._process.poll() is None, self.log
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self._process.terminate()
        self._process.wait(timeout=30)
        assert self._process.stdin is not None
        self._process.stdin.close()
        self._log.close()

    def _answers(self) -> bool:
        try:
            with urllib.request.urlopen(f"{self.url}/health", timeout=10):
                return True
        except OSError:
            return False

    @property
    def log(self) -> str:
        """Everything that it has printed; reading does not move its write position."""
        length = os.fstat(self._log.fileno()).st_size
        return os.pread(self._log.fileno(), length, 0).decode()
