"""The models of a multi-model container: loaded on first use, unloaded when room is needed.

This is SageMaker's side of the multi-model contract. The container knows a model by an opaque
name. Concurrent requests for a model that is not loaded share one load.

Source: SageMaker developer guide, "Custom Containers Contract for Multi-Model Endpoints".
"""

from __future__ import annotations

import asyncio
import hashlib
import json
import logging
import shutil
import time
import uuid
from contextlib import asynccontextmanager, suppress
from typing import TYPE_CHECKING

from sagemaker_local.definitions import ModelData
from sagemaker_local.hosting.container_client import (
    ContainerFailure,
    ContainerResponse,
    ContainerTimedOut,
    ContainerUnreachable,
)
from sagemaker_local.hosting.model_memory import CachedModel, ModelMemory
from sagemaker_local.refusals import ArtifactNotFound

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable, Mapping

    from sagemaker_local.hosting.artifacts import ArtifactPrefix, ArtifactStore, S3Location
    from sagemaker_local.hosting.container_client import Body, ContainerClient
    from sagemaker_local.settings import Options

log = logging.getLogger(__name__)

UNLOAD_TIMEOUT_SECONDS = 10.0


class StillLoading(Exception):
    """The load budget of the request has passed; the load continues."""


class LoadRefused(Exception):
    """The container refused to load the model."""

    def __init__(self, response: ContainerResponse) -> None:
        super().__init__(f"status {response.status}")
        self.response = response


class ModelCache:
    """Loads, invokes and unloads the models of one multi-model container."""

    def __init__(
        self,
        client: ContainerClient,
        artifacts: ArtifactStore,
        *,
        prefix: ArtifactPrefix,
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

    async def invoke(
        self, target_model: str, headers: Mapping[str, str], body: Body
    ) -> ContainerResponse:
        """Load the model if necessary, and invoke it.

        Raises:
            StillLoading: The model is not loaded within the load budget.
            ArtifactNotFound: The model's artifact does not exist.
            LoadRefused: The container refused to load the model.
            ContainerFailure: The container gave no usable response.
        """
        response = await self._invoke_once(target_model, headers, body)
        if response is None:
            log.warning("%s: lost %s; loading it again", self._label, target_model)
            response = await self._invoke_once(target_model, headers, body)
        if response is None:
            raise ContainerUnreachable(f"{self._label} lost {target_model} again after a load")
        return response

    def drop_all(self) -> None:
        """Remove all models, because the container has restarted without them."""
        for model in list(self._models.values()):
            model.load.cancel()
            self._drop(model)

    async def close(self) -> None:
        """Unload all models within ten seconds, because an external container may stay in use.

        A load that has begun is awaited first: only a loaded model can be unloaded.
        """
        self._is_closing = True  # No request may load a model from now on.
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
        self, target_model: str, headers: Mapping[str, str], body: Body
    ) -> ContainerResponse | None:
        """Return the response; None if the container does not know the model any more."""
        async with self._loaded(target_model) as model:
            path = f"/models/{model.name}/invoke"
            response = await self._client.request("POST", path, headers=headers, body=body)
            if response.status == 507 and await self._memory.unload_other_than(model):
                response = await self._client.request("POST", path, headers=headers, body=body)
            if response.status == 404 and await self._is_lost(model):
                self._drop(model)
                return None
            return response

    async def _is_lost(self, model: CachedModel) -> bool:
        """Ask the container whether a 404 means a lost model or is the model's own response."""
        if self._models.get(model.target_model) is not model:
            return True  # Another request has noticed it, and may have loaded the model again.
        response = await self._client.request("GET", f"/models/{model.name}")
        return response.status == 404 or self._models.get(model.target_model) is not model

    @asynccontextmanager
    async def _loaded(self, target_model: str) -> AsyncIterator[CachedModel]:
        """Yield the loaded model, which stays in memory until the `with` block ends."""
        model = self._models.get(target_model) or self._begin_load(target_model)
        model.users += 1
        try:
            await self._wait_for(model)
            self._memory.mark_used(model)
            yield model
        finally:
            model.users -= 1
            self._memory.notify()
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
        location = self._prefix.artifact(target_model)
        name = self._new_name(target_model)
        model = CachedModel(target_model, name, self._folder / name / "model")
        model.load = asyncio.create_task(self._load(model, location))
        model.load.add_done_callback(lambda load: self._after_load(model, load))
        self._models[target_model] = model
        return model

    def _new_name(self, target_model: str) -> str:
        """Create the opaque name; a model that is not kept gets a new name and folder each time."""
        if not self._keeps_models:
            return uuid.uuid4().hex
        return hashlib.sha256(f"{self._salt}/{target_model}".encode()).hexdigest()[:32]

    def _after_load(self, model: CachedModel, load: asyncio.Task[None]) -> None:
        if load.cancelled() or load.exception() is not None:
            self._drop(model)
        self._memory.notify()

    async def _load(self, model: CachedModel, location: S3Location) -> None:
        started = time.monotonic()
        async with asyncio.timeout(self._options.load_limit_seconds):
            if not model.folder.exists():
                await self._fetch(model, location)
            await self._delay_load()
            await self._memory.reserve(model)
            await self._load_in_container(model)
        seconds = time.monotonic() - started
        log.info("%s: loaded %s in %.2f s", self._label, model.target_model, seconds)

    async def _fetch(self, model: CachedModel, location: S3Location) -> None:
        try:
            await self._artifacts.fetch(ModelData(str(location)), model.folder)
        except ArtifactNotFound as error:
            advice = self._prefix.advice(model.target_model)
            raise ArtifactNotFound(location.bucket, location.key, advice) from error

    async def _load_in_container(self, model: CachedModel) -> None:
        """Send the load; while the container responds 507, unload another model and try again."""
        body = json.dumps({"model_name": model.name, "url": str(model.folder)}).encode()
        headers = {"Content-Type": "application/json"}
        seconds = self._options.load_limit_seconds
        while True:
            response = await self._client.request(
                "POST", "/models", headers=headers, body=body, timeout_seconds=seconds
            )
            if response.status != 507 or not await self._memory.make_room_for(model):
                break
        if not (response.is_success or response.status == 409):
            raise LoadRefused(response)

    async def _unload(self, model: CachedModel) -> None:
        """Unload from memory; the files stay, so that loading the model again is cheap."""
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
        self._memory.remove(model)
