"""A key for the newcomer, issued with the command that a platform engineer would use."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from local_stack.children import ChildEnded

if TYPE_CHECKING:
    from collections.abc import Mapping

PATH = Path(".local/demo-key")
COMMAND = ("-m", "gatewayctl", "keys", "issue", "--principal", "demo", "--grants", "*")


async def issue(environment: Mapping[str, str]) -> Path:
    """Write a new key that may call everything; return where. When it fails: ChildEnded."""
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        *COMMAND,
        env=environment,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    key, complaint = await process.communicate()
    if process.returncode != 0:
        raise ChildEnded(f"the demo key could not be issued: {complaint.decode().strip()}")
    PATH.parent.mkdir(exist_ok=True)
    PATH.touch(mode=0o600)
    PATH.write_bytes(key.strip())
    return PATH.resolve()
