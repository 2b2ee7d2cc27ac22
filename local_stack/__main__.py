"""`python -m local_stack`: runs the local SageMaker and the gateway until Ctrl-C."""

from __future__ import annotations

import argparse
import asyncio
import os
import signal
import socket
import sys
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import aiohttp

from chalicelib.errors import ConfigurationError
from chalicelib.routing.reading import file
from chalicelib.settings import FileLocation, Settings
from local_stack.children import Child, ChildEnded
from local_stack.first_steps import NoKey, curl_commands, issue_key
from sagemaker_local.modelserver import lifetime
from sagemaker_local.modelserver.lines import print_line

if TYPE_CHECKING:
    from collections.abc import Coroutine, Sequence

DEFAULT_KEY_FILE = Path(".local/demo-key")
HEALTH_PAUSE_SECONDS = 0.05
GATEWAY_START_SECONDS = 60.0
# On a busy machine the demo's containers, which start at the same time, need more than the default.
CONTAINER_START_SECONDS = 120


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m local_stack", description=__doc__)
    add = parser.add_argument
    add("--port", type=int, default=8000, help="the gateway's port")
    add("--sagemaker-port", type=int, default=4599, help="the local SageMaker's port")
    add("--key-file", type=Path, default=DEFAULT_KEY_FILE, help="where the API key is written")
    add("--exit-with-parent", action="store_true", help="end when standard input ends")
    options = parser.parse_args(arguments)
    sagemaker_port = options.sagemaker_port
    for port, variable in ((options.port, "PORT"), (sagemaker_port, "SAGEMAKER_LOCAL_PORT")):
        if not _is_free(port):
            advice = f"choose another with: make run {variable}={port + 1}"
            sys.stderr.write(f"error: port {port} is taken; {advice}\n")
            return 1
    try:
        Settings.from_env()
    except ConfigurationError as error:
        sys.stderr.writelines(f"error: {line}\n" for line in error.lines)
        return 1
    return asyncio.run(_run(options))


async def _run(options: argparse.Namespace) -> int:
    """Run both processes until Ctrl-C, SIGTERM, or the end of one of them."""
    loop, stop = asyncio.get_running_loop(), asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop.set)
    if options.exit_with_parent:
        lifetime.end_with_parent(lambda: loop.call_soon_threadsafe(stop.set))
    children: list[Child] = []
    work = asyncio.create_task(_serve(children, options))
    stopping = asyncio.create_task(stop.wait())
    try:
        await asyncio.wait({work, stopping}, return_when=asyncio.FIRST_COMPLETED)
        if work.done():
            work.result()
        return 0
    except (ChildEnded, NoKey) as error:
        sys.stderr.write(f"error: {error}\n")
        return 1
    finally:
        for task in (work, stopping):
            task.cancel()
        await asyncio.wait({work, stopping})
        print_line("stopping …")
        for child in reversed(children):
            await child.stop()


async def _serve(children: list[Child], options: argparse.Namespace) -> None:
    """Start the local SageMaker and then the gateway, and wait until one of them ends."""
    ports = (options.sagemaker_port, options.port)
    sagemaker_url, gateway_url = (f"http://127.0.0.1:{port}" for port in ports)
    sagemaker = ["sagemaker_local", "--demo", "--exit-with-parent", "--port", str(ports[0])]
    sagemaker += ["--startup-timeout", str(CONTAINER_START_SECONDS)]
    ready = asyncio.Event()
    on_line = partial(_print_sagemaker_line, ready)
    children.append(await Child.start("the local SageMaker", sagemaker, dict(os.environ), on_line))
    await _wait_for(ready.wait(), children)
    environment = _gateway_environment(sagemaker_url)
    await issue_key(options.key_file, environment)
    gateway = ["local_stack.gateway", "--port", str(options.port)]
    children.append(await Child.start("the gateway", gateway, environment, print_line))
    async with asyncio.timeout(GATEWAY_START_SECONDS):
        await _wait_for(_healthy(gateway_url), children)
    _print_first_steps(gateway_url, options.key_file.absolute())
    await _wait_for(asyncio.Event().wait(), children)


async def _wait_for(work: Coroutine[None, None, object], children: list[Child]) -> None:
    """Wait until the work is done; raises ChildEnded if a child ends first."""
    ends = (child.fail_when_ended() for child in children)
    tasks: list[asyncio.Task[object]] = [asyncio.create_task(one) for one in (work, *ends)]
    try:
        done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        for task in done:
            task.result()
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.wait(tasks)


async def _healthy(url: str) -> None:
    async with aiohttp.ClientSession() as session:
        while True:
            with suppress(aiohttp.ClientConnectionError):
                async with session.get(f"{url}/health") as response:
                    await response.read()
                    if response.status == 200:
                        return
            await asyncio.sleep(HEALTH_PAUSE_SECONDS)


def _gateway_environment(sagemaker_url: str) -> dict[str, str]:
    """Return the environment of a gateway on AWS, except for the address of AWS.

    Pages of every origin may call it, unless the environment of this process says otherwise.
    """
    others = {name: value for name, value in os.environ.items() if not name.startswith("AWS_")}
    return {
        "GATEWAY_CORS_ORIGIN": "*",
        **others,
        "AWS_ENDPOINT_URL": sagemaker_url,
        "AWS_ACCESS_KEY_ID": "local",
        "AWS_SECRET_ACCESS_KEY": "local",
        "AWS_DEFAULT_REGION": "us-east-1",
        "PYTHONUNBUFFERED": "1",
    }


def _print_first_steps(url: str, key_path: Path) -> None:
    location = Settings.from_env().routing
    assert isinstance(location, FileLocation)
    print_line("")
    for command in curl_commands(file.load(location.path), url, key_path):
        print_line(command)
    print_line("")
    print_line(f"ready: {url}")


def _print_sagemaker_line(ready: asyncio.Event, line: str) -> None:
    if line.startswith("ready:"):
        ready.set()
    else:
        print_line(f"sagemaker | {line}")


def _is_free(port: int) -> bool:
    try:
        with socket.create_server(("127.0.0.1", port)):
            return True
    except (OSError, OverflowError):
        return False


if __name__ == "__main__":
    sys.exit(main())
