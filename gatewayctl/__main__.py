"""Starts the command line, as `gatewayctl` or `python -m gatewayctl`.

An older Python, or a Python without the dependencies, can also run this module; it prints what to
do.
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
        exit_code = int(cli.main(sys.argv[1:], os.environ, Path.cwd(), sys.stdout, sys.stderr))
        sys.stdout.flush()
        return exit_code
    except BrokenPipeError:
        _discard_output()
        return 1  # as click and Python do
    except ModuleNotFoundError as error:
        if str(error.name).startswith(("chalicelib", "gatewayctl")):
            raise
        return _wrong_python(f"does not have {error.name}")
    except KeyboardInterrupt:
        return 130  # 128 + SIGINT, as shells report it


def _discard_output() -> None:
    """Let Python flush its streams without an error when the process ends.

    Source: Python library reference, `signal`, "Note on SIGPIPE".
    """
    nowhere = os.open(os.devnull, os.O_WRONLY)
    for stream in (sys.stdout, sys.stderr):
        os.dup2(nowhere, stream.fileno())


def _wrong_python(problem: str) -> int:
    sys.stderr.write(
        f"gatewayctl: {sys.executable} {problem}; "
        "run .venv/bin/gatewayctl, which 'make setup' installs\n"
    )
    return 2


if __name__ == "__main__":
    sys.exit(main())
