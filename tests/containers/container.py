"""A configurable container that implements SageMaker's container contract.

Tests deploy it like any third-party container: its `url` is the `Image`. It records the requests
that it receives, and its attributes change its behaviour:

    with Container() as container:
        container.answer = failing(400, "three columns, please")   # response to an invocation
        container.capacity = 2                                     # loading a third model is a 507
        container.load_gate.clear()                                # loads wait until set() again
"""

from __future__ import annotations

import contextlib
import json
import socket
import struct
import threading
from collections import Counter
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING

from tests.support.ports import free_port

if TYPE_CHECKING:
    from collections.abc import Callable
    from email.message import Message


@dataclass(frozen=True)
class Request:
    """A received request; names in `headers` are case-insensitive."""

    method: str
    path: str
    headers: Message
    body: bytes


@dataclass(frozen=True)
class Answer:
    """A response; Content-Length counts `missing` bytes that are never sent.

    Without a length, the end of the connection ends the body.
    """

    status: int = 200
    body: bytes = b""
    headers: tuple[tuple[str, str], ...] = ()
    missing: int = 0
    has_length: bool = True


# Functions for `Container.answer` and `Container.ping`


def healthy(request: Request) -> Answer:
    return Answer()


def echo(request: Request) -> Answer:
    content_type = request.headers.get("Content-Type", "application/octet-stream")
    return Answer(body=request.body, headers=(("Content-Type", content_type),))


def wrapping(name: str, content_type: str = "text/plain") -> Callable[[Request], Answer]:
    """Respond to `x` with `name(x)`, so that a pipeline's response shows its order."""
    headers = (("Content-Type", content_type),)
    return lambda request: Answer(body=b"%b(%b)" % (name.encode(), request.body), headers=headers)


def failing(status: int, message: str = "") -> Callable[[Request], Answer]:
    return lambda request: Answer(status, message.encode(), (("Content-Type", "text/plain"),))


def huge(mebibytes: int) -> Callable[[Request], Answer]:
    return lambda request: Answer(body=bytes(mebibytes * 1024 * 1024))


def with_headers(*headers: tuple[str, str]) -> Callable[[Request], Answer]:
    """Echo the body, and add headers to the response."""
    return lambda request: Answer(body=request.body, headers=(*echo(request).headers, *headers))


def without_length(request: Request) -> Answer:
    return Answer(body=request.body, has_length=False)


def truncated(request: Request) -> Answer:
    return Answer(body=request.body, missing=1000)


def resetting(request: Request) -> Answer:
    raise ConnectionResetError


@dataclass
class Container:
    """An HTTP server on loopback; its port stays the same when it is started again."""

    port: int = 0
    answer: Callable[[Request], Answer] = echo
    ping: Callable[[Request], Answer] = healthy
    capacity: int | None = None
    load_seconds: float = 0
    load_gate: threading.Event = field(default_factory=threading.Event)
    hang_gate: threading.Event = field(default_factory=threading.Event)

    requests: list[Request] = field(default_factory=list)
    models: dict[str, str] = field(default_factory=dict)  # loaded models: name → url
    most_models: int = 0  # largest number of loaded and loading models
    history: list[tuple[str, str]] = field(default_factory=list)  # ("load" | "unload", name)
    load_attempts: Counter[str] = field(default_factory=Counter)  # including refused loads

    def __post_init__(self) -> None:
        self._stopped = threading.Event()
        self._lock = threading.Lock()
        self._loading: set[str] = set()
        self.load_gate.set()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def load_counts(self) -> Counter[str]:
        return Counter(name for event, name in self.history if event == "load")

    @property
    def invocations(self) -> list[Request]:
        return [r for r in self.requests if r.path.endswith(("/invocations", "/invoke"))]

    @property
    def target_models(self) -> dict[str, str]:
        """Map opaque model names to TargetModel values, from the invocations."""
        header = "X-Amzn-SageMaker-Target-Model"
        return {r.path.split("/")[2]: r.headers[header] for r in self.invocations}

    def hang(self, request: Request) -> Answer:
        """Echo the body once the test sets `hang_gate`, or once the container stops."""
        self.hang_gate.wait()
        return echo(request)

    def start(self) -> Container:
        self._stopped.clear()
        self.hang_gate.clear()
        self.port = self.port or free_port()
        self._server = _Server(("127.0.0.1", self.port), _Handler)
        self._server.container = self
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,))
        self._thread.start()
        return self

    def stop(self) -> None:
        """Close all connections, end every thread, and forget the loaded models."""
        for event in (self._stopped, self.load_gate, self.hang_gate):
            event.set()
        self._server.shutdown()
        self._thread.join()
        self._server.drop_connections()
        self._server.server_close()
        self.models.clear()

    def __enter__(self) -> Container:
        return self.start()

    def __exit__(self, *exc_info: object) -> None:
        self.stop()

    def respond(self, request: Request) -> Answer:
        match request.method, request.path.strip("/").split("/"):
            case _, ["ping"]:
                return self.ping(request)
            case "POST", ["invocations"]:
                return self.answer(request)
            case method, ["models", *rest]:
                return self._respond_about_models(request, method, rest)
        return _json(404, {"error": f"{request.path}: no such path"})

    def _respond_about_models(self, request: Request, method: str, rest: list[str]) -> Answer:
        described = {n: {"modelName": n, "modelUrl": url} for n, url in self.models.copy().items()}
        match method, rest:
            case "GET", []:
                return _json(200, {"models": [*described.values()]})
            case "POST", []:
                return self._load(**json.loads(request.body))
            case "GET", [name] if name in described:
                return _json(200, described[name])
            case "DELETE", [name] if name in described:
                return self._unload(name)
            case "POST", [name, "invoke"] if name in described:
                return self.answer(request)
        return _json(404, {"error": f"{request.path}: not loaded"})

    def _load(self, model_name: str, url: str) -> Answer:
        with self._lock:
            held = self.models.keys() | self._loading
            self.load_attempts[model_name] += 1
            if model_name in held:
                return _json(409, {"error": f"{model_name} is already loaded"})
            if self.capacity is not None and len(held) >= self.capacity:
                return _json(507, {"error": f"no memory for {model_name}"})
            self._loading.add(model_name)
            self.most_models = max(self.most_models, len(held) + 1)
        self.load_gate.wait()
        self._stopped.wait(self.load_seconds)
        with self._lock:
            self._loading.remove(model_name)
            self.models[model_name] = url
            self.history.append(("load", model_name))
        return _json(200, {"status": "loaded"})

    def _unload(self, name: str) -> Answer:
        with self._lock:
            if self.models.pop(name, None) is not None:
                self.history.append(("unload", name))
        return _json(200, {"status": "unloaded"})


def _json(status: int, content: object) -> Answer:
    return Answer(status, json.dumps(content).encode(), (("Content-Type", "application/json"),))


class _Server(ThreadingHTTPServer):
    daemon_threads = False  # server_close joins the threads
    request_queue_size = 128
    container: Container

    def __init__(self, *args: object) -> None:
        self._connections: set[socket.socket] = set()
        super().__init__(*args)

    def process_request(self, request: socket.socket, client_address: object) -> None:
        self._connections.add(request)
        super().process_request(request, client_address)

    def shutdown_request(self, request: socket.socket) -> None:
        self._connections.discard(request)
        self.close_request(request)  # A shutdown before it would prevent the reset.

    def drop_connections(self) -> None:
        """Close kept-alive connections, whose threads would wait for the next request."""
        for connection in self._connections.copy():
            with contextlib.suppress(OSError):  # already closed
                connection.shutdown(socket.SHUT_RDWR)

    def handle_error(self, request: object, client_address: object) -> None:
        """Print nothing: callers may disconnect."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    server: _Server

    def do_POST(self) -> None:
        request = Request(self.command, self.path, self.headers, self._body())
        self.server.container.requests.append(request)
        try:
            self._send(self.server.container.respond(request))
        except ConnectionResetError:  # Close with a TCP reset.
            linger = struct.pack("ii", 1, 0)
            self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
            self.close_connection = True

    do_GET = do_DELETE = do_POST

    def _body(self) -> bytes:
        if self.headers.get("Transfer-Encoding", "").lower() != "chunked":
            return self.rfile.read(int(self.headers.get("Content-Length", 0)))
        chunks = []
        while size := int(self.rfile.readline().partition(b";")[0], 16):
            chunks.append(self.rfile.read(size))
            self.rfile.readline()
        self.rfile.readline()
        return b"".join(chunks)

    def _send(self, answer: Answer) -> None:
        self.send_response(answer.status)
        for name, value in answer.headers:
            self.send_header(name, value)
        if answer.has_length:
            self.send_header("Content-Length", str(len(answer.body) + answer.missing))
        self.end_headers()
        self.wfile.write(answer.body)
        self.close_connection = self.close_connection or answer.missing > 0 or not answer.has_length

    def log_message(self, *args: object) -> None:
        """Print nothing: tests read `requests`."""
