"""`make run`'s program: the gateway and the local SageMaker as one thing that starts and stops."""

from __future__ import annotations

import json
import os
import re
import signal
import socket
import subprocess
import sys
import tempfile

import psutil
import pytest

from tests.support.paths import ROOT
from tests.support.ports import free_port
from tests.support.stand_in import gone, wait_until


class LocalStack:
    """`python -m local_stack` on two free ports; ends with the `with`."""

    def __init__(self, *options: str) -> None:
        self.port, self.sagemaker_port = free_port(), free_port()
        ports = ("--port", str(self.port), "--sagemaker-port", str(self.sagemaker_port))
        self._log = tempfile.TemporaryFile("w+b")  # noqa: SIM115 (closed by __exit__)
        self.process = subprocess.Popen(
            [sys.executable, "-m", "local_stack", "--exit-with-parent", *(options or ports)],
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=self._log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )

    @property
    def log(self) -> str:
        length = os.fstat(self._log.fileno()).st_size
        return os.pread(self._log.fileno(), length, 0).decode()

    def until_ready(self) -> LocalStack:
        wait_until(lambda: self.is_ready or self.process.poll() is not None)
        assert self.is_ready, self.log
        return self

    @property
    def is_ready(self) -> bool:
        return re.search(r"^ready: ", self.log, re.MULTILINE) is not None

    def descendants(self) -> list[psutil.Process]:
        return psutil.Process(self.process.pid).children(recursive=True)

    def __enter__(self) -> LocalStack:
        return self

    def __exit__(self, *_: object) -> None:
        self.process.terminate()
        self.process.wait(timeout=30)
        assert self.process.stdin is not None
        self.process.stdin.close()
        self._log.close()


def child(processes, part):
    """The child that runs a part of the stack."""
    (found,) = [one for one in processes if part in " ".join(one.cmdline()).split()]
    return found


def test_every_printed_line_works_as_it_is_pasted():
    """One for each kind of target, and the list; then one `ready:`, and nothing before it."""
    with LocalStack().until_ready() as stack:
        lines = re.findall(r"^curl .*", stack.log, re.MULTILINE)

        assert len(lines) == 6
        for line in lines:
            # As a shell would run it: the key is read from the file that the line names.
            pasted = subprocess.run(
                ["bash", "-c", f"{line} --silent"], check=True, stdout=subprocess.PIPE
            )
            assert json.loads(pasted.stdout).keys() <= {"predictions", "models"}, line
            assert "Authorization" in line
        assert stack.log.count("\nready: ") == 1
        assert "sagemaker | " in stack.log


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM], ids=["ctrl-c", "sigterm"])
def test_it_ends_whole_when_told(number):
    """Exit code 0, and no process of it is left."""
    with LocalStack().until_ready() as stack:
        below = stack.descendants()
        stack.process.send_signal(number)

        assert stack.process.wait(timeout=30) == 0
        assert below
        assert gone(below)
        assert "Traceback" not in stack.log


@pytest.mark.parametrize("part", ["local_stack.gateway", "sagemaker_local"])
def test_when_one_part_dies_the_other_is_stopped(part):
    """Exit code 1 and a line that names the part."""
    with LocalStack().until_ready() as stack:
        below = stack.descendants()
        child(below, part).kill()

        assert stack.process.wait(timeout=30) == 1
        wait_until(lambda: gone(below))
        assert re.search(r"^error: the (gateway|local SageMaker) ended", stack.log, re.MULTILINE)


def test_killed_hard_it_leaves_nothing():
    """Its children end because it has."""
    with LocalStack().until_ready() as stack:
        below = stack.descendants()
        stack.process.kill()

        wait_until(lambda: gone(below))


def test_a_taken_port_is_said_before_anything_starts():
    """Which one, and how to choose another."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with LocalStack("--port", str(port), "--sagemaker-port", str(free_port())) as stack:
            assert stack.process.wait(timeout=30) == 1
            advice = f"choose another with: make run PORT={port + 1}"
            assert f"error: port {port} is taken; {advice}" in stack.log
