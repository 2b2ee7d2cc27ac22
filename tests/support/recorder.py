"""A server in SageMaker's place that keeps what arrives, and by default sends the body back."""

from __future__ import annotations

import threading
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Self

if TYPE_CHECKING:
    from collections.abc import Callable
    from http.client import HTTPMessage

TARGETING = "x-amzn-sagemaker-"


@dataclass(frozen=True)
class Arrived:
    """One request as it was on the wire."""

    method: str
    path: str
    headers: HTTPMessage
    body: bytes

    @property
    def sagemaker_headers(self) -> dict[str, list[str]]:
        """Every header that would tell SageMaker something, by its name in lower case."""
        names = {name.lower() for name in self.headers if name.lower().startswith(TARGETING)}
        return {name: self.headers.get_all(name, []) for name in names}


@dataclass(frozen=True)
class Answer:
    """What goes back; as SageMaker, with the name of the variant that was asked."""

    body: bytes
    status: int = 200
    headers: tuple[tuple[str, str], ...] = ()


def echo(arrived: Arrived) -> Answer:
    """The body that came, under the name that it had."""
    content_type = ("Content-Type", arrived.headers["Content-Type"])
    return Answer(arrived.body, headers=(content_type,))


class Recorder(ThreadingHTTPServer):
    """On a free port of loopback until the end of the `with`."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _RecorderHandler)
        self.reset()
        self._thread = threading.Thread(target=self.serve_forever, args=(0.01,))
        self._thread.start()

    def reset(self) -> None:
        """As new."""
        self.arrived: list[Arrived] = []
        self.answer: Callable[[Arrived], Answer] = echo

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.shutdown()
        self._thread.join()
        self.server_close()


class _RecorderHandler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    server: Recorder

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        arrived = Arrived(self.command, self.path, self.headers, body)
        self.server.arrived.append(arrived)
        answer = self.server.answer(arrived)
        self.send_response(answer.status)
        headers = (*answer.headers, ("x-Amzn-Invoked-Production-Variant", "AllTraffic"))
        for name, value in (*headers, ("Content-Length", str(len(answer.body)))):
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(answer.body)

    def handle(self) -> None:
        """A client that has stopped waiting is part of the game."""
        try:
            super().handle()
        except ConnectionError:
            self.close_connection = True

    def log_message(self, *_: object) -> None:
        """Nothing: what arrived is kept."""
