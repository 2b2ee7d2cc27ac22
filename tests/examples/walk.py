"""Runs the commands of an example's README, as a reader pastes them, in a folder of its own.

    walk = Walk(folder, stand_in)
    walk.follow("sklearn-artifact")     # every command; the output has to be what the README shows

The folder has what the commands use of the project. Only the ports differ from the README's.
"""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import signal
import subprocess
import sys
from typing import TYPE_CHECKING

from tests.support.local_gateway import ENVIRONMENT, LocalGateway
from tests.support.paths import ROOT
from tests.support.ports import free_port

if TYPE_CHECKING:
    from pathlib import Path

    from tests.support.stand_in import StandIn

GATEWAY, SAGEMAKER = "http://127.0.0.1:8000", "http://127.0.0.1:4599"
LOG = "gateway.log"
CONTAINER = re.compile(r"\b930\d\b")
CONSOLE = re.compile(r"^```console\n(.*?)^```", re.DOTALL | re.MULTILINE)
COMMAND_SECONDS = 150
# These need a terminal of their own or an account: the local stack, and AWS.
LEFT_OUT = re.compile(r"make |docker |\w+=\S+ ")


def steps(readme: str) -> list[tuple[str, str]]:
    """Return each command of a page, and the output that stands below it."""
    blocks = "".join(CONSOLE.findall(readme))
    parts = re.split(r"^\$ ", blocks, flags=re.MULTILINE)[1:]
    return [(command, output) for command, _, output in (part.partition("\n") for part in parts)]


class Walk:
    """A reader with a local SageMaker, and a gateway from the first call on."""

    def __init__(self, folder: Path, stand_in: StandIn) -> None:
        self._folder = folder
        self._end = contextlib.ExitStack()
        self._gateway: LocalGateway | None = None
        self._ports: dict[str, str] = {}
        self._aws = {**ENVIRONMENT, "AWS_ENDPOINT_URL": stand_in.url}
        artifacts = shutil.ignore_patterns("*.tar.gz", "__pycache__")
        shutil.copytree(ROOT / "examples", folder / "examples", ignore=artifacts)
        shutil.copy(ROOT / "routing.yaml", folder)
        (folder / ".venv").symlink_to(sys.prefix)
        (folder / ".local").mkdir()
        lines = [f"export {name}={value}\n" for name, value in self._aws.items()]
        (folder / ".local/env").write_text("".join(lines))

    def follow(self, example: str) -> None:
        """Run the commands of an example's README, and compare what they print."""
        readme = self._folder / "examples" / example / "README.md"
        self.follow_page(readme.read_text(encoding="utf-8"))

    def follow_page(self, page: str, *, notes: bool = True) -> None:
        """Run the commands of a page, and compare what they print.

        Args:
            notes: Whether the page shows what goes to stderr, too.
        """
        self._gateway = None  # one that has read this page's entries
        environment = dict(os.environ)
        for command, expected in steps(page):
            if LEFT_OUT.match(command):
                continue
            if command == "source .local/env":
                environment |= self._aws
            elif CONTAINER.search(command):
                self._start(command, expected, environment)
            else:
                assert self.run(command, environment, notes=notes) == expected, command

    def run(
        self, command: str, environment: dict[str, str] | None = None, *, notes: bool = True
    ) -> str:
        """Run one command line, and return what it prints; notes go to stderr."""
        environment = {**(environment or os.environ), **self._images()}
        environment["PATH"] = f"{self._folder / '.venv/bin'}:{environment['PATH']}"  # gatewayctl
        if GATEWAY in command or "client.py" in command:
            environment["BASE_URL"] = self.gateway.url
            command = command.replace(GATEWAY, self.gateway.url)
        command = command.replace(SAGEMAKER, self._aws["AWS_ENDPOINT_URL"])
        if command.startswith("curl "):
            command += " --silent --show-error --write-out '\\n'"
        if LOG in command:  # which `make run` writes
            (self._folder / LOG).write_text(self.gateway.log, encoding="utf-8")
        finished = subprocess.run(
            ["bash", "-c", command],
            cwd=self._folder,
            env=environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT if notes else None,
            text=True,
            timeout=COMMAND_SECONDS,
            check=False,
        )
        assert finished.returncode == 0, f"{command}\n{finished.stdout}"
        return finished.stdout

    @property
    def gateway(self) -> LocalGateway:
        """The gateway, with the table as it is at the example's first call, and the demo key."""
        if self._gateway is None:
            table = f"file:{self._folder / 'routing.yaml'}"
            issue = "-m gatewayctl keys issue --stage local --principal demo --grants '*'"
            key = subprocess.run(
                ["bash", "-c", f"{sys.executable} {issue}"],
                cwd=ROOT,
                env={**os.environ, **self._aws},
                stdout=subprocess.PIPE,
                check=True,
            )
            (self._folder / ".local/demo-key").write_bytes(key.stdout.strip())
            gateway = LocalGateway({**self._aws, "GATEWAY_ROUTING": table})
            self._gateway = self._end.enter_context(gateway)
        return self._gateway

    def _start(self, command: str, expected: str, environment: dict[str, str]) -> None:
        """Start a container, and wait until it prints what the README shows."""
        (port,) = CONTAINER.findall(command)
        self._ports[port] = str(free_port())
        container = subprocess.Popen(
            ["bash", "-c", "exec " + command.replace(port, self._ports[port])],
            cwd=self._folder,
            env=environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )
        self._end.callback(_stop, container)
        assert container.stdout is not None
        assert container.stdout.readline() == expected.replace(port, self._ports[port])

    def _images(self) -> dict[str, str]:
        """Return the variables that lead the seeds to the containers on other ports."""
        variables = {"9301": "IMAGE", "9302": "PREPROCESS_IMAGE"}
        return {variables[port]: f"http://127.0.0.1:{own}" for port, own in self._ports.items()}

    def __enter__(self) -> Walk:
        return self

    def __exit__(self, *_: object) -> None:
        self._end.close()


def _stop(container: subprocess.Popen[str]) -> None:
    """End a container as SageMaker does; it finishes by itself."""
    container.send_signal(signal.SIGTERM)
    try:
        assert container.wait(timeout=30) == 0
    finally:
        container.kill()
        container.communicate()
