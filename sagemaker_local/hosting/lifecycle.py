"""Status and background work that endpoints and inference components share."""

from __future__ import annotations

import asyncio
import logging
import time
from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, Literal

from sagemaker_local.hosting.hosted_container import StartFailed
from sagemaker_local.hosting.models import stop_containers

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine

    from sagemaker_local.hosting.hosted_container import HostedContainer

log = logging.getLogger(__name__)

Status = Literal["Creating", "InService", "Updating", "Failed", "Deleting"]


def now() -> float:
    """Return the time in seconds with three decimals, as AWS's answers have it."""
    return round(time.time(), 3)


class Lifecycle(ABC):
    """A named resource whose status changes when background work ends."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.status: Status = "Creating"
        self.failure_reason: str | None = None
        self.created = self.modified = now()
        self._tasks: set[asyncio.Task[None]] = set()
        self._draining: list[HostedContainer] = []
        self._closing: asyncio.Task[None] | None = None
        self._deletion: asyncio.Task[None] | None = None

    @property
    @abstractmethod
    def containers(self) -> list[HostedContainer]:
        """Containers that serve requests now."""

    @property
    def is_serving(self) -> bool:
        return self.status in ("InService", "Updating")

    @abstractmethod
    def start(self) -> None:
        """Begin to start the containers in the background."""

    def set_status(self, status: Status) -> None:
        """Change the status; `Deleting` is final."""
        if self._deletion is not None:
            return
        self.status = status
        self.modified = now()

    def fail(self, reason: str) -> None:
        """Record failed background work; a resource that was serving continues to serve."""
        log.warning("%s: %s", self.name, reason)
        self.failure_reason = reason
        self.set_status("InService" if self.is_serving else "Failed")

    def run_in_background(self, work: Coroutine[None, None, None]) -> None:
        """Run the work in a task; if it raises an error, the status becomes `Failed`."""
        task = asyncio.create_task(self._run(work))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def settled(self) -> None:
        """Wait until no background work is left."""
        while self._tasks:
            await asyncio.wait(self._tasks)

    def delete(self, after_close: Callable[[], object]) -> None:
        """Close in the background, then call `after_close`."""
        if self._deletion is None:
            self.set_status("Deleting")
            self._deletion = asyncio.create_task(self._delete(after_close))

    async def drain_and_stop(self, containers: list[HostedContainer]) -> None:
        """Stop containers after their current requests; `close` stops them without waiting."""
        self._draining += containers
        for container in containers:  # A pipeline's request passes through them in this order.
            await container.drain()
        await stop_containers(containers)
        self._draining = [other for other in self._draining if other not in containers]

    async def close(self) -> None:
        """Cancel background work and stop all containers; concurrent calls share one run."""
        if self._closing is None:
            self._closing = asyncio.create_task(self._close())
        await self._closing

    async def _close(self) -> None:
        for task in self._tasks:
            task.cancel()
        if self._tasks:
            await asyncio.wait(self._tasks)
        await stop_containers([*self._draining, *self.containers])

    async def _run(self, work: Coroutine[None, None, None]) -> None:
        try:
            await work
        except StartFailed as failure:
            self.fail(str(failure))
        except Exception:
            # An unexpected error must not leave the resource in Creating or Updating for ever.
            log.exception("%s: failed", self.name)
            self.fail("Request to service failed. If failure persists, contact customer support.")

    async def _delete(self, after_close: Callable[[], object]) -> None:
        await self.close()
        after_close()
