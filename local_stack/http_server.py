"""An HTTP server on loopback in front of the REST API.

    request ─► aiohttp ─► loopback only ─► the whole body ─► RestApi ─► the app, in a thread

`chalice local` is not used: its server reads no chunked body, and takes what it has not read for
the next request. This server reads what API Gateway reads, and refuses what is not clear HTTP.

The gateway answers web pages, which is what CORS is for, but only at a loopback address: a page
whose host name leads to this machine (DNS rebinding) would need no CORS.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
from concurrent.futures import ThreadPoolExecutor

from aiohttp import HttpVersion11, web

from chalicelib.errors import (
    PROBLEM_MEDIA_TYPE,
    BadRequest,
    GatewayError,
    InvalidHeader,
)
from local_stack.rest_api import Answer, Request, RestApi
from sagemaker_local import framing, loopback
from sagemaker_local.modelserver.lines import print_line

HOST = "127.0.0.1"
MAX_BODY_BYTES = 10 * 1024 * 1024
"""Source: API Gateway developer guide, "Quotas for configuring and running a REST API"."""

MAX_LINE_BYTES = 10_240
"""The limit of the request line and of each header. Its source is the same."""

MAX_THREADS = 256
CONTINUE = "100-continue"


class NotClear(BadRequest):
    """The request is not clear HTTP, so nobody can say where its body ends."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.detail = reason


class LocalGateway:
    """Turns HTTP into requests of the API, and its answers into HTTP."""

    def __init__(self, api: RestApi) -> None:
        self._api = api
        # Each request takes a thread until SageMaker has answered.
        self._threads = ThreadPoolExecutor(MAX_THREADS, thread_name_prefix="request")

    async def handle(self, request: web.BaseRequest) -> web.StreamResponse:
        """Answer a request, and print a line for it unless the app logs it."""
        if reason := loopback.why_not_loopback(
            request.raw_path, lambda name: request.headers.getall(name, ())
        ):
            _print_access(request, 403, reason)
            return _forbidden(reason)
        too_large = self._api.responses["REQUEST_TOO_LARGE"]
        if (request.content_length or 0) > MAX_BODY_BYTES:
            return self._closing(request, too_large)
        if (expected := request.headers.get("Expect")) and request.version >= HttpVersion11:
            if expected.lower() != CONTINUE:
                return self._closing(request, InvalidHeader("Expect", CONTINUE))
            await framing.ask_for_body(request)
        try:
            body = await _read(request)
        except framing.BROKEN_BODY:
            return self.refuse(framing.CUT_SHORT)
        if body is None:
            return self._closing(request, too_large)
        whole = Request(request.method, request.raw_path, _headers(request), body)
        loop = asyncio.get_running_loop()
        answer = await loop.run_in_executor(self._threads, self._api.handle, whole)
        if not answer.is_logged:
            _print_access(request, answer.status, answer.title)
        return _response(request, answer)

    def refuse(self, sentence: str) -> web.Response:
        """Answer a request that is not clear HTTP."""
        _print(f"400: {sentence}")
        answer = self._api.problem(NotClear(sentence))
        return web.Response(status=answer.status, headers=answer.headers, body=answer.body)

    def _closing(self, request: web.BaseRequest, error: GatewayError) -> web.StreamResponse:
        """Refuse a request whose body is not wanted."""
        _print_access(request, error.status, error.title)
        response = _response(request, self._api.problem(error))
        response.force_close()
        return response


async def _read(request: web.BaseRequest) -> bytes | None:
    """Return the whole body; None if it is too large."""
    body = bytearray()
    async for piece in request.content.iter_any():
        body += piece
        if len(body) > MAX_BODY_BYTES:
            return None
    return bytes(body)


def _headers(request: web.BaseRequest) -> list[tuple[str, str]]:
    """Return the headers; each byte that is not ASCII becomes one character."""
    return [
        (name, value.encode(errors="surrogateescape").decode("latin-1"))
        for name, value in request.headers.items()
    ]


def _response(request: web.BaseRequest, answer: Answer) -> web.StreamResponse:
    if request.method == "HEAD" and not answer.body:
        # Without a length: that of the answer to GET is not known here, and 0 would be wrong.
        return web.StreamResponse(status=answer.status, headers=answer.headers)
    return web.Response(status=answer.status, headers=answer.headers, body=answer.body)


def _forbidden(reason: str) -> web.Response:
    problem = {"title": "Forbidden", "status": 403, "detail": reason, "retryable": False}
    body = json.dumps(problem).encode()
    response = web.Response(status=403, body=body, headers={"Content-Type": PROBLEM_MEDIA_TYPE})
    response.force_close()
    return response


def _print_access(request: web.BaseRequest, status: int, why: str | None) -> None:
    """Print the line of a request that the app does not log."""
    path = request.raw_path.partition("?")[0]  # a query may hold a secret
    _print(f"{status} {request.method} {path}" + (f": {why}" if why else ""))


def _print(line: str) -> None:
    """Print a line; a caller gets the answer also if nobody takes the line."""
    with contextlib.suppress(OSError, ValueError):
        print_line(line)


async def start(api: RestApi, port: int) -> str:
    """Serve the API on a port, and return the URL.

    Raises:
        OSError: The port cannot be used.
    """
    gateway = LocalGateway(api)
    server = framing.Server(
        gateway.handle,
        gateway.refuse,
        answers_after_end=True,
        access_log=None,
        auto_decompress=False,
        max_line_size=MAX_LINE_BYTES,
        max_field_size=MAX_LINE_BYTES,
    )
    runner = web.ServerRunner(server)
    await runner.setup()
    await web.TCPSite(runner, HOST, port).start()
    return f"http://{HOST}:{port}"
