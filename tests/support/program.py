"""A program of the project, as a process of its own."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from typing import TYPE_CHECKING, Self

import psutil

from tests.support.paths import ROOT

if TYPE_CHECKING:
    from collections.abc import Mapping


class Program:
    """`python -m …` until the end of the `with`; it also ends with this process.

    Args:
        module: What is run.
        arguments: Of the command line.
        environment: Further variables.
        unread: Whether it prints to a pipe that nobody reads.
    """

    def __init__(
        self,
        module: str,
        *arguments: str,
        environment: Mapping[str, str] | None = None,
        unread: bool = False,
    ) -> None:
        self._log = tempfile.TemporaryFile("w+b")  # noqa: SIM115 (closed by __exit__)
        self.process = subprocess.Popen(
            [sys.executable, "-m", module, "--exit-with-parent", *arguments],
            cwd=ROOT,
            env={**os.environ, **(environment or {})},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE if unread else self._log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )

    @property
    def log(self) -> str:
        """Everything that it has printed; reading does not move its write position."""
        length = os.fstat(self._log.fileno()).st_size
        return os.pread(self._log.fileno(), length, 0).decode()

    def descendants(self) -> list[psutil.Process]:
        """List all processes below it."""
        return psutil.Process(self.process.pid).children(recursive=True)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.process.terminate()
        self.process.wait(timeout=60)
        for pipe in (self.process.stdin, self.process.stdout):
            if pipe is not None:
                pipe.close()
        self._log.close()
