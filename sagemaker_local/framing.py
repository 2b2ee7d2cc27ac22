"""HTTP servers that read strictly: a request whose end is not clear is refused, and never guessed.

aiohttp's parser refuses almost every such request. This module adds what the parser leaves open,
and lets each server answer with its own words. aiohttp's words would quote the request, its
credential included.
"""

from __future__ import annotations

import asyncio
import contextlib
import re
from typing import TYPE_CHECKING, Any

from aiohttp import HttpVersion10, HttpVersion11, web
from aiohttp.http_exceptions import HttpProcessingError, LineTooLong
from aiohttp.streams import EMPTY_PAYLOAD
from aiohttp.web_protocol import _ErrInfo

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from aiohttp.streams import StreamReader

    Handler = Callable[[web.BaseRequest], Awaitable[web.StreamResponse]]
    Refuse = Callable[[str], web.Response]
    """Makes the answer to a request that is refused, from a sentence that says why."""

NOT_CLEAR = (
    "The request is not valid HTTP/1.1, or it is not clear where its headers or its body end."
)
TOO_LONG = "The request line or a header is too long."
CUT_SHORT = "The body ended early, or its chunks are not valid."
BROKEN_BODY = (web.RequestPayloadError, HttpProcessingError)
"""What the reader of a body gets then."""

DRAIN_SECONDS = 2.0

_LENGTH = re.compile(r"[0-9]{1,18}", re.ASCII)


def why_not_clear(request: web.BaseRequest) -> str | None:
    """Say why the length of a body is not clear; None if it is.

    Source: RFC 9112, section 6.
    """
    codings = [coding.lower() for coding in request.headers.getall("Transfer-Encoding", ())]
    lengths = request.headers.getall("Content-Length", ())
    if request.version not in (HttpVersion10, HttpVersion11) or request.method == "CONNECT":
        return NOT_CLEAR
    if codings and (codings != ["chunked"] or request.version == HttpVersion10):
        return "The only Transfer-Encoding is chunked, and only HTTP/1.1 has it."
    if lengths and (codings or len(lengths) > 1 or not _LENGTH.fullmatch(lengths[0])):
        return "Content-Length must be one number, and not come with Transfer-Encoding."
    return None


async def ask_for_body(request: web.BaseRequest) -> None:
    """Ask for the body that a caller holds back; HTTP/1.0 does not know this."""
    if request.version >= HttpVersion11:
        await request.writer.write(b"HTTP/1.1 100 Continue\r\n\r\n")
        request.writer.output_size = 0  # The response has not begun.


class Server(web.Server):
    """aiohttp's server for a handler, which gets requests with clear lengths only."""

    def __init__(
        self, handler: Handler, refuse: Refuse, *, answers_after_end: bool = False, **options: Any
    ) -> None:
        """Create the server.

        Args:
            answers_after_end: Answer a caller that ends its side after a whole request. Without
                it, the end of the caller's side is the end of the connection.
            options: Options of aiohttp's request handler.
        """
        super().__init__(self._handle_clear, **options)
        self.refuse = refuse
        self.answers_after_end = answers_after_end
        self._handler = handler

    def __call__(self) -> web.RequestHandler:
        return _Connection(self, loop=self._loop, **self._kwargs)

    async def _handle_clear(self, request: web.BaseRequest) -> web.StreamResponse:
        if (reason := why_not_clear(request)) is None:
            return await self._handler(request)
        return closing(self.refuse(reason))


def closing(response: web.Response) -> web.Response:
    """Make this the last response of its connection.

    aiohttp says so by itself in HTTP/1.1 only, and answers in HTTP/1.0 what it cannot parse.
    """
    response.force_close()
    response.headers["Connection"] = "close"
    return response


class AppRunner(web.AppRunner):
    """Runs an application in such a server."""

    def __init__(self, application: web.Application, refuse: Refuse, **options: Any) -> None:
        super().__init__(application, **options)
        self._refuse = refuse

    async def _make_server(self) -> web.Server:
        made = await super()._make_server()
        return Server(
            made.request_handler,
            self._refuse,
            request_factory=made.request_factory,
            **self._kwargs,
        )


class _Connection(web.RequestHandler):
    """One connection.

    aiohttp 3.14 leaves a handler waiting for ever for a body whose chunks turn out not to be valid.
    """

    __slots__ = ("_answered", "_body", "_ended", "_is_refused", "_server")

    def __init__(self, server: Server, **options: Any) -> None:
        super().__init__(server, **options)
        self._server = server
        self._answered = 0
        self._body: StreamReader = EMPTY_PAYLOAD
        self._is_refused = False
        self._ended = asyncio.Event()

    def data_received(self, data: bytes) -> None:
        if self._is_refused:
            return
        super().data_received(data)
        if not self._messages:
            return
        message, body = self._messages[-1]
        if isinstance(message, _ErrInfo):
            self._is_refused = True
            self._end_body()
        else:
            self._body = body

    def eof_received(self) -> bool:  # type: ignore[override]  # asyncio's protocols return it
        """Keep this side open for an answer, if there is still one to give."""
        self._ended.set()
        is_cut_short = not self._body.is_eof()
        is_busy = self._request_count > self._answered
        if is_cut_short:
            self._end_body()
        if is_cut_short or (is_busy and self._server.answers_after_end):
            self.close()
            return True
        return False

    def connection_lost(self, exc: BaseException | None) -> None:
        self._ended.set()
        super().connection_lost(exc)

    async def finish_response(
        self, request: web.BaseRequest, resp: web.StreamResponse, start_time: float | None
    ) -> tuple[web.StreamResponse, bool]:
        """Close the connection after the last response, so that the caller can read it first."""
        if isinstance(request.content.exception(), web.RequestPayloadError):
            resp.force_close()
        finished = await super().finish_response(request, resp, start_time)
        self._answered += 1
        if self._is_refused and not resp.keep_alive:
            await self._drain()
        return finished

    def handle_error(
        self,
        request: web.BaseRequest,
        status: int = 500,
        exc: BaseException | None = None,
        message: str | None = None,
    ) -> web.StreamResponse:
        """Answer what the parser has refused with the server's words."""
        if status != 400:
            return super().handle_error(request, status, exc, message)
        reason = TOO_LONG if isinstance(exc, LineTooLong) else NOT_CLEAR
        return closing(self._server.refuse(reason))

    def log_exception(self, *args: Any, **options: Any) -> None:
        """Log the type of an error only, because its text may quote the request."""
        self.logger.warning("a request failed: %s", type(options.get("exc_info")).__name__)

    def _end_body(self) -> None:
        if not self._body.is_eof():
            self._body.set_exception(web.RequestPayloadError(CUT_SHORT))

    async def _drain(self) -> None:
        """Take in what the caller still sends: a reset could destroy the answer on its way."""
        if self.transport is not None and self.transport.can_write_eof():
            self.transport.write_eof()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(DRAIN_SECONDS):
                await self._ended.wait()
