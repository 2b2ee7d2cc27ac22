"""Runs AWS's Multi Model Server as SageMaker's multi-model containers run it.

    with MultiModelServer() as server:
        ...                                  # Image: server.url

Every model is a folder that `multi_model_handler.py` serves.

Source of the settings: sagemaker-inference-toolkit, `etc/mme-mms.properties`.
"""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from pathlib import Path
from typing import TYPE_CHECKING

import psutil

from tests.support.ports import free_port

if TYPE_CHECKING:
    from collections.abc import Callable

HANDLER = Path(__file__).with_name("multi_model_handler.py")
START_SECONDS = 60
STOP_SECONDS = 10

PROPERTIES = f"""\
vmargs=-Xmx128m -XX:TieredStopAtLevel=1
enable_envvars_config=true
model_store=/
default_service_handler={HANDLER}:handle
default_workers_per_model=1
async_logging=true
decode_input_request=false
inference_address={{url}}
management_address={{url}}
metric_time_interval=3600
"""


class MultiModelServer:
    """A Java server with a Python process for each loaded model, in one process group."""

    def __init__(self) -> None:
        self.url = f"http://127.0.0.1:{free_port()}"

    @property
    def log(self) -> str:
        return self._log.read_text()

    def start(self) -> MultiModelServer:
        # Unix sockets need a folder for each server, because two servers use the same names, and
        # its path must be short.
        self._folder = tempfile.TemporaryDirectory(prefix="mms-")
        folder = Path(self._folder.name)
        self._log = folder / "log"
        config = folder / "config.properties"
        config.write_text(PROPERTIES.format(url=self.url))
        command = ["-m", "mms.model_server", "--start", "--foreground", "--mms-config", str(config)]
        with self._log.open("wb") as log:
            self._process = subprocess.Popen(
                [sys.executable, *command],
                cwd=folder,
                env={**os.environ, "TMPDIR": str(folder), "TEMP": str(folder)},
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        try:
            self._wait_until_healthy()
        except BaseException:
            self.stop()
            raise
        return self

    def stop(self) -> None:
        """Terminate the process group, and kill it if it does not end in time."""
        for signal_number in (signal.SIGTERM, signal.SIGKILL):
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self._process.pid, signal_number)
            if _wait(lambda: not self._members(), STOP_SECONDS):
                break
        self._process.wait()
        self._folder.cleanup()

    def __enter__(self) -> MultiModelServer:
        return self.start()

    def __exit__(self, *exc_info: object) -> None:
        self.stop()

    def _wait_until_healthy(self) -> None:
        ended = lambda: self._process.poll() is not None  # noqa: E731
        _wait(lambda: ended() or self._is_healthy(), START_SECONDS)
        if not self._is_healthy():
            raise RuntimeError(f"Multi Model Server does not answer at {self.url}:\n{self.log}")

    def _is_healthy(self) -> bool:
        try:
            with urllib.request.urlopen(f"{self.url}/ping", timeout=2) as response:
                return response.status == 200
        except (urllib.error.URLError, OSError):
            return False

    def _members(self) -> list[psutil.Process]:
        """Return the running processes of the group; zombies do not count."""
        self._process.poll()
        return [p for p in psutil.process_iter() if _belongs(p, self._process.pid)]


def _belongs(process: psutil.Process, group: int) -> bool:
    try:
        return os.getpgid(process.pid) == group and process.status() != psutil.STATUS_ZOMBIE
    except (psutil.NoSuchProcess, ProcessLookupError):
        return False


def _wait(condition: Callable[[], bool], seconds: float) -> bool:
    deadline = time.monotonic() + seconds
    while not (holds := condition()) and time.monotonic() < deadline:
        time.sleep(0.05)
    return holds
