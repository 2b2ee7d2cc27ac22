"""Runs one model server: reads its settings, loads its model, and listens until it is stopped."""

from __future__ import annotations

import asyncio
import logging
import signal
import socket
import time
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from aiohttp import web

from sagemaker_local import framing
from sagemaker_local.modelserver import lifetime, models
from sagemaker_local.modelserver.application import (
    multi_model_application,
    refuse,
    single_model_application,
)
from sagemaker_local.modelserver.errors import ConfigurationError
from sagemaker_local.modelserver.lines import log_to_stdout
from sagemaker_local.modelserver.loaded_models import LoadedModels
from sagemaker_local.modelserver.media_types import DEFAULT_ACCEPT, JSON

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from sagemaker_local.modelserver.models import Model

DEFAULT_PORT = 8080
DEFAULT_MODEL_FOLDER = "/opt/ml/model"
SHUTDOWN_SECONDS = 3.0

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Settings:
    """The environment variables of a container.

    Source: SageMaker developer guide, "Custom Inference Code with Hosting Services", and
    `environment.py` of AWS's SageMaker Inference Toolkit; `SAGEMAKER_LOCAL_CONTAINER_CAPACITY`
    and `SAGEMAKER_LOCAL_LOAD_LATE` are this project's own.
    """

    port: int = DEFAULT_PORT
    """`SAGEMAKER_BIND_TO_PORT`"""

    model_folder: Path = Path(DEFAULT_MODEL_FOLDER)
    """`SM_MODEL_DIR`: the unpacked artifact of a single model."""

    multi_model: bool = False
    """`SAGEMAKER_MULTI_MODEL`: models are loaded and unloaded through `/models`."""

    capacity: int | None = None
    """`SAGEMAKER_LOCAL_CONTAINER_CAPACITY`: most models in memory; one more gets a 507."""

    load_late: bool = False
    """`SAGEMAKER_LOCAL_LOAD_LATE`: the first request loads a single model, and not the start."""

    default_accept: str = JSON
    """`SAGEMAKER_DEFAULT_INVOCATIONS_ACCEPT`: the Accept of a request that accepts anything."""

    script: str = ""
    """`SAGEMAKER_PROGRAM`: the user's script, which is not run."""

    @classmethod
    def from_env(cls, env: Mapping[str, str]) -> Settings:
        """Read the settings; an empty variable counts as not set.

        Raises:
            ConfigurationError: A variable has a value that is not allowed.
        """
        return cls(
            port=_whole_number(env, "SAGEMAKER_BIND_TO_PORT", most=65535) or DEFAULT_PORT,
            model_folder=Path(env.get("SM_MODEL_DIR") or DEFAULT_MODEL_FOLDER),
            multi_model=_boolean(env, "SAGEMAKER_MULTI_MODEL"),
            capacity=_whole_number(env, "SAGEMAKER_LOCAL_CONTAINER_CAPACITY", most=1_000_000),
            load_late=_boolean(env, "SAGEMAKER_LOCAL_LOAD_LATE"),
            default_accept=env.get(DEFAULT_ACCEPT) or JSON,
            script=env.get("SAGEMAKER_PROGRAM", ""),
        )


def run(framework: str, settings: Settings, *, port: int | None, descriptor: int | None) -> None:
    """Serve until SIGTERM or SIGINT, then end the process.

    Args:
        framework: A key of `models.FRAMEWORKS`.
        settings: The container's settings.
        port: Listen on this port instead of the one in `settings`.
        descriptor: Use this inherited socket, which already listens.

    Raises:
        ModelServerError: The model cannot be loaded.
        OSError: The port is taken, or the descriptor is no socket.
    """
    _log_to_stdout()
    application = _application(framework, settings)
    listener = _listening_socket(port or settings.port, descriptor)
    asyncio.run(_serve(application, listener))


def _application(framework: str, settings: Settings) -> web.Application:
    load = partial(models.load, framework)
    if settings.script:
        log.info("SAGEMAKER_PROGRAM is %a: scripts are not run, models are loaded", settings.script)
    if settings.multi_model:
        loaded = LoadedModels(load, capacity=settings.capacity)
        return multi_model_application(loaded, settings.default_accept)
    load_it = partial(_load, load, settings.model_folder)
    model = models.LateModel(load_it) if settings.load_late else load_it()
    return single_model_application(model, settings.default_accept)


def _load(load: Callable[[Path], Model], folder: Path) -> Model:
    started = time.monotonic()
    model = load(folder)
    log.info("loaded %s in %.2f s", folder, time.monotonic() - started)
    return model


def _listening_socket(port: int, descriptor: int | None) -> socket.socket:
    if descriptor is None:
        return socket.create_server(("127.0.0.1", port), backlog=256)
    try:
        return socket.socket(fileno=descriptor)
    except OSError as error:
        raise OSError(f"File descriptor {descriptor} is not a socket: {error.strerror}.") from error


def _log_to_stdout() -> None:
    """Print this package's log lines only; those of libraries may quote a request."""
    logging.raiseExceptions = False
    package_log = logging.getLogger(__package__)
    log_to_stdout(package_log, "%(message)s")
    package_log.propagate = False
    logging.getLogger("aiohttp.server").disabled = True


async def _serve(application: web.Application, listener: socket.socket) -> None:
    runner = framing.AppRunner(
        application,
        refuse,
        access_log=None,
        auto_decompress=False,
        handle_signals=False,
        shutdown_timeout=SHUTDOWN_SECONDS,
    )
    await runner.setup()
    await web.SockSite(runner, listener).start()
    await _stop_signal()
    await runner.cleanup()
    lifetime.end_process()


async def _stop_signal() -> None:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    loop.add_signal_handler(signal.SIGTERM, stop.set)
    if signal.getsignal(signal.SIGINT) is not signal.SIG_IGN:
        loop.add_signal_handler(signal.SIGINT, stop.set)
    await stop.wait()


def _whole_number(env: Mapping[str, str], name: str, *, most: int) -> int | None:
    text = env.get(name, "")
    if not text:
        return None
    is_number = text.isascii() and text.isdigit() and len(text) <= len(str(most))
    if not is_number or not 1 <= int(text) <= most:
        raise ConfigurationError(f"{name} is {text!r}; set a whole number from 1 to {most}.")
    return int(text)


def _boolean(env: Mapping[str, str], name: str) -> bool:
    text = env.get(name, "")
    if text.lower() not in {"", "true", "false"}:
        raise ConfigurationError(f"{name} is {text!r}; set true or false.")
    return text.lower() == "true"
