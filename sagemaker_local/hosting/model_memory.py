"""The memory of a multi-model container: loaded models, and which one is unloaded next."""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from pathlib import Path


@dataclass(eq=False)
class CachedModel:
    """A model that is loaded or loading; it is not unloaded while `users` requests use it."""

    target_model: str
    name: str
    folder: Path
    users: int = 0
    load: asyncio.Task[None] = field(init=False)

    @property
    def is_idle(self) -> bool:
        return self.load.done() and self.users == 0


class ModelMemory:
    """Places for loaded models, limited by a number or by the container's memory.

    One lock guards all unloading, and every load takes it too: a model that is being unloaded
    cannot be loaded again before the unload has ended.
    """

    def __init__(
        self, unload: Callable[[CachedModel], Awaitable[None]], max_models: int | None
    ) -> None:
        self._unload = unload
        self._max_models = max_models
        self._models: OrderedDict[CachedModel, None] = OrderedDict()
        self._waiting: set[CachedModel] = set()
        self._unloading = asyncio.Lock()
        self._changed = asyncio.Event()

    def __contains__(self, model: CachedModel) -> bool:
        return model in self._models

    def mark_used(self, model: CachedModel) -> None:
        """Make the model the most recently used one."""
        if model in self._models:
            self._models.move_to_end(model)

    def notify(self) -> None:
        """Wake the loads that wait for a place: a model became idle, was loaded, or was removed."""
        self._changed.set()

    def remove(self, model: CachedModel) -> None:
        """Remove a model that the container does not hold any more."""
        self._models.pop(model, None)
        self.notify()

    async def reserve(self, model: CachedModel) -> None:
        """Take a place before a load; wait while all places are held by models in use."""
        while True:
            async with self._unloading:
                if not self._max_models or len(self._models) < self._max_models:
                    self._models[model] = None
                    return
                if await self._unload_least_recently_used():
                    continue
                self._changed.clear()
            await self._changed.wait()

    async def make_room_for(self, refused: CachedModel) -> bool:
        """Unload a model after the container refused a load with 507.

        Returns:
            False if every other model in memory also waits for room.
        """
        self._waiting.add(refused)
        try:
            while True:
                async with self._unloading:
                    if await self._unload_least_recently_used():
                        return True
                    if not self._models.keys() - self._waiting:
                        return False
                    self._changed.clear()
                await self._changed.wait()
        finally:
            self._waiting.discard(refused)

    async def unload_other_than(self, kept: CachedModel) -> bool:
        """Unload one other model; return False if no other model is idle."""
        async with self._unloading:
            return await self._unload_least_recently_used(kept)

    async def unload_if_idle(self, model: CachedModel) -> bool:
        """Unload the model unless a request uses it; return whether it was unloaded."""
        async with self._unloading:
            if model not in self._models or not model.is_idle:
                return False
            await self._unload_and_remove(model)
            return True

    async def unload_all(self) -> None:
        async with self._unloading:
            for model in list(self._models):
                await self._unload_and_remove(model)

    async def _unload_least_recently_used(self, kept: CachedModel | None = None) -> bool:
        for model in self._models:
            if model.is_idle and model is not kept:
                await self._unload_and_remove(model)
                return True
        return False

    async def _unload_and_remove(self, model: CachedModel) -> None:
        try:
            await self._unload(model)
        finally:
            self.remove(model)
