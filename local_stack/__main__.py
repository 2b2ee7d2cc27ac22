"""`python -m local_stack`: start both, say how to use them, stop both."""

from __future__ import annotations

import argparse
import asyncio
import os
import signal
import socket
import sys
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import aiohttp

from chalicelib.routing.reading import file
from chalicelib.settings import FileLocation, Settings
from local_stack import demo_key
from local_stack.children import Child, ChildEnded
from local_stack.examples import curl_lines
from sagemaker_local.modelserver import lifetime

if TYPE_CHECKING:
    from collections.abc import Coroutine, Sequence

HEALTH_PAUSE_SECONDS = 0.05
GATEWAY_START_SECONDS = 30.0
ROOT = Path(__file__).resolve().parent.parent


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m local_stack", description=__doc__)
    parser.add_argument("--port", type=int, default=8000, help="of the gateway")
    parser.add_argument("--sagemaker-port", type=int, default=4599, help="of the local SageMaker")
    parser.add_argument(
        "--exit-with-parent", action="store_true", help="end when standard input ends"
    )
    given = parser.parse_args(arguments)
    for port, variable in ((given.port, "PORT"), (given.sagemaker_port, "SAGEMAKER_LOCAL_PORT")):
        if not _is_free(port):
            advice = f"choose another with: make run {variable}={port + 1}"
            sys.stderr.write(f"error: port {port} is taken; {advice}\n")
            return 1
    return asyncio.run(_run(given))


async def _run(given: argparse.Namespace) -> int:
    """Until Ctrl-C, SIGTERM, or the end of one of the two."""
    loop, told_to_stop = asyncio.get_running_loop(), asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, told_to_stop.set)
    if given.exit_with_parent:
        lifetime.end_with_parent(lambda: loop.call_soon_threadsafe(told_to_stop.set))
    children: list[Child] = []
    work = asyncio.create_task(_serve(children, given.port, given.sagemaker_port))
    stopping = asyncio.create_task(told_to_stop.wait())
    try:
        await asyncio.wait({work, stopping}, return_when=asyncio.FIRST_COMPLETED)
        if work.done():
            work.result()
        return 0
    except ChildEnded as ended:
        sys.stderr.write(f"error: {ended}\n")
        return 1
    finally:
        for task in (work, stopping):
            task.cancel()
        await asyncio.wait({work, stopping})
        _say("stopping …")
        for child in reversed(children):
            await child.stop()


async def _serve(children: list[Child], port: int, sagemaker_port: int) -> None:
    """Start one after the other, then wait for an end."""
    sagemaker_url, gateway_url = (f"http://127.0.0.1:{n}" for n in (sagemaker_port, port))
    ready = asyncio.Event()
    sagemaker = ["sagemaker_local", "--demo", "--exit-with-parent", "--port", str(sagemaker_port)]
    relay = partial(_relay_sagemaker, ready)
    children.append(await Child.start("the local SageMaker", sagemaker, dict(os.environ), relay))
    await _first(children, ready.wait())
    gateway = ["local_stack.gateway", "--port", str(port)]
    environment = _gateway_environment(sagemaker_url)
    key_path = await demo_key.issue(environment)
    children.append(await Child.start("the gateway", gateway, environment, _say))
    async with asyncio.timeout(GATEWAY_START_SECONDS):
        await _first(children, _healthy(gateway_url))
    _announce(gateway_url, key_path)
    await _first(children, asyncio.Event().wait())


async def _first(children: list[Child], wanted: Coroutine[None, None, object]) -> None:
    """Wait for what is wanted. When a child ends first: ChildEnded."""
    ends = [child.ended() for child in children]
    tasks: list[asyncio.Task[object]] = [asyncio.create_task(work) for work in (wanted, *ends)]
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
            try:
                async with session.get(f"{url}/health") as answer:
                    await answer.read()
                    if answer.status == 200:
                        return
            except aiohttp.ClientConnectionError:
                pass
            await asyncio.sleep(HEALTH_PAUSE_SECONDS)


def _gateway_environment(sagemaker_url: str) -> dict[str, str]:
    """A caller's environment: nothing in it but an address says that this is not AWS."""
    others = {name: value for name, value in os.environ.items() if not name.startswith("AWS_")}
    return {
        **others,
        "AWS_ENDPOINT_URL": sagemaker_url,
        "AWS_ACCESS_KEY_ID": "local",
        "AWS_SECRET_ACCESS_KEY": "local",
        "AWS_DEFAULT_REGION": "us-east-1",
        "GATEWAY_CORS_ORIGIN": "*",
        "PYTHONUNBUFFERED": "1",
    }


def _announce(url: str, key_path: Path) -> None:
    location = Settings.from_env().routing
    assert isinstance(location, FileLocation)
    _say("")
    for line in curl_lines(file.load(location.path), url, key_path):
        _say(line)
    _say("")
    _say(f"ready: {url}")


def _relay_sagemaker(ready: asyncio.Event, line: str) -> None:
    if line.startswith("ready:"):
        ready.set()
    else:
        _say(f"sagemaker | {line}")


def _is_free(port: int) -> bool:
    try:
        with socket.create_server(("127.0.0.1", port)):
            return True
    except (OSError, OverflowError):
        return False


def _say(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
