"""Many models in one container: loaded when first called, unloaded when room is needed.

SageMaker's side of the multi-model contract. A model is known to the container by an opaque
name; callers that ask for a model that is being loaded all wait for that one load.
"""

from __future__ import annotations

import asyncio
import hashlib
import logging
import shutil
import time
import uuid
from contextlib import asynccontextmanager, suppress
from typing import TYPE_CHECKING

from sagemaker_local.definitions import ModelData
from sagemaker_local.hosting.container_client import (
    Answer,
    ContainerFailure,
    ContainerTimedOut,
    ContainerUnreachable,
)
from sagemaker_local.hosting.model_memory import CachedModel, ModelMemory

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable, Mapping

    from sagemaker_local.hosting.artifacts import ArtifactStore, S3Location
    from sagemaker_local.hosting.container_client import ContainerClient
    from sagemaker_local.settings import Options

log = logging.getLogger(__name__)

UNLOAD_TIMEOUT_SECONDS = 10.0


class StillLoading(Exception):
    """The caller's time is up; loading goes on."""


class LoadRefused(Exception):
    """The container would not load the model."""

    def __init__(self, answer: Answer) -> None:
        super().__init__(f"status {answer.status}")
        self.answer = answer


class ModelCache:
    """The models of one multi-model container."""

    def __init__(
        self,
        client: ContainerClient,
        artifacts: ArtifactStore,
        *,
        prefix: S3Location,
        label: str,
        options: Options,
        max_loaded: int | None,
        keeps_models: bool,
        delay_load: Callable[[], Awaitable[None]],
    ) -> None:
        self._client = client
        self._artifacts = artifacts
        self._prefix = prefix
        self._label = label
        self._options = options
        self._keeps_models = keeps_models
        self._delay_load = delay_load
        self._folder = artifacts.new_folder()
        self._salt = uuid.uuid4().hex
        self._models: dict[str, CachedModel] = {}
        self._memory = ModelMemory(self._unload, max_loaded)
        self._unloads: set[asyncio.Task[None]] = set()
        self._is_closing = False

    async def invoke(self, target_model: str, headers: Mapping[str, str], body: bytes) -> Answer:
        """Load the model if need be, then let it answer.

        When it is not loaded within the load budget: StillLoading. When there is no such
        artifact: ArtifactNotFound. When the container will not load it: LoadRefused.
        """
        answer = await self._invoke_once(target_model, headers, body)
        if answer is None:
            log.warning("%s: lost %s; loading it again", self._label, target_model)
            answer = await self._invoke_once(target_model, headers, body)
        if answer is None:
            raise ContainerUnreachable(f"{self._label} forgot {target_model} as soon as loaded")
        return answer

    def forget_all(self) -> None:
        """The container has restarted: nothing is in its memory any more."""
        for model in list(self._models.values()):
            model.load.cancel()
            self._drop(model)

    async def close(self) -> None:
        """Unload what we loaded: a container that is not ours may live on. It gets ten seconds.

        A load that the container has begun is awaited: only a loaded model can be unloaded.
        """
        self._is_closing = True  # a call that loses its model now may not bring it back
        models = list(self._models.values())
        for model in models:
            if model not in self._memory:
                model.load.cancel()
        with suppress(TimeoutError):
            async with asyncio.timeout(UNLOAD_TIMEOUT_SECONDS):
                loads = [model.load for model in models]
                await asyncio.gather(*loads, *self._unloads, return_exceptions=True)
                await self._memory.unload_all()
        await asyncio.to_thread(shutil.rmtree, self._folder, ignore_errors=True)

    async def _invoke_once(
        self, target_model: str, headers: Mapping[str, str], body: bytes
    ) -> Answer | None:
        """The container's answer; None when it does not know the model any more."""
        async with self._pinned(target_model) as model:
            path = f"/models/{model.name}"
            answer = await self._client.request(
                "POST", f"{path}/invoke", headers=headers, body=body
            )
            if answer.status == 507 and await self._memory.unload_another_than(model):
                answer = await self._client.request(
                    "POST", f"{path}/invoke", headers=headers, body=body
                )
            if answer.status == 404 and await self._is_lost(model):
                self._drop(model)
                return None
            return answer

    async def _is_lost(self, model: CachedModel) -> bool:
        """A model's own 404 looks the same; only the container can tell them apart."""
        if self._models.get(model.target_model) is not model:
            return True  # another caller has found out, and may have loaded it again already
        answer = await self._client.request("GET", f"/models/{model.name}")
        return answer.status == 404 or self._models.get(model.target_model) is not model

    @asynccontextmanager
    async def _pinned(self, target_model: str) -> AsyncIterator[CachedModel]:
        """The loaded model, kept in memory until the caller has its answer."""
        model = self._models.get(target_model) or self._begin_load(target_model)
        model.users += 1
        try:
            await self._wait_for(model)
            self._memory.used(model)
            yield model
        finally:
            model.users -= 1
            self._memory.changed()
            if not self._keeps_models and model.is_idle and model in self._memory:
                self._unload_soon(model)

    async def _wait_for(self, model: CachedModel) -> None:
        done, _ = await asyncio.wait({model.load}, timeout=self._options.load_budget_seconds)
        if not done:
            raise StillLoading(model.target_model)
        if model.load.cancelled():
            raise ContainerUnreachable(f"{self._label} restarted or stopped")
        try:
            model.load.result()
        except TimeoutError as error:
            raise ContainerTimedOut(f"{self._label} did not load {model.target_model}") from error

    def _begin_load(self, target_model: str) -> CachedModel:
        if self._is_closing:
            raise ContainerUnreachable(f"{self._label} is being stopped")
        location = self._prefix.under(target_model)
        name = self._name(target_model)
        model = CachedModel(target_model, name, self._folder / name / "model")
        model.load = asyncio.create_task(self._load(model, str(location)))
        model.load.add_done_callback(lambda load: self._after_load(model, load))
        self._models[target_model] = model
        return model

    def _name(self, target_model: str) -> str:
        """Opaque. A model that is not kept gets a new one, and with it a new folder."""
        if not self._keeps_models:
            return uuid.uuid4().hex
        return hashlib.sha256(f"{self._salt}/{target_model}".encode()).hexdigest()[:32]

    def _after_load(self, model: CachedModel, load: asyncio.Task[None]) -> None:
        failed = load.cancelled() or load.exception() is not None
        if failed:
            self._drop(model)
        self._memory.changed()

    async def _load(self, model: CachedModel, url: str) -> None:
        started = time.monotonic()
        async with asyncio.timeout(self._options.load_limit_seconds):
            if not model.folder.exists():
                await self._artifacts.fetch(ModelData(url), model.folder)
            await self._delay_load()
            await self._memory.take_place(model)
            await self._post(model)
        seconds = time.monotonic() - started
        log.info("%s: loaded %s in %.2f s", self._label, model.target_model, seconds)

    async def _post(self, model: CachedModel) -> None:
        """Ask the container to load; while it has no memory for it, unload another model."""
        content = {"model_name": model.name, "url": str(model.folder)}
        seconds = self._options.load_limit_seconds
        while True:
            answer = await self._client.request_json("POST", "/models", content, seconds)
            if answer.status != 507 or not await self._memory.free_memory_for(model):
                break
        if not (answer.is_success or answer.status == 409):
            raise LoadRefused(answer)

    async def _unload(self, model: CachedModel) -> None:
        """Out of memory; the files stay, so that loading it again is cheap."""
        self._models.pop(model.target_model, None)
        try:
            await self._client.request(
                "DELETE", f"/models/{model.name}", timeout_seconds=UNLOAD_TIMEOUT_SECONDS
            )
            log.info("%s: unloaded %s", self._label, model.target_model)
        except ContainerFailure as failure:
            log.warning("%s: could not unload %s: %r", self._label, model.target_model, failure)

    def _unload_soon(self, model: CachedModel) -> None:
        async def unload_and_delete() -> None:
            if await self._memory.unload_if_idle(model):
                folder = model.folder.parent
                await asyncio.to_thread(shutil.rmtree, folder, ignore_errors=True)

        task = asyncio.create_task(unload_and_delete())
        self._unloads.add(task)
        task.add_done_callback(self._unloads.discard)

    def _drop(self, model: CachedModel) -> None:
        if self._models.get(model.target_model) is model:
            del self._models[model.target_model]
        self._memory.forget(model)
