"""HTTP client for one container, with SageMaker's limits on time and size."""

from __future__ import annotations

import asyncio
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import aiohttp

if TYPE_CHECKING:
    from collections.abc import Mapping

# Source: SageMaker developer guide, "Custom Inference Code with Hosting Services".
PING_TIMEOUT_SECONDS = 2.0

Body = bytes | Path
"""The body of a request, or the file that holds it and is sent in pieces."""


@dataclass(frozen=True)
class ContainerResponse:
    """The HTTP response of a container; the names in `headers` are lower-case."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def is_success(self) -> bool:
        return 200 <= self.status < 300


class ContainerFailure(Exception):
    """The container gave no usable response."""


class ContainerTimedOut(ContainerFailure):
    """The container did not respond before the timeout."""


class ContainerUnreachable(ContainerFailure):
    """The connection was refused, or broke before the response began."""


class ResponseUnreadable(ContainerFailure):
    """The response ended early, or is larger than the limit."""


def client_session(unix_socket: Path | None = None) -> aiohttp.ClientSession:
    """Create a client that adds no headers and keeps no connection open.

    A container may close a kept connection just when the next request uses it, and a prediction
    must not be sent twice.

    Args:
        unix_socket: Where every request is sent; None: to the host and port of its URL.
    """
    return aiohttp.ClientSession(
        connector=aiohttp.TCPConnector(limit=0, force_close=True)
        if unix_socket is None
        else aiohttp.UnixConnector(str(unix_socket), limit=0, force_close=True),
        auto_decompress=False,
        skip_auto_headers=("Accept", "Accept-Encoding", "Content-Type", "User-Agent"),
        trust_env=False,
    )


async def is_ping_ok(session: aiohttp.ClientSession, url: str, path: str = "/ping") -> bool:
    """Send one health check; True if the response is a 200 within two seconds."""
    timeout = aiohttp.ClientTimeout(total=PING_TIMEOUT_SECONDS)
    try:
        async with session.get(url + path, timeout=timeout, allow_redirects=False) as response:
            return response.status == 200
    except (aiohttp.ClientError, TimeoutError, OSError):
        return False


class ContainerClient:
    """Sends requests to one container."""

    def __init__(self, url: str, *, timeout_seconds: float, max_body_bytes: int) -> None:
        self._url = url
        self._timeout = aiohttp.ClientTimeout(total=timeout_seconds)
        self._max_body_bytes = max_body_bytes
        self._session = client_session()
        self._requests: set[asyncio.Task[ContainerResponse]] = set()
        self._is_closed = False

    async def close(self) -> None:
        """Cancel all requests in progress, because aiohttp would leave some of them waiting."""
        self._is_closed = True
        for request in self._requests:
            request.cancel()
        await self._session.close()

    async def request(
        self,
        method: str,
        path: str,
        *,
        headers: Mapping[str, str] | None = None,
        body: Body | None = None,
        timeout_seconds: float | None = None,
    ) -> ContainerResponse:
        """Send one request and read the complete response.

        Raises:
            ContainerFailure: One of its subclasses says why there is no usable response.
        """
        if self._is_closed:
            raise ContainerUnreachable(path)
        timeout = aiohttp.ClientTimeout(total=timeout_seconds) if timeout_seconds else self._timeout
        request = asyncio.create_task(self._send(method, path, headers, body, timeout))
        self._requests.add(request)
        try:
            return await request
        except asyncio.CancelledError as error:
            if not self._is_closed:
                raise
            raise ContainerUnreachable(path) from error
        except TimeoutError as error:
            raise ContainerTimedOut(path) from error
        except aiohttp.ClientPayloadError as error:
            raise ResponseUnreadable(path) from error
        except (aiohttp.ClientError, OSError, ValueError) as error:
            raise ContainerUnreachable(path) from error
        finally:
            self._requests.discard(request)

    async def _send(
        self,
        method: str,
        path: str,
        headers: Mapping[str, str] | None,
        body: Body | None,
        timeout: aiohttp.ClientTimeout,
    ) -> ContainerResponse:
        with ExitStack() as files:
            data = files.enter_context(body.open("rb")) if isinstance(body, Path) else body
            async with self._session.request(
                method,
                self._url + path,
                headers=headers,
                data=data,
                timeout=timeout,
                allow_redirects=False,
            ) as response:
                return await self._read(response)

    async def _read(self, response: aiohttp.ClientResponse) -> ContainerResponse:
        content = bytearray()
        async for chunk in response.content.iter_any():
            content += chunk
            if len(content) > self._max_body_bytes:
                raise ResponseUnreadable(f"over {self._max_body_bytes} bytes")
        lower_case = {name.lower(): value for name, value in response.headers.items()}
        return ContainerResponse(response.status, lower_case, bytes(content))

    async def is_healthy(self, *, multi_model: bool) -> bool:
        """Check `/ping`, and for a multi-model container also `GET /models`, as SageMaker does."""
        if not await is_ping_ok(self._session, self._url):
            return False
        return not multi_model or await is_ping_ok(self._session, self._url, "/models")
