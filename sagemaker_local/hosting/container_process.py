"""Containers: model servers that speak SageMaker's container contract over HTTP.

`Image` says which: `http://127.0.0.1:9301` already runs, `local/sklearn` is started as a child.
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
from typing import TYPE_CHECKING, Protocol

from sagemaker_local.hosting.container_client import answers_ping, client_session

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from sagemaker_local.definitions import ContainerDefinition

log = logging.getLogger(__name__)

PROJECT_FOLDER = Path(__file__).resolve().parents[2]
FRAMEWORK_IMAGE = re.compile(r"local/(sklearn|lightgbm)(:[\w.-]+)?")
RUNNING_IMAGE = re.compile(r"http://(127\.0\.0\.1|localhost|\[::1\]):\d{1,5}/?")

STOP_TIMEOUT_SECONDS = 5.0
MAX_STARTS_BEFORE_READY = 3
MAX_RESTART_PAUSE_SECONDS = 5.0


class UnknownImage(Exception):
    """Nothing on this machine runs the image."""


class NeverReady(Exception):
    """The container did not pass its health check in time."""


class Container(Protocol):
    """Something that answers at a URL."""

    url: str

    async def start(self, on_restart: Callable[[], None]) -> None:
        """Begin; `on_restart` is called whenever the container has lost its memory."""

    async def ready(self) -> None:
        """Return when a started container may be called. When it gave up: NeverReady."""

    async def stop(self) -> None:
        """End what `start` began."""


class RunningContainer:
    """A server that somebody else started."""

    def __init__(self, url: str) -> None:
        self.url = url.rstrip("/")

    async def start(self, on_restart: Callable[[], None]) -> None:
        """Nothing to start: it runs, or its health check will say that it does not."""

    async def ready(self) -> None:
        """Always: nobody here would know better."""

    async def stop(self) -> None:
        """It was not ours to start, so it is not ours to stop."""


class ChildContainer:
    """One of our own model servers, kept alive.

    The listening socket is ours and is handed down, so that the port stays the same over
    restarts. The child's standard input is a pipe that nobody writes to: it ends when this
    process ends, however it ends, and the child goes with it.
    """

    def __init__(self, framework: str, environment: Mapping[str, str], label: str) -> None:
        self._framework = framework
        self._environment = environment
        self._label = label
        self._socket = socket.create_server(("127.0.0.1", 0), backlog=256)
        self.url = f"http://127.0.0.1:{self._socket.getsockname()[1]}"
        self._running = asyncio.Event()
        self._keeper: asyncio.Task[None] | None = None
        self.process: asyncio.subprocess.Process | None = None

    async def start(self, on_restart: Callable[[], None]) -> None:
        self._keeper = asyncio.create_task(self._keep_alive(on_restart))

    async def ready(self) -> None:
        if self._running.is_set():
            return
        if self._keeper is None:
            raise NeverReady(f"{self._label} was not started")
        running = asyncio.create_task(self._running.wait())
        await asyncio.wait({running, self._keeper}, return_when=asyncio.FIRST_COMPLETED)
        running.cancel()
        if self._keeper.done():
            raise NeverReady(f"{self._label} ended {MAX_STARTS_BEFORE_READY} times at its start")

    async def stop(self) -> None:
        if self._keeper is not None:
            self._keeper.cancel()
            await asyncio.wait({self._keeper})
        self._socket.close()

    async def _keep_alive(self, on_restart: Callable[[], None]) -> None:
        failures, ever_ready = 0, False
        while ever_ready or failures < MAX_STARTS_BEFORE_READY:
            if failures or ever_ready:
                log.warning("%s: restarting", self._label)
            was_ready = await self._run_once()
            on_restart()
            ever_ready = ever_ready or was_ready
            failures = 0 if was_ready else failures + 1
            await asyncio.sleep(min(0.1 * 2**failures, MAX_RESTART_PAUSE_SECONDS))

    async def _run_once(self) -> bool:
        """Run the process until it ends; say whether it had been ready."""
        process = self.process = await self._spawn()
        lines = asyncio.create_task(self._relay(process))
        watcher = asyncio.create_task(self._watch())
        try:
            code = await process.wait()
            log.warning("%s: process %d ended with code %d", self._label, process.pid, code)
            return self._running.is_set()
        finally:
            watcher.cancel()
            self._running.clear()
            await _end(process)
            await lines

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
        """A container on AWS has no caller's credentials; neither has this one."""
        inherited = {k: v for k, v in os.environ.items() if not k.startswith("AWS_")}
        port = str(self._socket.getsockname()[1])
        # One thread each: a dozen containers share this machine.
        own = {"OMP_NUM_THREADS": "1", "SAGEMAKER_BIND_TO_PORT": port, "PYTHONUNBUFFERED": "1"}
        return {**inherited, **own, **self._environment}

    async def _watch(self) -> None:
        async with client_session() as session:
            while not await answers_ping(session, self.url):
                await asyncio.sleep(0.05)
        self._running.set()

    async def _relay(self, process: asyncio.subprocess.Process) -> None:
        """The container's own lines, in our log as in CloudWatch."""
        assert process.stdout is not None
        while line := await _next_line(process.stdout):
            log.info("%s | %s", self._label, line.decode(errors="replace").rstrip())


async def _next_line(stream: asyncio.StreamReader) -> bytes:
    """Empty at the end. A line that is too long for asyncio comes in pieces."""
    try:
        return await stream.readuntil(b"\n")
    except asyncio.IncompleteReadError as end:
        return end.partial
    except asyncio.LimitOverrunError as overrun:
        return await stream.readexactly(overrun.consumed)


async def _end(process: asyncio.subprocess.Process) -> None:
    if process.returncode is None:
        _tell(process, signal.SIGTERM)
        try:
            await asyncio.wait_for(process.wait(), STOP_TIMEOUT_SECONDS)
        except TimeoutError:
            _tell(process, signal.SIGKILL)
            await process.wait()


def _tell(process: asyncio.subprocess.Process, number: signal.Signals) -> None:
    """By its id: `terminate` would keep from asyncio the code of one that has just ended."""
    with contextlib.suppress(ProcessLookupError):
        os.kill(process.pid, number)


def container_for(
    definition: ContainerDefinition, label: str, model_folder: Path | None
) -> Container:
    """The container that an image stands for. When nothing here runs it: UnknownImage."""
    _check(definition.image)
    if RUNNING_IMAGE.fullmatch(definition.image):
        return RunningContainer(definition.image)
    environment = dict(definition.environment)
    if definition.multi_model:
        environment["SAGEMAKER_MULTI_MODEL"] = "true"
    if model_folder is not None:
        environment["SM_MODEL_DIR"] = str(model_folder)
    framework = definition.image.removeprefix("local/").partition(":")[0]
    return ChildContainer(framework, environment, label)


def _check(image: str) -> None:
    if not (RUNNING_IMAGE.fullmatch(image) or FRAMEWORK_IMAGE.fullmatch(image)):
        raise UnknownImage(
            f"The local SageMaker cannot run image {image}. It starts local/sklearn and"
            " local/lightgbm, and calls a container that already runs on this machine when"
            " the image is its address, as in http://127.0.0.1:9301."
        )
