"""What a new user needs: an API key for the gateway, and curl commands that work as pasted."""

from __future__ import annotations

import asyncio
import os
import shlex
import sys
from typing import TYPE_CHECKING

from local_stack.children import ChildEnded

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from chalicelib.routing.table import Model, RoutingTable

ISSUE_KEY = (
    *("-m", "gatewayctl", "keys", "issue", "--stage", "local"),
    *("--principal", "demo", "--grants", "*"),
)


async def issue_key(path: Path, environment: Mapping[str, str]) -> None:
    """Issue an API key that may call every model, and write the key to a file.

    Raises:
        ChildEnded: `gatewayctl` could not issue the key.
    """
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        *ISSUE_KEY,
        env=environment,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    key, errors = await process.communicate()
    if process.returncode != 0:
        raise ChildEnded(f"the demo key could not be issued: {errors.decode().strip()}")
    path.parent.mkdir(parents=True, exist_ok=True)
    unfinished = path.with_name(f"{path.name}.{os.getpid()}")
    unfinished.touch(mode=0o600)
    unfinished.write_bytes(key.strip())
    unfinished.replace(path)


def curl_commands(table: RoutingTable, url: str, key_path: Path) -> Iterator[str]:
    """For each kind of target, yield a call of the model with the shortest example.

    The last command lists all models.
    """
    credential = f'-H "Authorization: Bearer $(cat {shlex.quote(str(key_path))})"'
    shortest: dict[str, str] = {}
    for model in table.models():
        path = _path(model)
        if model.example is None or path is None:
            continue
        command = (
            f"curl {url}/predict/{path} {credential} -H 'Content-Type: application/json'"
            f" -d {shlex.quote(model.example)}"
        )
        kind = model.target.kind
        shortest[kind] = min(command, shortest.get(kind, command), key=len)
    yield from shortest.values()
    yield f"curl {url}/models {credential}"


def _path(model: Model) -> str | None:
    """Return the model's name with a value for each parameter; None if a rule lists no values."""
    path = model.name
    for parameter in model.parameters:
        values = parameter.rule.described().get("one_of")
        if not isinstance(values, list):
            return None
        path = path.replace(f"{{{parameter.name}}}", values[0])
    return path
