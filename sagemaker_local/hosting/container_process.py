"""The process behind a container: a model server that is started here, or one that already runs.

`Image` decides: `local/sklearn` is started as a child process, and `http://127.0.0.1:9301` is
the address of a running server.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import re
import signal
import socket
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from sagemaker_local.hosting.container_client import client_session, is_ping_ok

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from sagemaker_local.definitions import ContainerDefinition

log = logging.getLogger(__name__)

PROJECT_FOLDER = Path(__file__).resolve().parents[2]
FRAMEWORK_IMAGE = re.compile(r"local/(sklearn|lightgbm)(:[\w.-]+)?")
RUNNING_IMAGE = re.compile(r"http://(127\.0\.0\.1|localhost|\[::1\]):\d{1,5}/?")

STOP_TIMEOUT_SECONDS = 5.0
MAX_STARTS_BEFORE_READY = 3
MAX_RESTART_DELAY_SECONDS = 5.0

NOT_INHERITED = ("AWS_", "SAGEMAKER_", "SM_")


class UnknownImage(Exception):
    """The stand-in cannot run the image."""


class NeverReady(Exception):
    """The process ended several times before it passed a health check."""


class Container:
    """A model server at a URL. This base class is for a server that already runs."""

    def __init__(self, url: str) -> None:
        self.url = url.rstrip("/")

    async def start(self, on_restart: Callable[[], None]) -> None:
        """Start the server; `on_restart` is called when a restart has lost the loaded models."""

    async def wait_until_ready(self) -> None:
        """Return when the server accepts requests.

        Raises:
            NeverReady: The server cannot be started.
        """

    async def stop(self) -> None:
        """Stop what `start` has started."""


class ChildContainer(Container):
    """A model server of this package as a child process, restarted when it ends.

    This process owns the listening socket and passes it to the child, so that the port stays the
    same over restarts. The child's standard input is a pipe without a writer: it closes when this
    process ends for any reason, and then the child ends too.
    """

    def __init__(self, framework: str, environment: Mapping[str, str], label: str) -> None:
        self._framework = framework
        self._environment = environment
        self._label = label
        self._socket = socket.create_server(("127.0.0.1", 0), backlog=256)
        super().__init__(f"http://127.0.0.1:{self._socket.getsockname()[1]}")
        self._is_ready = asyncio.Event()
        self._supervisor: asyncio.Task[None] | None = None

    async def start(self, on_restart: Callable[[], None]) -> None:
        self._supervisor = asyncio.create_task(self._supervise(on_restart))

    async def wait_until_ready(self) -> None:
        if self._is_ready.is_set():
            return
        if self._supervisor is None:
            raise NeverReady(f"{self._label} was not started")
        ready = asyncio.create_task(self._is_ready.wait())
        await asyncio.wait({ready, self._supervisor}, return_when=asyncio.FIRST_COMPLETED)
        ready.cancel()
        if self._supervisor.done():
            raise NeverReady(f"{self._label} ended {MAX_STARTS_BEFORE_READY} times at its start")

    async def stop(self) -> None:
        if self._supervisor is not None:
            self._supervisor.cancel()
            await asyncio.wait({self._supervisor})
        self._socket.close()

    async def _supervise(self, on_restart: Callable[[], None]) -> None:
        failures, ever_ready = 0, False
        while ever_ready or failures < MAX_STARTS_BEFORE_READY:
            if failures or ever_ready:
                log.warning("%s: restarting", self._label)
            was_ready = await self._run_once()
            on_restart()
            ever_ready = ever_ready or was_ready
            failures = 0 if was_ready else failures + 1
            await asyncio.sleep(min(0.1 * 2**failures, MAX_RESTART_DELAY_SECONDS))

    async def _run_once(self) -> bool:
        """Run the process until it ends; return whether it became ready."""
        process = await self._spawn()
        output = asyncio.create_task(self._log_output(process))
        health_check = asyncio.create_task(self._check_health())
        try:
            code = await process.wait()
            log.warning("%s: process %d ended with code %d", self._label, process.pid, code)
            return self._is_ready.is_set()
        finally:
            health_check.cancel()
            self._is_ready.clear()
            await _terminate(process)
            await output

    async def _spawn(self) -> asyncio.subprocess.Process:
        descriptor = self._socket.fileno()
        command = [sys.executable, "-m", "sagemaker_local.modelserver", self._framework]
        return await asyncio.create_subprocess_exec(
            *command,
            "--fd",
            str(descriptor),
            "--exit-with-parent",
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
            pass_fds=(descriptor,),
            cwd=PROJECT_FOLDER,
            env=self._child_environment(),
        )

    def _child_environment(self) -> dict[str, str]:
        """Leave out what a container on AWS does not have: credentials, and settings of others."""
        inherited = {k: v for k, v in os.environ.items() if not k.startswith(NOT_INHERITED)}
        port = str(self._socket.getsockname()[1])
        # One thread for each container, because a dozen containers share this machine.
        own = {"OMP_NUM_THREADS": "1", "SAGEMAKER_BIND_TO_PORT": port, "PYTHONUNBUFFERED": "1"}
        return {**inherited, **own, **self._environment}

    async def _check_health(self) -> None:
        async with client_session() as session:
            while not await is_ping_ok(session, self.url):
                await asyncio.sleep(0.05)
        self._is_ready.set()

    async def _log_output(self, process: asyncio.subprocess.Process) -> None:
        """Copy what the container prints to the log, as CloudWatch would show it."""
        assert process.stdout is not None
        while line := await next_line(process.stdout):
            log.info("%s | %s", self._label, line.decode(errors="replace").rstrip())


async def next_line(stream: asyncio.StreamReader) -> bytes:
    """Return the next line, in pieces if it is too long for asyncio; empty at the end."""
    try:
        return await stream.readuntil(b"\n")
    except asyncio.IncompleteReadError as end:
        return end.partial
    except asyncio.LimitOverrunError as overrun:
        return await stream.readexactly(overrun.consumed)


async def _terminate(process: asyncio.subprocess.Process) -> None:
    if process.returncode is None:
        _send_signal(process, signal.SIGTERM)
        try:
            await asyncio.wait_for(process.wait(), STOP_TIMEOUT_SECONDS)
        except TimeoutError:
            _send_signal(process, signal.SIGKILL)
            await process.wait()


def _send_signal(process: asyncio.subprocess.Process, number: signal.Signals) -> None:
    """Use the process id: `process.terminate` would hide the exit code of an ended process."""
    with contextlib.suppress(ProcessLookupError):
        os.kill(process.pid, number)


def container_for(
    definition: ContainerDefinition, label: str, model_folder: Path | None
) -> Container:
    """Create the container for an image.

    Raises:
        UnknownImage: The stand-in cannot run the image.
    """
    if RUNNING_IMAGE.fullmatch(definition.image):
        return Container(definition.image)
    match = FRAMEWORK_IMAGE.fullmatch(definition.image)
    if match is None:
        raise UnknownImage(
            f"The local SageMaker cannot run image {definition.image}. It starts local/sklearn and"
            " local/lightgbm, and calls a container that already runs on this machine when"
            " the image is its address, as in http://127.0.0.1:9301."
        )
    environment = dict(definition.environment)
    if definition.multi_model:
        environment["SAGEMAKER_MULTI_MODEL"] = "true"
    if model_folder is not None:
        environment["SM_MODEL_DIR"] = str(model_folder)
    return ChildContainer(match[1], environment, label)
