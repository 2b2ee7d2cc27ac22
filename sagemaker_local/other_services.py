"""Every AWS service but SageMaker's hosting: moto's own server, behind the same port."""

from __future__ import annotations

from typing import TYPE_CHECKING

import aiohttp
from aiohttp import web
from moto.server import ThreadedMotoServer
from yarl import URL

from sagemaker_local.hosting.container_client import client_session

if TYPE_CHECKING:
    from multidict import CIMultiDict

# They belong to a connection, not to the message that passes through.
HOP_BY_HOP = frozenset(
    ("connection", "keep-alive", "transfer-encoding", "te", "trailer", "upgrade", "expect")
)


class OtherServices:
    """moto in a thread of this process; requests pass through as they came, Host included."""

    def __init__(self) -> None:
        self._server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
        self._session: aiohttp.ClientSession | None = None
        self._url = ""

    def start(self) -> None:
        self._server.start()
        host, port = self._server.get_host_and_port()
        self._url = f"http://{host}:{port}"
        self._session = client_session()

    async def stop(self) -> None:
        if self._session is not None:
            await self._session.close()
        self._server.stop()

    async def handle(self, request: web.Request) -> web.Response:
        if self._session is None:
            raise web.HTTPServiceUnavailable
        async with self._session.request(
            request.method,
            URL(self._url + request.raw_path, encoded=True),
            headers=_end_to_end(request.headers.copy()),
            data=await request.read() or None,
            timeout=aiohttp.ClientTimeout(total=None),
            allow_redirects=False,
        ) as response:
            return web.Response(
                status=response.status,
                reason=response.reason,
                body=await response.read(),
                headers=_end_to_end(response.headers.copy()),
            )


def _end_to_end(headers: CIMultiDict[str]) -> CIMultiDict[str]:
    for name in HOP_BY_HOP:
        headers.popall(name, None)
    return headers
