"""The queue of an asynchronous endpoint: each request waits for its turn, and leaves one object.

A request that fails is not tried again. That SageMaker does not either is UNVERIFIED.
"""

from __future__ import annotations

import asyncio
import base64
import logging
import time
from collections import deque
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from sagemaker_local.async_definitions import ERROR, SUCCESS
from sagemaker_local.errors import InvocationError
from sagemaker_local.hosting.async_objects import InputUnreadable

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable, Mapping

    from sagemaker_local.async_definitions import AsyncConfig
    from sagemaker_local.hosting.artifacts import S3Location
    from sagemaker_local.hosting.async_objects import AsyncObjects
    from sagemaker_local.hosting.container_client import ContainerResponse
    from sagemaker_local.hosting.models import Invocation

    Process = Callable[[Invocation], Awaitable[ContainerResponse]]

log = logging.getLogger(__name__)

MAX_NOTIFIED_BYTES = 128 * 1024  # Source: API reference, AsyncInferenceNotificationConfig.

# UNVERIFIED: no public source shows either text.
EXPIRED = "The request expired in the queue: it waited longer than RequestTTLSeconds."
FAULT = 'Received server error (500) from primary with message "fault on demand".'


@dataclass(frozen=True)
class AsyncRequest:
    """One accepted InvokeEndpointAsync request."""

    invocation: Invocation
    inference_id: str
    config: AsyncConfig
    input: S3Location | None
    """Where the body is; None if the invocation has it."""

    output: S3Location | None
    failure: S3Location | None
    ttl_seconds: float
    fault: str | None = None
    """A fault on demand: `model-error`, `expired` or `lost`."""

    received: float = field(default_factory=time.time)
    """When it came, in seconds since the epoch."""


class Expired(Exception):
    """A request has waited longer than it may."""


class Turns:
    """Gives turns in the order of the requests, as many at once as the capacity is now."""

    def __init__(self, capacity: Callable[[], int]) -> None:
        self._capacity = capacity
        self._active = 0
        self._waiting: deque[asyncio.Future[None]] = deque()

    @asynccontextmanager
    async def turn(self, ttl_seconds: float) -> AsyncIterator[None]:
        """Wait for a turn and take it.

        Raises:
            Expired: It did not come in time.
        """
        mine: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.append(mine)
        self.give()
        try:
            try:
                async with asyncio.timeout(ttl_seconds):
                    await mine
            except TimeoutError:
                raise Expired from None
            yield
        finally:
            if mine.done() and not mine.cancelled():
                self._active -= 1
            else:
                self._waiting.remove(mine)
            self.give()

    def give(self) -> None:
        """Give turns to those who wait longest, for example after the capacity has grown."""
        while self._waiting and self._active < self._capacity():
            first = self._waiting[0]
            if first.cancelled():  # its request removes it
                return
            self._waiting.popleft()
            first.set_result(None)
            self._active += 1


class AsyncQueue:
    """The requests of one endpoint that are not finished yet."""

    def __init__(
        self, endpoint: str, process: Process, objects: AsyncObjects, capacity: Callable[[], int]
    ) -> None:
        self._endpoint = endpoint
        self._process = process
        self._objects = objects
        self._turns = Turns(capacity)
        self._tasks: set[asyncio.Task[None]] = set()

    def add(self, request: AsyncRequest) -> None:
        """Queue a request; it ends with an output object or a failure object."""
        self.run(self._run(request))

    def run(self, work: Any) -> None:
        """Run a coroutine that ends with the queue at the latest."""
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def capacity_changed(self) -> None:
        self._turns.give()

    async def close(self) -> None:
        """Drop all requests, without an object for any. UNVERIFIED for DeleteEndpoint."""
        tasks = list(self._tasks)
        if tasks:
            log.info("%s: %d asynchronous requests are dropped", self._endpoint, len(tasks))
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _run(self, request: AsyncRequest) -> None:
        try:
            if request.fault == "lost":
                return
            if request.fault == "expired":
                raise Expired
            async with self._turns.turn(request.ttl_seconds):
                await self._work(request)
        except Expired:
            await self._fail(request, EXPIRED)
        except Exception:
            log.exception("%s: an asynchronous request failed", self._endpoint)
            text = "Request to service failed. If failure persists, contact customer support."
            await self._fail(request, text)

    async def _work(self, request: AsyncRequest) -> None:
        try:
            response = await self._response(request)
        except InputUnreadable as error:
            await self._fail(request, str(error))
        except InvocationError as error:
            await self._fail(request, error.message or error.code)
        else:
            await self._succeed(request, response)

    async def _response(self, request: AsyncRequest) -> ContainerResponse:
        if request.fault == "model-error":
            raise InvocationError(FAULT)
        if request.input is None:
            return await self._process(request.invocation)
        async with self._objects.downloaded(request.input) as path:
            return await self._process(replace(request.invocation, body=path))

    async def _succeed(self, request: AsyncRequest, response: ContainerResponse) -> None:
        content_type = response.headers.get("content-type", "application/octet-stream")
        if request.output is not None:
            written = await self._objects.write(
                request.output, response.body, content_type, request.config.kms_key_id
            )
            if not written:
                text = f"Failed to write the output object {request.output}."  # UNVERIFIED
                await self._fail(request, text)
                return
        described: dict[str, Any] = {"contentType": content_type}
        if request.output is not None:
            described["outputLocation"] = str(request.output)
        included = SUCCESS in request.config.includes_response
        if included and len(response.body) <= MAX_NOTIFIED_BYTES:
            described["responseBody"] = _shown(response.body, content_type)
        await self._notify(
            request,
            request.config.success_topic,
            {"invocationStatus": "Completed", "responseParameters": described},
        )

    async def _fail(self, request: AsyncRequest, text: str) -> None:
        """Write the failure object. Its contents and its Content-Type are UNVERIFIED."""
        if request.failure is not None:
            key = request.config.kms_key_id
            await self._objects.write(request.failure, text.encode(), "text/plain", key)
        described: dict[str, Any] = {
            "invocationStatus": "Failed",
            "failureReason": f"ClientError: {text}",
        }
        if ERROR in request.config.includes_response:
            described["responseBody"] = _shown(text.encode(), "text/plain")
        await self._notify(request, request.config.error_topic, described)

    async def _notify(
        self,
        request: AsyncRequest,
        topic: str | None,
        members: Mapping[str, Any],
    ) -> None:
        """Publish a notification.

        Source of its members: programs in public repositories that read them, except for
        `responseBody`, which is UNVERIFIED.
        """
        if topic is None:
            return
        invocation = request.invocation
        parameters = {
            "endpointName": invocation.endpoint,
            "inputLocation": str(request.input) if request.input else None,
            "contentType": invocation.content_type,
            "accept": invocation.accept,
        }
        message = {
            "awsRegion": topic.split(":")[3],
            "eventTime": _iso_time(time.time()),
            "receivedTime": _iso_time(request.received),
            **members,
            "requestParameters": {k: v for k, v in parameters.items() if v is not None},
            "inferenceId": request.inference_id,
            "eventVersion": "1.0",
            "eventSource": "aws:sagemaker",
            "eventName": "InferenceResult",
        }
        await self._objects.publish(topic, message)


def _shown(body: bytes, content_type: str) -> dict[str, str]:
    try:
        return {"content": body.decode(), "contentType": content_type, "encoding": "UTF-8"}
    except UnicodeDecodeError:
        content = base64.b64encode(body).decode()
        return {"content": content, "contentType": content_type, "encoding": "BASE64"}


def _iso_time(seconds: float) -> str:
    milliseconds = int(seconds * 1000) % 1000
    return time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(seconds)) + f".{milliseconds:03d}Z"
