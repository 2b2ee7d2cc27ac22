"""The memory of a multi-model container: which models are in it, and which one goes next."""

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
    """A model on its way into memory, or there. `users` calls keep it from being unloaded."""

    target_model: str
    name: str
    folder: Path
    users: int = 0
    load: asyncio.Task[None] = field(init=False)

    @property
    def is_idle(self) -> bool:
        return self.load.done() and self.users == 0


class ModelMemory:
    """Places for models, as many as the limit says, or as many as the container takes.

    All unloading happens under one lock, which every load passes through: a model that is being
    unloaded cannot be loaded again before it has gone.
    """

    def __init__(
        self, unload: Callable[[CachedModel], Awaitable[None]], max_models: int | None
    ) -> None:
        self._unload = unload
        self._max_models = max_models
        self._models: OrderedDict[CachedModel, None] = OrderedDict()
        self._refused: set[CachedModel] = set()
        self._unloading = asyncio.Lock()
        self._changed = asyncio.Event()

    def __contains__(self, model: CachedModel) -> bool:
        return model in self._models

    def used(self, model: CachedModel) -> None:
        """It is now the most recently used."""
        if model in self._models:
            self._models.move_to_end(model)

    def changed(self) -> None:
        """Those who wait for a place look again: a model is idle, loaded, or gone."""
        self._changed.set()

    def forget(self, model: CachedModel) -> None:
        """It is not in memory, without having been unloaded."""
        self._models.pop(model, None)
        self.changed()

    async def take_place(self, model: CachedModel) -> None:
        """Before it is loaded. Never oversteps the limit; waits for a model that is in use."""
        while True:
            async with self._unloading:
                if not self._max_models or len(self._models) < self._max_models:
                    self._models[model] = None
                    return
                if await self._unload_least_recently_used():
                    continue
                self._changed.clear()
            await self._changed.wait()

    async def free_memory_for(self, refused: CachedModel) -> bool:
        """After the container had none for it. False when there is nobody to wait for."""
        self._refused.add(refused)
        try:
            while True:
                async with self._unloading:
                    if await self._unload_least_recently_used():
                        return True
                    if not self._models.keys() - self._refused:
                        return False
                    self._changed.clear()
                await self._changed.wait()
        finally:
            self._refused.discard(refused)

    async def unload_another_than(self, kept: CachedModel) -> bool:
        """While `kept` stays. False when no other model is idle."""
        async with self._unloading:
            return await self._unload_least_recently_used(kept)

    async def unload_if_idle(self, model: CachedModel) -> bool:
        """Unless somebody has called it meanwhile."""
        async with self._unloading:
            if model not in self._models or not model.is_idle:
                return False
            await self._remove(model)
            return True

    async def unload_all(self) -> None:
        async with self._unloading:
            for model in list(self._models):
                await self._remove(model)

    async def _unload_least_recently_used(self, kept: CachedModel | None = None) -> bool:
        for model in self._models:
            if model.is_idle and model is not kept:
                await self._remove(model)
                return True
        return False

    async def _remove(self, model: CachedModel) -> None:
        try:
            await self._unload(model)
        finally:
            self.forget(model)
