"""`python -m sagemaker_local --port N [--demo]`: a local SageMaker for boto3."""

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
from sagemaker_local.modelserver.lines import log_to_stdout, print_line, printable
from sagemaker_local.private_files import EnvFile, aws_variables
from sagemaker_local.settings import Options
from sagemaker_local.storage.folder import DataFolder, Unusable

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sagemaker_local.server import LocalSageMaker

DEFAULT_PORT = 4599
DEFAULT_CACHE = Path(".local/demo-artifacts")
BACKLOG = 1024

# Option of the command line, field of Options, and help text.
LIMITS = (
    (
        "--load-budget",
        "load_budget_seconds",
        "a request waits this long for a cold model, then gets ModelNotReadyException",
    ),
    ("--creating-seconds", "creating_seconds", "an endpoint is Creating at least this long"),
    ("--invocation-timeout", "invocation_timeout_seconds", "time for a container to respond"),
    ("--startup-timeout", "startup_timeout_seconds", "time for a container to become healthy"),
    ("--max-body-bytes", "max_body_bytes", "largest request and response of an endpoint"),
)


class StartFailed(Exception):
    """The demo endpoints could not be created, or the file to source could not be written."""


def argument_parser() -> argparse.ArgumentParser:
    """Build the parser, whose defaults are those of Options."""
    defaults = Options()
    parser = argparse.ArgumentParser(
        prog="python -m sagemaker_local",
        description=__doc__,
        formatter_class=argparse.ArgumentDefaultsHelpFormatter,
    )
    add = parser.add_argument
    add("--port", type=int, default=DEFAULT_PORT, help="port on loopback; 0 chooses a free port")
    add("--data", type=Path, metavar="DIR", help="keep what is created in this folder")
    add("--demo", action="store_true", help="create the demo endpoints")
    add("--cache", type=Path, default=DEFAULT_CACHE, help="folder for the demo's artifacts")
    add("--env-file", type=Path, help="write the variables for boto3 to this file, for `source`")
    add("--exit-with-parent", action="store_true", help="end when standard input closes")
    for flag, field, help_ in LIMITS:
        unit, parse = ("N", _byte_count) if field.endswith("bytes") else ("SECONDS", _seconds)
        default = getattr(defaults, field)
        add(flag, dest=field, type=parse, default=default, metavar=unit, help=help_)
    return parser


def _says_more_than_the_answer(line: logging.LogRecord) -> bool:
    """A service that moto does not have or cannot import has a sentence for its caller."""
    return ", in get_backend\n" not in line.getMessage()


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the local SageMaker until Ctrl-C or SIGTERM, and return the exit code."""
    args = argument_parser().parse_args(arguments)
    log_to_stdout(logging.getLogger(), "%(asctime)s %(message)s", "%H:%M:%S")
    logging.getLogger("werkzeug").setLevel(logging.WARNING)
    logging.getLogger("werkzeug").addFilter(_says_more_than_the_answer)
    logging.getLogger("aiohttp.server").disabled = True  # It logs malformed HTTP.
    _remove_aws_settings()
    try:
        listener = socket.create_server(("127.0.0.1", args.port), backlog=BACKLOG)
    except (OSError, OverflowError) as error:
        number = isinstance(error, OSError) and error.errno
        reason = os.strerror(number) if number else "the largest port is 65535"
        sys.stderr.write(
            f"error: cannot listen on port {args.port}: {reason};"
            " choose another port with --port, or end the process that uses this one\n"
        )
        return 1
    try:
        return asyncio.run(_serve(args, listener, _open_data(args.data)))
    except Unusable as error:
        print_line(f"error: {error}", sys.stderr)
        return 1


def _open_data(path: Path | None) -> DataFolder | None:
    if path is None:
        return None
    folder = DataFolder.open(path)
    print_line(
        f"buckets, secrets, models, endpoint configurations, endpoints and inference components are"
        f" kept in {path}; everything else is gone after a restart"
    )
    return folder


async def _serve(args: argparse.Namespace, listener: socket.socket, data: DataFolder | None) -> int:
    loop, stop_requested = asyncio.get_running_loop(), asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop_requested.set)
    if args.exit_with_parent:
        lifetime.end_with_parent(lambda: loop.call_soon_threadsafe(stop_requested.set))
    print_line("starting the local SageMaker …")
    # This import takes a second, and a port in use is reported before it.
    from sagemaker_local.server import LocalSageMaker  # noqa: PLC0415

    options = Options(**{field: getattr(args, field) for _, field, _ in LIMITS})
    server = LocalSageMaker(options, listener, data)
    env_file = EnvFile(args.env_file, server.url) if args.env_file else None
    stop_task = asyncio.create_task(stop_requested.wait())
    start_task = asyncio.create_task(_start(server, args))
    try:
        await asyncio.wait({start_task, stop_task}, return_when=asyncio.FIRST_COMPLETED)
        if start_task.done():
            start_task.result()
            _write(env_file)
            _print_ready(server)
            await stop_task
        return 0
    except StartFailed as failure:
        print_line(f"error: {failure}", sys.stderr)
        return 1
    finally:
        if env_file is not None:
            env_file.mark_ended()
        start_task.cancel()
        stop_task.cancel()
        await asyncio.wait({start_task, stop_task})
        print_line("stopping …")
        await server.stop()


async def _start(server: LocalSageMaker, args: argparse.Namespace) -> None:
    await server.start()
    if args.demo:
        await _create_demo(server.url, args.cache)


async def _create_demo(url: str, cache: Path) -> None:
    """Run the demo as a separate program that uses this server as any user of AWS would."""
    environment = {**aws_variables(url), "NO_PROXY": "127.0.0.1"}
    command = ("-m", "sagemaker_local.demo", "--cache", str(cache), "--exit-with-parent")
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        *command,
        stdin=asyncio.subprocess.PIPE,
        env={**os.environ, **environment},
        process_group=0,  # Ctrl-C reaches only this process, which then ends the demo.
    )
    try:
        if await process.wait() != 0:
            raise StartFailed("the demo endpoints could not be created; the lines above say why")
    finally:
        if process.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                process.terminate()
            await process.wait()


def _write(env_file: EnvFile | None) -> None:
    if env_file is not None:
        try:
            env_file.write()
        except OSError as error:
            why = error.strerror or error
            raise StartFailed(f"{env_file.path} could not be written: {why}") from error


def _print_ready(server: LocalSageMaker) -> None:
    for line in _table(server.overview()):
        print_line(line)
    pairs = " ".join(f"{name}={value}" for name, value in aws_variables(server.url).items())
    print_line(f"use it with: export {pairs}")
    print_line(f"ready: {server.url}")


def _table(rows: list[tuple[str, str, str, str]]) -> list[str]:
    """Format rows under a header, in left-aligned columns."""
    if not rows:
        return []
    lines = [("endpoint", "kind", "status", "containers"), *rows]
    widths = [max(len(row[column]) for row in lines) for column in range(len(lines[0]))]
    return [
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
        for row in lines
    ]


def _remove_aws_settings() -> None:
    """Remove AWS settings and credentials, because this process must never reach AWS."""
    for name in [name for name in os.environ if name.startswith("AWS_")]:
        del os.environ[name]
    os.environ["AWS_CONFIG_FILE"] = os.environ["AWS_SHARED_CREDENTIALS_FILE"] = os.devnull
    os.environ["AWS_EC2_METADATA_DISABLED"] = "true"


def _seconds(text: str) -> float:
    value = float(text)
    if not (math.isfinite(value) and value >= 0):
        raise argparse.ArgumentTypeError(f"{printable(text)} is not a number of seconds")
    return value


def _byte_count(text: str) -> int:
    value = int(text)
    if value < 0:
        raise argparse.ArgumentTypeError(f"{printable(text)} is not a number of bytes")
    return value


if __name__ == "__main__":
    sys.exit(main())
