"""The entry point: `gatewayctl` on the PATH, and `python -m gatewayctl`.

An older Python, or one without the dependencies, can run this module to print what to do.
"""

import importlib
import os
import sys
from pathlib import Path

OLDEST = (3, 11)
REMEDY = "run .venv/bin/gatewayctl, which 'make setup' makes"


def main() -> int:
    """Run the command line of this process, and return its exit code."""
    if sys.version_info < OLDEST:
        return _wrong_python(f"Python {sys.version_info[0]}.{sys.version_info[1]} is too old")
    try:
        cli = importlib.import_module("gatewayctl.cli")
    except ModuleNotFoundError as error:
        if str(error.name).split(".", maxsplit=1)[0] in ("chalicelib", "gatewayctl"):
            raise
        return _wrong_python(f"this Python does not have {error.name}")
    try:
        return int(cli.main(sys.argv[1:], os.environ, Path.cwd(), sys.stdout, sys.stderr))
    except KeyboardInterrupt:
        return 130


def _wrong_python(problem: str) -> int:
    sys.stderr.write(f"gatewayctl: {problem} ({sys.executable}); {REMEDY}\n")
    return 2


if __name__ == "__main__":
    sys.exit(main())
