"""HTTP to a container: SageMaker's limits, and every way of getting no usable answer."""

from __future__ import annotations

import asyncio
import json
from dataclasses import dataclass
from typing import TYPE_CHECKING

import aiohttp

if TYPE_CHECKING:
    from collections.abc import Mapping

PING_TIMEOUT_SECONDS = 2.0  # sagemaker-facts: a /ping has two seconds


@dataclass(frozen=True)
class Answer:
    """What a container answered. `headers` has lower-case names."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def is_success(self) -> bool:
        return 200 <= self.status < 300


class ContainerFailure(Exception):
    """There is no usable answer."""


class ContainerTimedOut(ContainerFailure):
    """The container took longer than an invocation may."""


class ContainerUnreachable(ContainerFailure):
    """The connection was refused, or broke before an answer."""


class AnswerUnreadable(ContainerFailure):
    """The answer broke off, or is larger than SageMaker carries."""


def client_session() -> aiohttp.ClientSession:
    """A client that adds nothing to what it is given and keeps no connection.

    A kept connection may be closed by the container just as it is used, and a prediction
    cannot be sent twice to find out.
    """
    return aiohttp.ClientSession(
        connector=aiohttp.TCPConnector(limit=0, force_close=True),
        auto_decompress=False,
        skip_auto_headers=("Accept", "Accept-Encoding", "Content-Type", "User-Agent"),
        trust_env=False,
    )


async def answers_ping(session: aiohttp.ClientSession, url: str, path: str = "/ping") -> bool:
    """One health check."""
    timeout = aiohttp.ClientTimeout(total=PING_TIMEOUT_SECONDS)
    try:
        async with session.get(url + path, timeout=timeout, allow_redirects=False) as response:
            return response.status == 200
    except (aiohttp.ClientError, TimeoutError, OSError):
        return False


class ContainerClient:
    """HTTP to one container, with SageMaker's limits on time and size."""

    def __init__(self, url: str, *, timeout_seconds: float, max_body_bytes: int) -> None:
        self._url = url
        self._timeout = aiohttp.ClientTimeout(total=timeout_seconds)
        self._max_body_bytes = max_body_bytes
        self._session = client_session()
        self._calls: set[asyncio.Task[Answer]] = set()
        self._is_closed = False

    async def close(self) -> None:
        """Calls that are still waiting get no answer; aiohttp would leave some of them waiting."""
        self._is_closed = True
        for call in self._calls:
            call.cancel()
        await self._session.close()

    async def request(
        self,
        method: str,
        path: str,
        *,
        headers: Mapping[str, str] | None = None,
        body: bytes | None = None,
        timeout_seconds: float | None = None,
    ) -> Answer:
        """Send one request. When no whole answer comes: a ContainerFailure."""
        if self._is_closed:
            raise ContainerUnreachable(path)
        timeout = aiohttp.ClientTimeout(total=timeout_seconds) if timeout_seconds else self._timeout
        call = asyncio.create_task(self._send(method, path, headers, body, timeout))
        self._calls.add(call)
        try:
            return await call
        except asyncio.CancelledError as error:
            if not self._is_closed:
                raise
            raise ContainerUnreachable(path) from error
        except TimeoutError as error:
            raise ContainerTimedOut(path) from error
        except aiohttp.ClientPayloadError as error:
            raise AnswerUnreadable(path) from error
        except (aiohttp.ClientError, OSError, ValueError) as error:
            raise ContainerUnreachable(path) from error
        finally:
            self._calls.discard(call)

    async def _send(
        self,
        method: str,
        path: str,
        headers: Mapping[str, str] | None,
        body: bytes | None,
        timeout: aiohttp.ClientTimeout,
    ) -> Answer:
        async with self._session.request(
            method,
            self._url + path,
            headers=headers,
            data=body,
            timeout=timeout,
            allow_redirects=False,
        ) as response:
            return await self._read(response)

    async def request_json(
        self, method: str, path: str, content: object, timeout_seconds: float
    ) -> Answer:
        """A call of the multi-model contract."""
        headers = {"Content-Type": "application/json"}
        body = json.dumps(content).encode()
        return await self.request(
            method, path, headers=headers, body=body, timeout_seconds=timeout_seconds
        )

    async def _read(self, response: aiohttp.ClientResponse) -> Answer:
        body = bytearray()
        async for chunk in response.content.iter_any():
            body += chunk
            if len(body) > self._max_body_bytes:
                raise AnswerUnreadable(f"over {self._max_body_bytes} bytes")
        headers = {name.lower(): value for name, value in response.headers.items()}
        return Answer(response.status, headers, bytes(body))

    async def healthy(self, *, multi_model: bool) -> bool:
        """`/ping`, and for a multi-model container also `GET /models`, as SageMaker does."""
        if not await answers_ping(self._session, self._url):
            return False
        return not multi_model or await answers_ping(self._session, self._url, "/models")
