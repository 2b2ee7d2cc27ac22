"""Child processes that live and die together."""

from __future__ import annotations

import asyncio
import contextlib
import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

STOP_TIMEOUT_SECONDS = 10.0


class ChildEnded(Exception):
    """A child that should have gone on did not."""


class Child:
    """A Python module as a process. Its standard input is a pipe: when we go, it goes."""

    def __init__(self, name: str, process: asyncio.subprocess.Process) -> None:
        self.name = name
        self._process = process
        self._relay: asyncio.Task[None] | None = None

    @classmethod
    async def start(
        cls,
        name: str,
        command: list[str],
        environment: Mapping[str, str],
        on_line: Callable[[str], None],
    ) -> Child:
        """`on_line` gets every line that it prints."""
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            *command,
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
            env=environment,
            # Ctrl-C is for us alone; we stop our children in our own order.
            start_new_session=True,
        )
        child = cls(name, process)
        child._relay = asyncio.create_task(child._pass_on(on_line))
        return child

    async def ended(self) -> None:
        """Never returns: when the process ends, ChildEnded."""
        code = await self._process.wait()
        raise ChildEnded(f"{self.name} ended with code {code}; its last lines say why")

    async def stop(self) -> None:
        if self._process.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                self._process.terminate()
            try:
                await asyncio.wait_for(self._process.wait(), STOP_TIMEOUT_SECONDS)
            except TimeoutError:
                self._process.kill()
                await self._process.wait()
        if self._relay is not None:
            await self._relay

    async def _pass_on(self, on_line: Callable[[str], None]) -> None:
        assert self._process.stdout is not None
        async for line in self._process.stdout:
            on_line(line.decode(errors="replace").rstrip("\n"))
