"""One model server, from its settings to its end."""

from __future__ import annotations

import asyncio
import logging
import signal
import socket
import sys
import time
from functools import partial
from typing import TYPE_CHECKING

from aiohttp import web

from sagemaker_local.modelserver import frameworks, lifetime
from sagemaker_local.modelserver.application import (
    multi_model_application,
    single_model_application,
)
from sagemaker_local.modelserver.loaded_models import LoadedModels

if TYPE_CHECKING:
    from sagemaker_local.modelserver.settings import Settings

LAST_ANSWERS_SECONDS = 3.0

log = logging.getLogger(__name__)


def run(framework: str, settings: Settings, *, port: int | None, descriptor: int | None) -> None:
    """Serve until told to stop, then end the process.

    When the model cannot be loaded: ModelServerError. When the port is taken: OSError.
    """
    log_to_stdout()
    application = build(framework, settings)
    listener = listening_socket(port or settings.port, descriptor)
    asyncio.run(_serve(application, listener))


def build(framework: str, settings: Settings) -> web.Application:
    """The application of this container, with its one model loaded if it has one."""
    load = partial(frameworks.load, framework)
    if settings.multi_model:
        return multi_model_application(LoadedModels(load, capacity=settings.capacity))
    started = time.monotonic()
    model = load(settings.model_folder)
    log.info("loaded %s in %.2f s", settings.model_folder, time.monotonic() - started)
    return single_model_application(model)


def listening_socket(port: int, descriptor: int | None) -> socket.socket:
    """The inherited socket, or a new one on loopback. When there is none to be had: OSError."""
    if descriptor is None:
        return socket.create_server(("127.0.0.1", port), backlog=256)
    try:
        return socket.socket(fileno=descriptor)
    except OSError as error:
        raise OSError(f"File descriptor {descriptor} is not a socket: {error.strerror}.") from error


def log_to_stdout() -> None:
    """Our own lines, each flushed; nothing from the libraries, which may quote a request."""
    logging.raiseExceptions = False
    lines = logging.getLogger(__package__)
    lines.addHandler(logging.StreamHandler(sys.stdout))
    lines.setLevel(logging.INFO)
    lines.propagate = False
    logging.getLogger("aiohttp.server").disabled = True


async def _serve(application: web.Application, listener: socket.socket) -> None:
    runner = web.AppRunner(
        application,
        access_log=None,
        auto_decompress=False,
        handle_signals=False,
        shutdown_timeout=LAST_ANSWERS_SECONDS,
    )
    await runner.setup()
    await web.SockSite(runner, listener).start()
    await _told_to_stop()
    await runner.cleanup()
    lifetime.end()


async def _told_to_stop() -> None:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    loop.add_signal_handler(signal.SIGTERM, stop.set)
    if signal.getsignal(signal.SIGINT) is not signal.SIG_IGN:
        loop.add_signal_handler(signal.SIGINT, stop.set)
    await stop.wait()
