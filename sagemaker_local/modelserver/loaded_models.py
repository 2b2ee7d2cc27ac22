"""The models of a multi-model container: loaded, listed, invoked and unloaded by name."""

from __future__ import annotations

import asyncio
import gc
import logging
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from sagemaker_local.modelserver.errors import AlreadyLoaded, NotLoaded, OutOfMemory

if TYPE_CHECKING:
    from collections.abc import Callable

    from sagemaker_local.modelserver.models import InferenceRequest, InferenceResponse, Model

PAGE_SIZE = 100

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Page:
    """One page of the list of loaded models: names and URLs, and the token of the next page."""

    models: list[tuple[str, str]]
    next_token: str | None


@dataclass(slots=True)
class _LoadedModel:
    model: Model
    url: str
    calls: set[asyncio.Task[InferenceResponse]] = field(default_factory=set)


class LoadedModels:
    """The models in memory. `invoke`, `unload` and `url` raise NotLoaded for an unknown name.

    Loading and predicting run in threads, so that one model does not delay the others.
    """

    def __init__(self, load: Callable[[Path], Model], *, capacity: int | None = None) -> None:
        self._load_model = load
        self._capacity = capacity
        self._models: dict[str, _LoadedModel] = {}
        self._loading: dict[str, asyncio.Task[None]] = {}
        self._unloading = 0

    async def load(self, name: str, url: str) -> None:
        """Load the model in the folder `url`; a second load of the same name waits for the first.

        Raises:
            AlreadyLoaded: A model with this name is in memory.
            OutOfMemory: The container is full.
            CannotLoad: The folder contains no model.
        """
        if name in self._loading:
            await asyncio.shield(self._loading[name])
        if name in self._models:
            raise AlreadyLoaded(name)
        self._check_room()
        self._loading[name] = asyncio.create_task(self._load(name, url))
        await asyncio.shield(self._loading[name])

    async def invoke(self, name: str, request: InferenceRequest) -> InferenceResponse:
        """Return the response of one model."""
        loaded = self._find(name)
        call = asyncio.create_task(asyncio.to_thread(loaded.model.respond, request))
        loaded.calls.add(call)
        call.add_done_callback(loaded.calls.discard)
        return await asyncio.shield(call)

    async def unload(self, name: str) -> None:
        """Remove a model; its memory is free when this method returns."""
        calls = self._find(name).calls
        del self._models[name]
        self._unloading += 1
        try:
            if calls:
                await asyncio.wait(calls)
            await asyncio.to_thread(gc.collect)
        finally:
            self._unloading -= 1
        log.info("unloaded %r", name)

    def url(self, name: str) -> str:
        """Return the folder from which a model was loaded."""
        return self._find(name).url

    def page(self, token: str = "") -> Page:
        """Return up to a hundred models whose names sort after the token."""
        later = sorted(name for name in self._models if name > token)
        names = later[:PAGE_SIZE]
        more = len(later) > PAGE_SIZE
        return Page([(name, self._models[name].url) for name in names], names[-1] if more else None)

    async def _load(self, name: str, url: str) -> None:
        started = time.monotonic()
        try:
            model = await asyncio.to_thread(self._load_model, Path(url))
            self._models[name] = _LoadedModel(model, url)
        finally:
            del self._loading[name]
        log.info("loaded %r in %.2f s", name, time.monotonic() - started)

    def _find(self, name: str) -> _LoadedModel:
        if name not in self._models:
            raise NotLoaded(name)
        return self._models[name]

    def _check_room(self) -> None:
        count = len(self._models) + len(self._loading) + self._unloading
        if self._capacity is not None and count >= self._capacity:
            raise OutOfMemory(
                f"This container has room for {self._capacity} models and holds {count};"
                " unload one first."
            )
