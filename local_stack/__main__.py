"""`python -m local_stack`: runs the local SageMaker and the gateway until Ctrl-C.

the gateway's process    ─► its lines ─┐
the worker of jobs       ─► its lines ─┤
the local SageMaker      ─► its lines ─┴─► lines for people ─► the terminal
"""

from __future__ import annotations

import argparse
import asyncio
import os
import signal
import socket
import sys
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from chalicelib.errors import ConfigurationError
from chalicelib.settings import Settings
from local_stack import gateway_lines, seeds
from local_stack.children import Child, ChildEnded, NotStarted, wait_for, wait_for_start
from local_stack.gateway_lines import GatewayLines
from local_stack.sagemaker_lines import SageMakerLines
from local_stack.terminal import Terminal
from local_stack.worker_child import WorkerChild
from sagemaker_local.demo.endpoints import Deployment
from sagemaker_local.modelserver import lifetime
from sagemaker_local.modelserver.lines import printable
from sagemaker_local.private_files import aws_variables

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

DEFAULT_KEY_FILE = Path(".local/demo-key")
DEFAULT_ENV_FILE = Path(".local/env")

MOST_PORT = 65_535
# On a busy machine the demo's containers, which start at the same time, need more than the default.
CONTAINER_START_SECONDS = 120

# Settings of the gateway, unless the environment of this process says otherwise: pages of every
# origin may call it, there are jobs, and a change of a key or of a table in S3 counts within a
# second or two. Jobs are in the bucket into which the asynchronous demo endpoint writes: the page
# for browsers reads from no other one.
GATEWAY_SETTINGS = {
    "GATEWAY_CORS_ORIGIN": "*",
    "GATEWAY_JOBS": f"s3://{Deployment().bucket}/local",
    "GATEWAY_JOBS_QUEUE": "inference-gateway-jobs",
    "GATEWAY_JOBS_CONCURRENCY": "4",
    "GATEWAY_KEYS_MAX_AGE": "1",
    "GATEWAY_ROUTING_MAX_AGE": "1",
}


NO_WORKER = "jobs wait until a worker runs: .venv/bin/python -m local_stack.worker"


class View:
    """What is printed of each process, on one terminal."""

    def __init__(self, log: str) -> None:
        self.terminal = Terminal(sys.stdout, os.environ)
        self.sagemaker_ready = asyncio.Event()
        later = asyncio.get_running_loop().call_later
        self.gateway = GatewayLines(self.terminal, log, later)
        self.sagemaker = SageMakerLines(
            self.terminal, log, self.sagemaker_ready.set, self.gateway.on_sentence
        )

    def fail(self, error: Exception) -> int:
        """Print an error after all that the processes have printed, and return the exit code."""
        self.sagemaker.show_left_out()
        self.terminal.flush()
        return _error(str(error))


def argument_parser() -> argparse.ArgumentParser:
    """Build the parser of the command line."""
    parser = argparse.ArgumentParser(prog="python -m local_stack", description=__doc__)
    add = parser.add_argument
    add("--port", type=int, default=8000, help="the gateway's port")
    add("--sagemaker-port", type=int, default=4599, help="the local SageMaker's port")
    add("--key-file", type=Path, default=DEFAULT_KEY_FILE, help="where the API key is written")
    add(
        "--env-file",
        type=Path,
        default=DEFAULT_ENV_FILE,
        help="where the file to source is written",
    )
    add("--no-demo", action="store_true", help="do not create the demo endpoints")
    add("--data", type=Path, help="the folder that keeps what the local SageMaker holds")
    more = "a boto3 program that creates endpoints, or a folder of such; may come several times"
    add("--seed", type=Path, action="append", default=[], help=more)
    log = "a line for each call; the gateway's own lines; or calls, and all of the local SageMaker"
    add("--log", choices=gateway_lines.LOGS, default=gateway_lines.READABLE, help=log)
    alone = "no local SageMaker: the AWS account or the AWS_ENDPOINT_URL of the environment"
    add("--gateway-alone", action="store_true", help=alone)
    add("--exit-with-parent", action="store_true", help="end when standard input ends")
    return parser


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the stack, and return the exit code."""
    options = argument_parser().parse_args(arguments)
    if (reason := _port_error(options)) is not None:
        return _error(reason)
    try:
        Settings.from_env({**({} if options.gateway_alone else GATEWAY_SETTINGS), **os.environ})
        options.seed = seeds.programs(options.seed)
    except ConfigurationError as error:
        return _error(*error.lines)
    except seeds.NoSeed as error:
        return _error(str(error))
    return asyncio.run(_run(options))


def _port_error(options: argparse.Namespace) -> str | None:
    """Say why the ports cannot be used."""
    ports = {"PORT": options.port}
    if not options.gateway_alone:
        ports["SAGEMAKER_LOCAL_PORT"] = options.sagemaker_port
    target = "gateway" if options.gateway_alone else "run"
    for variable, port in ports.items():
        if not 0 < port <= MOST_PORT:
            return f"{variable}={port} is not a port; ports are 1 to {MOST_PORT}"
        if not _is_free(port):
            return f"port {port} is taken; choose another with: make {target} {variable}={port + 1}"
    if len(set(ports.values())) < len(ports):
        return f"PORT and SAGEMAKER_LOCAL_PORT are both {options.port}; change one"
    return None


def _error(*lines: str) -> int:
    sys.stderr.writelines(f"error: {printable(line)}\n" for line in lines)
    return 1


async def _run(options: argparse.Namespace) -> int:
    """Run all processes until Ctrl-C, SIGTERM, or the end of one that is not started again."""
    loop, stop = asyncio.get_running_loop(), asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop.set)
    if options.exit_with_parent:
        lifetime.end_with_parent(lambda: loop.call_soon_threadsafe(stop.set))
    children: list[Child] = []
    view = View(options.log)
    work = asyncio.create_task(_serve(children, options, view))
    stopping = asyncio.create_task(stop.wait())
    try:
        await asyncio.wait({work, stopping}, return_when=asyncio.FIRST_COMPLETED)
        if work.done():
            work.result()
        return 0
    except (ChildEnded, NotStarted) as error:
        return view.fail(error)
    finally:
        for task in (work, stopping):
            task.cancel()
        await asyncio.wait({work, stopping})
        view.terminal.print("stopping …")
        for child in reversed(children):
            await child.stop()
        view.gateway.end()
        view.terminal.flush()


async def _serve(children: list[Child], options: argparse.Namespace, view: View) -> None:
    """Start the local SageMaker, run the seeds, start the gateway; wait until one of these ends."""
    environment = {**os.environ, "PYTHONUNBUFFERED": "1"}
    worker = None
    if not options.gateway_alone:
        url = f"http://127.0.0.1:{options.sagemaker_port}"
        await _start_sagemaker(children, options, view)
        for program in options.seed:
            await _run_seed(children, program, _environment(url), view.terminal)
        environment = {**GATEWAY_SETTINGS, **_environment(url)}
        if Settings.from_env(environment).jobs is not None:
            worker = WorkerChild(children, options.port, environment, view.gateway.on_line)
            await worker.start()
        await _issue_key(options.key_file, environment)
        if worker is not None:
            await worker.wait_for_start(children)
    elif Settings.from_env(environment).jobs is not None:
        view.terminal.print(NO_WORKER)
    await _start_gateway(children, options, environment, view.gateway)
    if worker is None:
        await wait_for(asyncio.Event().wait(), children)
    else:
        await wait_for(worker.keep_working(), [one for one in children if one is not worker.child])


async def _start_sagemaker(children: list[Child], options: argparse.Namespace, view: View) -> None:
    view.terminal.print("starting the local SageMaker …")
    command = ["sagemaker_local", "--exit-with-parent", "--port", str(options.sagemaker_port)]
    command += ["--startup-timeout", str(CONTAINER_START_SECONDS)]
    command += ["--env-file", str(options.env_file)]
    command += [] if options.no_demo else ["--demo"]
    command += ["--data", str(options.data)] if options.data else []
    on_line = view.sagemaker.on_line
    children.append(await Child.start("the local SageMaker", command, os.environ, on_line))
    await wait_for(view.sagemaker_ready.wait(), children)


async def _run_seed(
    children: list[Child], program: Path, environment: Mapping[str, str], terminal: Terminal
) -> None:
    def on_line(line: str) -> None:
        terminal.print(f"{program.name} | {line}")

    name = f"the seed {program}"
    terminal.print(f"running {name} …")
    seed = await Child.start(name, ["local_stack.seeds", str(program)], environment, on_line)
    try:
        await wait_for(seed.finish(), children)
    finally:
        await seed.stop()


async def _issue_key(path: Path, environment: Mapping[str, str]) -> None:
    """Write an API key that may call every model to a file.

    Raises:
        NotStarted: The key could not be issued or written.
    """
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        *("-m", "local_stack.demo_key", str(path)),
        env=environment,
        stderr=asyncio.subprocess.PIPE,
    )
    try:
        _, errors = await process.communicate()
    finally:
        if process.returncode is None:
            with suppress(ProcessLookupError):
                process.kill()
            await process.wait()
    if process.returncode != 0:
        raise NotStarted(errors.decode().strip())


async def _start_gateway(
    children: list[Child],
    options: argparse.Namespace,
    environment: Mapping[str, str],
    lines: GatewayLines,
) -> None:
    """Start the gateway, and wait until it is ready."""
    command = ["local_stack.gateway", "--exit-with-parent", "--port", str(options.port)]
    if not options.gateway_alone:
        command += ["--key-file", str(options.key_file), "--env-file", str(options.env_file)]
    if environment.get("AWS_ENDPOINT_URL"):
        command += ["--compare"]
    ready = asyncio.Event()

    def on_line(line: str) -> None:
        lines.on_line(line)
        if line.startswith("ready:"):
            ready.set()

    children.append(await Child.start("the gateway", command, environment, on_line))
    await wait_for_start("gateway", ready, children)


def _environment(sagemaker_url: str) -> dict[str, str]:
    """Return the environment of a program on AWS, except for the address of AWS."""
    others = {name: value for name, value in os.environ.items() if not name.startswith("AWS_")}
    hosts = os.environ.get("no_proxy") or os.environ.get("NO_PROXY")
    direct = f"{hosts},127.0.0.1" if hosts else "127.0.0.1"  # boto3 would ask a proxy for it
    proxies = {"NO_PROXY": direct, "no_proxy": direct}
    return {**others, **proxies, **aws_variables(sagemaker_url), "PYTHONUNBUFFERED": "1"}


def _is_free(port: int) -> bool:
    try:
        with socket.create_server(("127.0.0.1", port)):
            return True
    except OSError:
        return False


if __name__ == "__main__":
    sys.exit(main())
