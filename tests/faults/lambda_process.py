"""A function as a process that can be frozen, and weighed."""

from __future__ import annotations

import contextlib
import re
from pathlib import Path
from typing import TYPE_CHECKING

import psutil

from tests.support.lambda_runtime import Lambda
from tests.support.stand_in import wait_until

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.support.package import Package

KIB = 1024


class LambdaProcess(Lambda):
    """One under AWS's runtime client, until the end of the `with`."""

    @contextlib.contextmanager
    def frozen(self) -> Iterator[None]:
        """As Lambda leaves a process between two events: it does not run at all."""
        process = psutil.Process(self._process.pid)
        process.suspend()
        wait_until(lambda: process.status() == psutil.STATUS_STOPPED)
        try:
            yield
        finally:
            process.resume()

    def forget_peak(self) -> None:
        """From here on `peak_bytes` counts anew: https://man7.org/linux/man-pages/man5/proc.5.html"""
        self._about("clear_refs").write_text("5")

    @property
    def peak_bytes(self) -> int:
        """The most memory that it has had at a time."""
        (kib,) = re.findall(r"^VmHWM:\s+(\d+) kB$", self._about("status").read_text(), re.MULTILINE)
        return int(kib) * KIB

    def _about(self, name: str) -> Path:
        return Path("/proc", str(self._process.pid), name)


def packaged(package: Package, task_root: Path, aws_url: str, **environment: str) -> LambdaProcess:
    """The function that answers requests, in the template's environment and this one."""
    properties = package.function
    given = {**properties["Environment"]["Variables"], "AWS_ENDPOINT_URL": aws_url}
    return LambdaProcess(task_root, properties["Handler"], {**given, **environment})
