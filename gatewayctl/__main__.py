"""The entry point: `gatewayctl` on the PATH, and `python -m gatewayctl`.

An older Python, or one without the dependencies, can run this module to print what to do.
"""

import importlib
import os
import sys
from pathlib import Path

OLDEST = (3, 11)


def main() -> int:
    """Run the command line of this process, and return its exit code."""
    if sys.version_info < OLDEST:
        return _wrong_python(
            f"is Python {sys.version_info[0]}.{sys.version_info[1]}, too old for it"
        )
    try:
        cli = importlib.import_module("gatewayctl.cli")
        return int(cli.main(sys.argv[1:], os.environ, Path.cwd(), sys.stdout, sys.stderr))
    except ModuleNotFoundError as error:
        if str(error.name).startswith(("chalicelib", "gatewayctl")):
            raise
        return _wrong_python(f"does not have {error.name}")
    except KeyboardInterrupt:
        return 130  # 128 + SIGINT, as shells report it


def _wrong_python(problem: str) -> int:
    sys.stderr.write(
        f"gatewayctl: {sys.executable} {problem}; "
        "run .venv/bin/gatewayctl, which 'make setup' installs\n"
    )
    return 2


if __name__ == "__main__":
    sys.exit(main())
