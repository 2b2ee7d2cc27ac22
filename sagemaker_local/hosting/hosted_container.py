"""One container of an endpoint, with its artifact or with its cache of models."""

from __future__ import annotations

import asyncio
import shutil
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING

from sagemaker_local import errors, refusals
from sagemaker_local.hosting.artifacts import S3Location
from sagemaker_local.hosting.container_client import (
    Answer,
    AnswerUnreadable,
    ContainerClient,
    ContainerFailure,
    ContainerTimedOut,
    ContainerUnreachable,
)
from sagemaker_local.hosting.container_process import (
    FRAMEWORK_IMAGE,
    NeverReady,
    UnknownImage,
    container_for,
)
from sagemaker_local.hosting.model_cache import LoadRefused, ModelCache, StillLoading

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping

    from sagemaker_local.definitions import ContainerDefinition, Place
    from sagemaker_local.hosting.artifacts import ArtifactStore
    from sagemaker_local.settings import Options

HEALTH_CHECK_PAUSE_SECONDS = 0.1
TARGET_MODEL_HEADER = "X-Amzn-SageMaker-Target-Model"


@dataclass(frozen=True)
class Surroundings:
    """What every hosted model needs to know of the world."""

    endpoint: str
    place: Place
    options: Options
    artifacts: ArtifactStore
    delay_load: Callable[[], Awaitable[None]]


class StartFailed(Exception):
    """The model cannot be hosted; the text is the endpoint's FailureReason."""


class HostedContainer:
    """One container, with its artifact or with its cache of models."""

    def __init__(self, definition: ContainerDefinition, name: str, around: Surroundings) -> None:
        self.definition = definition
        self.name = name
        self._around = around
        self._label = f"{around.endpoint}/{name}"
        has_files = (
            definition.data is not None
            and not definition.multi_model
            and FRAMEWORK_IMAGE.fullmatch(definition.image) is not None
        )
        self._folder = around.artifacts.new_folder() / "model" if has_files else None
        try:
            self.container = container_for(definition, self._label, self._folder)
        except UnknownImage as error:
            raise StartFailed(str(error)) from error
        self._client: ContainerClient | None = None
        self._calls = 0
        self._idle = asyncio.Event()
        self._idle.set()
        self.cache: ModelCache | None = None

    async def start(self, timeout_seconds: float, variant: str) -> None:
        """Return when it answers its health check. When it does not: StartFailed."""
        options = self._around.options
        self._client = ContainerClient(
            self.container.url,
            timeout_seconds=options.invocation_timeout_seconds,
            max_body_bytes=options.max_body_bytes,
        )
        await self._fetch_artifact()
        self.cache = self._new_cache(self._client) if self.definition.multi_model else None
        await self.container.start(self.cache.forget_all if self.cache else lambda: None)
        try:
            async with asyncio.timeout(timeout_seconds):
                await self.container.ready()
                while not await self._client.healthy(multi_model=self.definition.multi_model):
                    await asyncio.sleep(HEALTH_CHECK_PAUSE_SECONDS)
        except (TimeoutError, NeverReady) as error:
            # "primary" is SageMaker's word for an only container.
            raise StartFailed(
                f"The {self.name} container for production variant {variant} did not pass the"
                " ping health check. Please check CloudWatch logs for this endpoint."
            ) from error

    async def drain(self) -> None:
        """Wait until every call has its answer, or could have had it."""
        with suppress(TimeoutError):
            async with asyncio.timeout(self._around.options.invocation_timeout_seconds):
                await self._idle.wait()

    async def stop(self) -> None:
        if self.cache is not None:
            await self.cache.close()
        await self.container.stop()
        if self._client is not None:
            await self._client.close()
        if self._folder is not None:
            await asyncio.to_thread(shutil.rmtree, self._folder.parent, ignore_errors=True)

    async def invoke(
        self, headers: Mapping[str, str], body: bytes, target_model: str | None
    ) -> Answer:
        """Let the container answer. When it does not, or with an error: ModelError.

        When its model is still being loaded: ModelNotReady.
        """
        self._calls += 1
        self._idle.clear()
        try:
            answer = await self._answer(headers, body, target_model)
        except StillLoading as error:
            raise errors.ModelNotReady(self._around.endpoint) from error
        except LoadRefused as error:
            # UNVERIFIED, above all for a 507 that no unloading has mended.
            raise self._refusal(error.answer) from error
        except ContainerFailure as error:
            raise self._no_answer(error) from error
        finally:
            self._calls -= 1
            if not self._calls:
                self._idle.set()
        if not answer.is_success:
            raise self._refusal(answer)
        return answer

    async def _answer(
        self, headers: Mapping[str, str], body: bytes, target_model: str | None
    ) -> Answer:
        if self._client is None:
            raise ContainerUnreachable(f"{self._label} was not started")
        try:
            async with asyncio.timeout(self._around.options.invocation_timeout_seconds):
                await self.container.ready()
        except (TimeoutError, NeverReady) as error:
            raise ContainerUnreachable(self._label) from error
        if self.cache is not None and target_model is not None:
            headers = {**headers, TARGET_MODEL_HEADER: target_model}
            return await self.cache.invoke(target_model, headers, body)
        return await self._client.request("POST", "/invocations", headers=headers, body=body)

    async def _fetch_artifact(self) -> None:
        """As SageMaker does it: before the container starts. When it cannot: StartFailed."""
        data = self.definition.data
        if data is None or self.definition.multi_model:
            return
        try:
            if self._folder is None:
                await self._around.artifacts.check(data)
            else:
                await self._around.artifacts.fetch(data, self._folder)
        except refusals.ArtifactNotFound as error:
            raise StartFailed(
                f'Failed to download model data for container "{self.name}" from URL:'
                f' "{data.url}". Please ensure that there is an object located at the URL and'
                " that the role passed to CreateModel has permissions to download the object."
            ) from error
        except refusals.ArtifactUnreadable as error:
            raise StartFailed(
                f'Failed to extract model data archive for container "{self.name}" from URL:'
                f' "{data.url}". Please ensure that the object located at the URL is a valid'
                " tar.gz archive."
            ) from error

    def _new_cache(self, client: ContainerClient) -> ModelCache:
        data = self.definition.data
        return ModelCache(
            client,
            self._around.artifacts,
            prefix=S3Location.parse(data.url if data else ""),
            label=self._label,
            options=self._around.options,
            max_loaded=self.definition.max_loaded_models,
            keeps_models=self.definition.caches_models,
            delay_load=self._around.delay_load,
        )

    def hop_too_large(self, answer: Answer, following: HostedContainer) -> errors.ModelError:
        """This container's answer is more than SageMaker carries to the next one."""
        summary = (
            f"Received response from {self.name} with status code {answer.status}. However, the"
            f" request payload from {self.name} to {following.name} is {len(answer.body)} bytes,"
            " which has exceeded the maximum limit of 5 MB."
        )
        return self._model_error(answer.status, summary, "")  # the status is UNVERIFIED

    def _refusal(self, answer: Answer) -> errors.ModelError:
        text = answer.body.decode("utf-8", errors="replace")
        party = "client" if 400 <= answer.status < 500 else "server"
        summary = (
            f'Received {party} error ({answer.status}) from {self.name} with message "{text}".'
        )
        return self._model_error(answer.status, summary, text)

    def _no_answer(self, failure: ContainerFailure) -> errors.ModelError:
        status, summary = _NO_ANSWER[type(failure)]
        named = summary.format(name=self.name, endpoint=self._around.endpoint)
        return self._model_error(status, named, "")

    def _model_error(self, status: int, summary: str, original: str) -> errors.ModelError:
        around = self._around
        return errors.ModelError(
            around.endpoint, around.place, status=status, summary=summary, original=original
        )


_NO_ANSWER: dict[type[ContainerFailure], tuple[int, str]] = {
    ContainerTimedOut: (
        0,
        'Received server error (0) from {name} with message "Your invocation timed out while'
        " waiting for a response from container {name}. Review the latency metrics for each"
        ' container in Amazon CloudWatch, resolve the issue, and try again.".',
    ),
    ContainerUnreachable: (
        0,
        'Received server error (0) from {name} with message "Amazon SageMaker could not get a'
        " response from the {endpoint} endpoint. This can occur when CPU or memory utilization"
        ' is high. To check your utilization, see Amazon CloudWatch.".',
    ),
    AnswerUnreadable: (
        500,
        "Received server error (500) from {name} and could not load the entire response body.",
    ),
}
