"""Child processes: starting, reading their output, waiting for them, and stopping."""

from __future__ import annotations

import asyncio
import contextlib
import sys
from typing import TYPE_CHECKING, NoReturn

from sagemaker_local.hosting.container_process import next_line

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine, Mapping

STOP_TIMEOUT_SECONDS = 10.0
LAST_LINES_SECONDS = 5.0
PAUSE_SECONDS = 0.05
LONGEST_LINE_BYTES = 2**20
"""A longer line is printed in pieces."""


START_SECONDS = 120.0
"""For the gateway, and for the worker."""


class ChildEnded(Exception):
    """A child process failed or ended early."""


class NotStarted(Exception):
    """A part of the stack did not start."""


class Child:
    """A Python module that runs in its own process.

    The child's standard input is a pipe from this process, so that the child can end with it.
    """

    def __init__(
        self, name: str, process: asyncio.subprocess.Process, on_line: Callable[[str], None]
    ) -> None:
        self.name = name
        self._process = process
        self._relay = asyncio.create_task(self._read_output(on_line))

    @classmethod
    async def start(
        cls,
        name: str,
        command: list[str],
        environment: Mapping[str, str],
        on_line: Callable[[str], None],
    ) -> Child:
        """Start `python -m <command>`; `on_line` is called with each line that the child prints."""
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            *command,
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
            limit=LONGEST_LINE_BYTES,
            env=environment,
            # Ctrl-C must not reach the children: this process stops them in its own order.
            start_new_session=True,
        )
        return cls(name, process, on_line)

    async def fail_when_ended(self) -> NoReturn:
        """Wait for the end of the child.

        Raises:
            ChildEnded: The child has ended.
        """
        raise await self._ended()

    async def finish(self) -> None:
        """Wait until the child has done its work.

        Raises:
            ChildEnded: The child has failed.
        """
        ended = await self._ended()
        if self._process.returncode != 0:
            raise ended

    async def _ended(self) -> ChildEnded:
        """Wait for the end of the child and of its output."""
        code = await self._exit_code()
        await self._read_last_lines()
        return ChildEnded(f"{self.name} ended with code {code}; its last lines say why")

    async def stop(self) -> None:
        if self._process.returncode is None:
            assert self._process.stdin is not None
            self._process.stdin.close()
            with contextlib.suppress(ProcessLookupError):
                self._process.terminate()
            try:
                await asyncio.wait_for(self._exit_code(), STOP_TIMEOUT_SECONDS)
            except TimeoutError:
                self._process.kill()
                await self._exit_code()
        await self._read_last_lines()
        self._relay.cancel()

    async def _exit_code(self) -> int:
        """Wait for the end of the child; asyncio's `wait` also waits for its pipes."""
        while (code := self._process.returncode) is None:
            await asyncio.sleep(PAUSE_SECONDS)
        return code

    async def _read_last_lines(self) -> None:
        """Wait for the end of the output, which a process that the child left may hold open."""
        await asyncio.wait({self._relay}, timeout=LAST_LINES_SECONDS)

    async def _read_output(self, on_line: Callable[[str], None]) -> None:
        assert self._process.stdout is not None
        while line := await next_line(self._process.stdout):
            on_line(line.decode(errors="replace").rstrip("\n"))


async def wait_for_start(name: str, ready: asyncio.Event, children: list[Child]) -> None:
    """Wait until a child says that it is ready.

    Raises:
        NotStarted: It takes too long.
    """
    try:
        async with asyncio.timeout(START_SECONDS):
            await wait_for(ready.wait(), children)
    except TimeoutError:
        raise NotStarted(f"the {name} is not ready after {START_SECONDS:g} s") from None


async def wait_for(work: Coroutine[None, None, object], children: list[Child]) -> None:
    """Wait until the work is done; raises ChildEnded if a child ends first."""
    ends = (child.fail_when_ended() for child in children)
    tasks: list[asyncio.Task[object]] = [asyncio.create_task(one) for one in (work, *ends)]
    try:
        done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        for task in done:
            task.result()
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.wait(tasks)
