"""What endpoints and inference components have in common: a status, and work that moves it on."""

from __future__ import annotations

import asyncio
import logging
import time
from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, Literal

from sagemaker_local.hosting.hosted_container import StartFailed
from sagemaker_local.hosting.models import stop

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine

    from sagemaker_local.hosting.hosted_container import HostedContainer

log = logging.getLogger(__name__)

Status = Literal["Creating", "InService", "Updating", "Failed", "Deleting"]


class Lifecycle(ABC):
    """A status that work in the background moves on."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.status: Status = "Creating"
        self.failure_reason: str | None = None
        self.created = self.modified = time.time()
        self._work: set[asyncio.Task[None]] = set()
        self._retiring: list[HostedContainer] = []
        self._closing: asyncio.Task[None] | None = None
        self._deletion: asyncio.Task[None] | None = None

    def move_to(self, status: Status) -> None:
        if self._deletion is not None:
            return  # nothing leads out of Deleting
        self.status = status
        self.modified = time.time()

    def fail(self, reason: str) -> None:
        log.warning("%s: %s", self.name, reason)
        self.failure_reason = reason
        self.move_to("Failed")

    def begin(self, work: Coroutine[None, None, None]) -> None:
        task = asyncio.create_task(self._carry_out(work))
        self._work.add(task)
        task.add_done_callback(self._work.discard)

    def begin_deletion(self, forget: Callable[[], object]) -> None:
        """Close in the background, then call `forget`."""
        if self._deletion is None:
            self.move_to("Deleting")
            self._deletion = asyncio.create_task(self._delete(forget))

    async def retire(self, containers: list[HostedContainer]) -> None:
        """Stop containers once their calls are answered; `close` stops those that still wait."""
        self._retiring += containers
        for container in containers:  # in their order, which is a call's way through a pipeline
            await container.drain()
        await stop(containers)
        self._retiring = [other for other in self._retiring if other not in containers]

    async def close(self) -> None:
        """End whatever runs; whoever asks meanwhile waits for the same end."""
        if self._closing is None:
            self._closing = asyncio.create_task(self._close())
        await self._closing

    async def _close(self) -> None:
        for task in self._work:
            task.cancel()
        if self._work:
            await asyncio.wait(self._work)
        await stop([*self._retiring, *self.containers])

    @property
    @abstractmethod
    def containers(self) -> list[HostedContainer]:
        """Those at work."""

    async def _carry_out(self, work: Coroutine[None, None, None]) -> None:
        try:
            await work
        except StartFailed as failure:
            self.fail(str(failure))
        except Exception:
            # Nobody foresaw it, and nobody should wait for its end either.
            log.exception("%s: failed", self.name)
            self.fail("Request to service failed. If failure persists, contact customer support.")

    async def _delete(self, forget: Callable[[], object]) -> None:
        await self.close()
        forget()
