"""`python -m local_stack`, the program of `make run`, as a process of its own."""

from __future__ import annotations

import json
import os
import re
import subprocess
import urllib.error
import urllib.request
from typing import TYPE_CHECKING, Any, NamedTuple

from tests.support.paths import ROOT
from tests.support.ports import free_port
from tests.support.program import Program
from tests.support.stand_in import wait_until

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path


class Answer(NamedTuple):
    """A response of the gateway."""

    status: int
    body: dict[str, Any]


class LocalStack(Program):
    """The running program, with ports and files of its own; it ends with the `with`.

    Args:
        folder: Where it writes the key and the variables for boto3.
        options: Further options of the command line.
        port: The gateway's port; a free one if None.
        unread: Whether it prints to a pipe that nobody reads.
        environment: Further variables.
    """

    def __init__(
        self,
        folder: Path,
        *options: str | Path,
        port: int | None = None,
        unread: bool = False,
        **environment: str,
    ) -> None:
        self.key_file, self.env_file = folder / "key", folder / "env"
        self.port = port or free_port()
        files = ("--key-file", self.key_file, "--env-file", self.env_file)
        ports = ("--port", self.port, "--sagemaker-port", free_port())
        arguments = [str(part) for part in (*ports, *files, *options)]
        super().__init__("local_stack", *arguments, environment=environment, unread=unread)

    @property
    def url(self) -> str:
        """The address of the gateway."""
        return f"http://127.0.0.1:{self.port}"

    def until_ready(self) -> LocalStack:
        """Wait until it is ready; it is an error if it ends before."""
        return self.until(r"^ready: ")

    def until(self, pattern: str, after: int = 0) -> LocalStack:
        """Wait until a line with this pattern is printed after the position."""
        search = re.compile(pattern, re.MULTILINE).search
        wait_until(lambda: search(self.log[after:]) or self.process.poll() is not None)
        assert search(self.log[after:]), self.log
        return self

    def call(
        self,
        path: str,
        body: object = None,
        key: str | None = None,
        *,
        headers: Mapping[str, str] | None = None,
    ) -> Answer:
        """Call the gateway, with the demo key unless another one is given."""
        headers = {
            "Authorization": f"Bearer {key or self.key_file.read_text()}",
            **(headers or {}),
        }
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(
            f"{self.url}{path}", data, {**headers, "Content-Type": "application/json"}
        )
        try:
            with urllib.request.urlopen(request, timeout=60) as response:
                return Answer(response.status, json.load(response))
        except urllib.error.HTTPError as error:
            with error:
                return Answer(error.code, json.load(error))

    def answers(self, path: str) -> bool:
        """Whether the gateway answers this path with 200."""
        try:
            with urllib.request.urlopen(f"{self.url}{path}", timeout=10):
                return True
        except OSError:
            return False

    def shell(self, script: str, **environment: str) -> subprocess.CompletedProcess[str]:
        """Run commands of a user in bash, in the project's folder."""
        return subprocess.run(
            ["bash", "-c", script],
            cwd=ROOT,
            env={**os.environ, **environment},
            capture_output=True,
            text=True,
            check=False,
        )
