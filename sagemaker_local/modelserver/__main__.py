"""`python -m sagemaker_local.modelserver sklearn|lightgbm`: serves one model or many over HTTP."""

from __future__ import annotations

import argparse
import os
import sys
from typing import TYPE_CHECKING

from sagemaker_local.modelserver import lifetime
from sagemaker_local.modelserver.errors import ConfigurationError, ModelServerError
from sagemaker_local.modelserver.lines import print_line
from sagemaker_local.modelserver.models import FRAMEWORKS

if TYPE_CHECKING:
    from collections.abc import Sequence


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m sagemaker_local.modelserver", description=__doc__
    )
    parser.add_argument("framework", choices=sorted(FRAMEWORKS))
    listener = parser.add_mutually_exclusive_group()
    listener.add_argument("--port", type=int, help="default: SAGEMAKER_BIND_TO_PORT, else 8080")
    listener.add_argument("--fd", type=int, help="an inherited socket that already listens")
    parser.add_argument(
        "--exit-with-parent",
        action="store_true",
        help="end when standard input ends, and leave Ctrl-C to the parent",
    )
    return parser


def main(arguments: Sequence[str] | None = None) -> int:
    options = _parser().parse_args(arguments)
    lifetime.end_on_signals(ignore_interrupt=options.exit_with_parent)
    if options.exit_with_parent:
        lifetime.end_with_parent()
    # This import is slow, and the parent may end before it is done.
    from sagemaker_local.modelserver import server  # noqa: PLC0415

    try:
        settings = server.Settings.from_env(os.environ)
        server.run(options.framework, settings, port=options.port, descriptor=options.fd)
    except (ConfigurationError, ModelServerError, OSError, OverflowError) as error:
        print_line(f"error: {error}", sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
