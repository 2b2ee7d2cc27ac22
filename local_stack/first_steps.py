"""What a new user needs: an API key for the gateway, and curl commands that work as pasted."""

from __future__ import annotations

import asyncio
import os
import shlex
import stat
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from chalicelib.routing.table import Model, RoutingTable

ISSUE_KEY = (
    *("-m", "gatewayctl", "keys", "issue", "--stage", "local"),
    *("--principal", "demo", "--grants", "*"),
)


class NoKey(Exception):
    """The demo key could not be issued, or its file could not be written."""


async def issue_key(path: Path, environment: Mapping[str, str]) -> None:
    """Issue an API key that may call every model, and write the key to a file.

    Raises:
        NoKey: `gatewayctl` could not issue the key, or the file cannot be written.
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
        raise NoKey(f"the demo key could not be issued: {errors.decode().strip()}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        write_secret(path, key.strip())
    except OSError as error:
        raise NoKey(f"the demo key could not be written to {path}: {error.strerror}") from error


def write_secret(path: Path, content: bytes) -> None:
    """Write a file that its owner alone can read.

    The file is always a new one, which takes the place of a file or a link of this name: neither
    the mode of a file that is there nor the place where a link leads has an effect.

    Raises:
        OSError: It cannot be written, or something that is no file has this name.
    """
    if _is_something_else(path):
        raise FileExistsError(0, "this is not a file; name another file with --key-file")
    # The name is new, and nobody can foresee it.
    descriptor, name = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
    unfinished = Path(name)
    try:
        with open(descriptor, "wb") as file:  # noqa: PTH123 (a descriptor)
            os.fchmod(descriptor, 0o600)
            file.write(content)
        unfinished.replace(path)
    except BaseException:
        unfinished.unlink()
        raise


def _is_something_else(path: Path) -> bool:
    """Whether the path is there and is neither a file nor a link."""
    try:
        mode = path.lstat().st_mode
    except FileNotFoundError:
        return False
    return not (stat.S_ISREG(mode) or stat.S_ISLNK(mode))


def curl_commands(table: RoutingTable, url: str, key_path: Path) -> Iterator[str]:
    """Yield a call for each kind of target: of the model with the shortest example.

    The last command lists all models.
    """
    credential = f'-H "Authorization: Bearer $(cat {shlex.quote(str(key_path))})"'
    shortest: dict[str, str] = {}
    for model in table.models():
        path, example = _path(model), model.example_request()
        if example is None or path is None or "\0" in example.body:  # no argument can hold it
            continue
        # curl reads a file instead of a text for `-d` that begins with @.
        command = (
            f"curl {url}/predict/{path} {credential} -H 'Content-Type: {example.content_type}'"
            f" --data-raw {_argument(example.body)}"
        )
        kind = model.target.kind
        shortest[kind] = min(command, shortest.get(kind, command), key=len)
    yield from shortest.values()
    yield f"curl {url}/models {credential}"


def _argument(text: str) -> str:
    """Quote a text for bash, zsh and most other shells; the result is one printable line."""
    if text.isprintable():
        return shlex.quote(text)
    escaped = (
        "".join(f"\\x{byte:02x}" for byte in one.encode())
        if not one.isprintable()
        else f"\\{one}"
        if one in "\\'"
        else one
        for one in text
    )
    return f"$'{''.join(escaped)}'"


def _path(model: Model) -> str | None:
    """Return the model's name with a value for each parameter; None if a rule lists no values."""
    path = model.name
    for parameter in model.parameters:
        value = parameter.rule.example()
        if value is None:
            return None
        path = path.replace(f"{{{parameter.name}}}", value)
    return path
