"""Seeds: boto3 programs that create one's own endpoints in the local SageMaker.

`python -m local_stack.seeds FILE` runs one. It ends the seed, and what the seed has left running in
its process group, when the seed or its own parent ends.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from contextlib import suppress
from typing import TYPE_CHECKING

from sagemaker_local.modelserver import lifetime

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path


class NoSeed(Exception):
    """A seed cannot be found."""


def programs(given: Iterable[Path]) -> list[Path]:
    """Return the programs; for a folder, those in it whose names end with .py, sorted.

    Raises:
        NoSeed: There is no such program.
    """
    found: list[Path] = []
    for path in given:
        if path.is_dir():
            found += sorted(one for one in path.glob("*.py") if one.is_file())
        elif path.is_file():
            found.append(path)
        else:
            raise NoSeed(f"there is no seed {path}; name a boto3 program, or a folder of them")
    return found


def main(program: str) -> int:
    """Run a seed as Python would, and return its exit code."""
    # SIGTERM must not end this process before the seed: what ends both is the end of standard
    # input. A function and not SIG_IGN, because the seed would ignore the signal, too.
    signal.signal(signal.SIGTERM, lambda *_: None)
    seed = subprocess.Popen(
        [sys.executable, program], stdin=subprocess.DEVNULL, start_new_session=True
    )

    def end() -> None:
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(seed.pid, signal.SIGKILL)

    lifetime.end_with_parent(end)
    code = seed.wait()
    end()
    return code if code >= 0 else 128 - code


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
