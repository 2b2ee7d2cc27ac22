"""`python -m sagemaker_local.modelserver sklearn|lightgbm`: serve a model, or many, over HTTP."""

from __future__ import annotations

import argparse
import os
import sys
from typing import TYPE_CHECKING

from sagemaker_local.modelserver import lifetime
from sagemaker_local.modelserver.errors import ConfigurationError, ModelServerError
from sagemaker_local.modelserver.frameworks import FRAMEWORKS
from sagemaker_local.modelserver.settings import Settings

if TYPE_CHECKING:
    from collections.abc import Sequence


def parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m sagemaker_local.modelserver", description=__doc__
    )
    parser.add_argument("framework", choices=sorted(FRAMEWORKS))
    where = parser.add_mutually_exclusive_group()
    where.add_argument("--port", type=int, help="default: SAGEMAKER_BIND_TO_PORT, else 8080")
    where.add_argument("--fd", type=int, help="an inherited socket that already listens")
    parser.add_argument(
        "--exit-with-parent",
        action="store_true",
        help="end when standard input ends, and leave Ctrl-C to the parent",
    )
    return parser


def main(arguments: Sequence[str] | None = None) -> int:
    options = parser().parse_args(arguments)
    lifetime.end_when_told(ignore_interrupt=options.exit_with_parent)
    if options.exit_with_parent:
        lifetime.end_with_parent()
    # Only now, because this takes a while and the parent may be gone before it is done.
    from sagemaker_local.modelserver import server  # noqa: PLC0415

    try:
        settings = Settings.from_env(os.environ)
        server.run(options.framework, settings, port=options.port, descriptor=options.fd)
    except (ConfigurationError, ModelServerError, OSError, OverflowError) as problem:
        sys.stderr.write(f"error: {problem}\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
