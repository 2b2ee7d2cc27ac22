"""`python -m sagemaker_local --port N [--demo]`: SageMaker on this machine, for boto3."""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import logging
import math
import os
import signal
import socket
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from sagemaker_local.modelserver import lifetime
from sagemaker_local.settings import Options

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sagemaker_local.server import LocalSageMaker

DEFAULT_PORT = 4599
DEFAULT_CACHE = Path(".local/demo-artifacts")
BACKLOG = 1024


class DemoFailed(Exception):
    """The demo endpoints could not be made; why is in the lines before."""


def parser() -> argparse.ArgumentParser:
    """Defaults are the fields of Options; `--help` shows them."""
    defaults = Options()
    parser = argparse.ArgumentParser(
        prog="python -m sagemaker_local",
        description=__doc__,
        formatter_class=argparse.ArgumentDefaultsHelpFormatter,
    )
    add = parser.add_argument
    add("--port", type=int, default=DEFAULT_PORT, help="on loopback; 0 takes any free one")
    add("--demo", action="store_true", help="create the demo endpoints")
    add("--cache", type=Path, default=DEFAULT_CACHE, help="folder of the demo's artifacts")
    add("--exit-with-parent", action="store_true", help="end when standard input ends")
    add(
        "--load-budget",
        type=_seconds,
        default=defaults.load_budget_seconds,
        metavar="SECONDS",
        help="a call waits this long for a cold model, then gets ModelNotReadyException",
    )
    add(
        "--creating-seconds",
        type=_seconds,
        default=defaults.creating_seconds,
        metavar="SECONDS",
        help="an endpoint is Creating at least this long",
    )
    add(
        "--invocation-timeout",
        type=_seconds,
        default=defaults.invocation_timeout_seconds,
        metavar="SECONDS",
        help="a container has this long to answer",
    )
    add(
        "--startup-timeout",
        type=_seconds,
        default=defaults.startup_timeout_seconds,
        metavar="SECONDS",
        help="a container has this long to pass its health check",
    )
    add(
        "--max-body-bytes",
        type=_length,
        default=defaults.max_body_bytes,
        metavar="N",
        help="largest request and answer of a real-time endpoint",
    )
    return parser


def main(arguments: Sequence[str] | None = None) -> int:
    given = parser().parse_args(arguments)
    logging.basicConfig(
        format="%(asctime)s %(message)s", datefmt="%H:%M:%S", level=logging.INFO, stream=sys.stdout
    )
    logging.getLogger("werkzeug").setLevel(logging.WARNING)
    logging.getLogger("aiohttp.server").disabled = True  # what callers send that is no HTTP
    _forget_aws()
    try:
        listener = socket.create_server(("127.0.0.1", given.port), backlog=BACKLOG)
    except (OSError, OverflowError) as error:
        known = isinstance(error, OSError) and error.errno
        reason = os.strerror(known) if known else "ports end at 65535"
        sys.stderr.write(
            f"error: cannot listen on port {given.port}: {reason};"
            " choose another port with --port, or end the process that has this one\n"
        )
        return 1
    return asyncio.run(_serve(given, listener))


async def _serve(given: argparse.Namespace, listener: socket.socket) -> int:
    """Until Ctrl-C or SIGTERM."""
    loop, told_to_stop = asyncio.get_running_loop(), asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, told_to_stop.set)
    if given.exit_with_parent:
        lifetime.end_with_parent(lambda: loop.call_soon_threadsafe(told_to_stop.set))
    _say("starting the local SageMaker …")
    # Only now, because it takes a second, and a taken port should be said at once.
    from sagemaker_local.server import LocalSageMaker  # noqa: PLC0415

    options = Options(
        load_budget_seconds=given.load_budget,
        creating_seconds=given.creating_seconds,
        invocation_timeout_seconds=given.invocation_timeout,
        startup_timeout_seconds=given.startup_timeout,
        max_body_bytes=given.max_body_bytes,
    )
    server = LocalSageMaker(options, listener)
    stopping = asyncio.create_task(told_to_stop.wait())
    work = asyncio.create_task(_come_up(server, given))
    try:
        await asyncio.wait({work, stopping}, return_when=asyncio.FIRST_COMPLETED)
        if work.done():
            work.result()
            _announce(server)
            await stopping
        return 0
    except DemoFailed as failure:
        sys.stderr.write(f"error: {failure}\n")
        return 1
    finally:
        work.cancel()
        stopping.cancel()
        await asyncio.wait({work, stopping})
        _say("stopping …")
        await server.stop()


async def _come_up(server: LocalSageMaker, given: argparse.Namespace) -> None:
    await server.start()
    if given.demo:
        await _create_demo(server.url, given.cache)


async def _create_demo(url: str, cache: Path) -> None:
    """As a user would: a program of its own that knows nothing but where AWS is."""
    caller = {
        "AWS_ENDPOINT_URL": url,
        "AWS_ACCESS_KEY_ID": "local",
        "AWS_SECRET_ACCESS_KEY": "local",
        "AWS_DEFAULT_REGION": "us-east-1",
        "NO_PROXY": "127.0.0.1",
    }
    command = ("-m", "sagemaker_local.demo", "--cache", str(cache), "--exit-with-parent")
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        *command,
        stdin=asyncio.subprocess.PIPE,
        env={**os.environ, **caller},
        process_group=0,  # Ctrl-C is for us; we end it
    )
    try:
        if await process.wait() != 0:
            raise DemoFailed("the demo endpoints could not be created; the lines above say why")
    finally:
        if process.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                process.terminate()
            await process.wait()


def _announce(server: LocalSageMaker) -> None:
    for line in _table(server.overview()):
        _say(line)
    _say(f"use it with: export AWS_ENDPOINT_URL={server.url} AWS_DEFAULT_REGION=us-east-1")
    _say(f"ready: {server.url}")


def _table(rows: list[tuple[str, str, str, str]]) -> list[str]:
    """Left-aligned columns."""
    if not rows:
        return []
    full = [("endpoint", "kind", "status", "containers"), *rows]
    widths = [max(len(row[column]) for row in full) for column in range(len(full[0]))]
    return [
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
        for row in full
    ]


def _forget_aws() -> None:
    """This process never talks to AWS, so no credential may be within its reach."""
    for name in [name for name in os.environ if name.startswith("AWS_")]:
        del os.environ[name]
    os.environ["AWS_CONFIG_FILE"] = os.environ["AWS_SHARED_CREDENTIALS_FILE"] = os.devnull
    os.environ["AWS_EC2_METADATA_DISABLED"] = "true"


def _seconds(text: str) -> float:
    value = float(text)
    if not (math.isfinite(value) and value >= 0):
        raise argparse.ArgumentTypeError(f"{text} is not a number of seconds")
    return value


def _length(text: str) -> int:
    value = int(text)
    if value < 0:
        raise argparse.ArgumentTypeError(f"{text} is not a number of bytes")
    return value


def _say(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
