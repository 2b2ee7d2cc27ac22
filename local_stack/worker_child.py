"""The worker of jobs as a child process, which is started again when it ends, as by Lambda."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import TYPE_CHECKING

from local_stack.children import Child, ChildEnded, wait_for_start

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

WORKER_ENDED = "the worker has ended, and is started again …"
WORKER_BACK = (
    "the worker runs again; a job that it was at work on is tried again when the time of that try "
    "is over: job_seconds of the model and a minute"
)


class WorkerChild:
    """The worker of jobs. As on Lambda, its end is not the end of the others."""

    child: Child

    def __init__(
        self,
        children: list[Child],
        port: int,
        environment: Mapping[str, str],
        on_line: Callable[[str], None],
    ) -> None:
        self._children = children
        self._port = port
        self._environment = environment
        self._print = on_line
        self._ready = asyncio.Event()

    async def start(self) -> None:
        self._ready.clear()
        command = ["local_stack.worker", "--exit-with-parent", "--create-for", str(self._port)]
        self.child = await Child.start("the worker", command, self._environment, self._on_line)
        self._children.append(self.child)

    async def wait_for_start(self, children: list[Child]) -> None:
        await wait_for_start("worker", self._ready, children)

    async def keep_working(self) -> None:
        """Start the worker again whenever it has ended.

        Raises:
            ChildEnded: It ended before it was ready.
            NotStarted: It takes too long.
        """
        while True:
            with suppress(ChildEnded):
                await self.child.fail_when_ended()
            self._print(WORKER_ENDED)
            self._children.remove(self.child)
            await self.child.stop()
            await self.start()
            await self.wait_for_start([self.child])
            self._print(WORKER_BACK)

    def _on_line(self, line: str) -> None:
        if line.startswith("working:"):
            self._ready.set()
        else:
            self._print(line)
