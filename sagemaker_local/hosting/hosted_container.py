"""One container of an endpoint, with its artifact or its multi-model cache."""

from __future__ import annotations

import asyncio
import logging
import shutil
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING

from sagemaker_local import errors, refusals
from sagemaker_local.hosting.artifacts import ArtifactPrefix
from sagemaker_local.hosting.container_client import (
    ContainerClient,
    ContainerFailure,
    ContainerResponse,
    ContainerTimedOut,
    ContainerUnreachable,
    ResponseUnreadable,
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

    from sagemaker_local.definitions import ContainerDefinition
    from sagemaker_local.hosting.artifacts import ArtifactStore
    from sagemaker_local.hosting.async_objects import AsyncObjects
    from sagemaker_local.hosting.container_client import Body
    from sagemaker_local.settings import AccountRegion, Options

log = logging.getLogger(__name__)

HEALTH_CHECK_INTERVAL_SECONDS = 0.1
SLOW_START_SECONDS = 10.0
"""After this time, or half of a shorter limit, the log says that a container is not healthy yet."""

TARGET_MODEL_HEADER = "X-Amzn-SageMaker-Target-Model"


@dataclass(frozen=True)
class HostingContext:
    """What the containers of one endpoint share."""

    endpoint: str
    account_region: AccountRegion
    options: Options
    artifacts: ArtifactStore
    objects: AsyncObjects
    delay_load: Callable[[], Awaitable[None]]


class StartFailed(Exception):
    """The model cannot be hosted; the text is the endpoint's FailureReason."""


class HostedContainer:
    """A container that belongs to an endpoint, from its start to its stop."""

    def __init__(self, definition: ContainerDefinition, name: str, context: HostingContext) -> None:
        self.definition = definition
        self.name = name
        self._context = context
        self._label = f"{context.endpoint}/{name}"
        unpacks_artifact = (
            definition.data is not None
            and not definition.multi_model
            and FRAMEWORK_IMAGE.fullmatch(definition.image) is not None
        )
        self._folder = context.artifacts.new_folder() / "model" if unpacks_artifact else None
        try:
            self.container = container_for(definition, self._label, self._folder)
        except UnknownImage as error:
            raise StartFailed(str(error)) from error
        self._client: ContainerClient | None = None
        self._active_requests = 0
        self._idle = asyncio.Event()
        self._idle.set()
        self.cache: ModelCache | None = None

    async def start(self, timeout_seconds: float, variant: str) -> None:
        """Fetch the artifact, start the container, and wait for its health check.

        Raises:
            StartFailed: The artifact is missing, or the container is not healthy in time.
        """
        options = self._context.options
        self._client = ContainerClient(
            self.container.url,
            timeout_seconds=options.invocation_timeout_seconds,
            max_body_bytes=options.max_body_bytes,
        )
        await self._fetch_artifact()
        self.cache = self._new_cache(self._client) if self.definition.multi_model else None
        await self.container.start(self.cache.drop_all if self.cache else lambda: None)
        notice = asyncio.get_running_loop().call_later(
            min(SLOW_START_SECONDS, timeout_seconds / 2), self._log_slow_start, timeout_seconds
        )
        try:
            async with asyncio.timeout(timeout_seconds):
                await self.container.wait_until_ready()
                while not await self._client.is_healthy(multi_model=self.definition.multi_model):
                    await asyncio.sleep(HEALTH_CHECK_INTERVAL_SECONDS)
        except (TimeoutError, NeverReady) as error:
            # SageMaker calls an only container "primary".
            raise StartFailed(
                f"The {self.name} container for production variant {variant} did not pass the"
                " ping health check. Please check CloudWatch logs for this endpoint."
            ) from error
        finally:
            notice.cancel()

    def _log_slow_start(self, timeout_seconds: float) -> None:
        url = self.container.url
        log.info("%s: %s/ping is not healthy yet; limit %g s", self._label, url, timeout_seconds)

    async def drain(self) -> None:
        """Wait until no request is in progress, but not longer than a request may take."""
        with suppress(TimeoutError):
            async with asyncio.timeout(self._context.options.invocation_timeout_seconds):
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
        self,
        headers: Mapping[str, str],
        body: Body,
        target_model: str | None,
        *,
        timeout_seconds: float | None = None,
    ) -> ContainerResponse:
        """Send one request to the container and return its successful response.

        Raises:
            ModelError: The container returned an error, or no usable response.
            ModelNotReady: The target model is still loading.
        """
        self._active_requests += 1
        self._idle.clear()
        try:
            response = await self._send(headers, body, target_model, timeout_seconds)
        except StillLoading as error:
            raise errors.ModelNotReady(self._context.endpoint) from error
        except LoadRefused as error:
            # UNVERIFIED, above all for a 507 that remains after unloading other models.
            raise self._response_error(error.response) from error
        except ContainerFailure as error:
            raise self._failure_error(error) from error
        finally:
            self._active_requests -= 1
            if not self._active_requests:
                self._idle.set()
        if not response.is_success:
            raise self._response_error(response)
        return response

    async def _send(
        self,
        headers: Mapping[str, str],
        body: Body,
        target_model: str | None,
        timeout_seconds: float | None,
    ) -> ContainerResponse:
        if self._client is None:
            raise ContainerUnreachable(f"{self._label} was not started")
        limit = timeout_seconds or self._context.options.invocation_timeout_seconds
        try:
            async with asyncio.timeout(limit):
                await self.container.wait_until_ready()
        except (TimeoutError, NeverReady) as error:
            raise ContainerUnreachable(self._label) from error
        if self.cache is not None and target_model is not None:
            headers = {**headers, TARGET_MODEL_HEADER: target_model}
            return await self.cache.invoke(target_model, headers, body)
        return await self._client.request(
            "POST", "/invocations", headers=headers, body=body, timeout_seconds=timeout_seconds
        )

    async def _fetch_artifact(self) -> None:
        """Fetch the artifact before the container starts, as SageMaker does."""
        data = self.definition.data
        if data is None or self.definition.multi_model:
            return
        try:
            if self._folder is None:
                await self._context.artifacts.check(data)
            else:
                await self._context.artifacts.fetch(data, self._folder)
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
            self._context.artifacts,
            prefix=ArtifactPrefix(data.url if data else ""),
            label=self._label,
            options=self._context.options,
            max_loaded=self.definition.max_loaded_models,
            keeps_models=self.definition.caches_models,
            delay_load=self._context.delay_load,
        )

    def oversize_hop_error(
        self, response: ContainerResponse, following: HostedContainer
    ) -> errors.ModelError:
        """Build the error for a response that is too large for the next container."""
        summary = (
            f"Received response from {self.name} with status code {response.status}. However, the"
            f" request payload from {self.name} to {following.name} is {len(response.body)} bytes,"
            " which has exceeded the maximum limit of 5 MB."
        )
        return self._model_error(response.status, summary, "")  # The status is UNVERIFIED.

    def _response_error(self, response: ContainerResponse) -> errors.ModelError:
        text = response.body.decode("utf-8", errors="replace")
        party = "client" if 400 <= response.status < 500 else "server"
        summary = (
            f'Received {party} error ({response.status}) from {self.name} with message "{text}".'
        )
        return self._model_error(response.status, summary, text)

    def _failure_error(self, failure: ContainerFailure) -> errors.ModelError:
        status, template = _FAILURES[type(failure)]
        summary = template.format(name=self.name, endpoint=self._context.endpoint)
        return self._model_error(status, summary, "")

    def _model_error(self, status: int, summary: str, original: str) -> errors.ModelError:
        return errors.ModelError(
            self._context.endpoint,
            self._context.account_region,
            status=status,
            summary=summary,
            original=original,
        )


_FAILURES: dict[type[ContainerFailure], tuple[int, str]] = {
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
    ResponseUnreadable: (
        500,
        "Received server error (500) from {name} and could not load the entire response body.",
    ),
}
