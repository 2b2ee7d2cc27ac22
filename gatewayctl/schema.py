"""`gatewayctl schema`: what editors need to know of a routing table."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

from gatewayctl.command import Command, Exit, Report, WrongUse
from gatewayctl.table_schema import schema

if TYPE_CHECKING:
    from argparse import ArgumentParser, Namespace
    from collections.abc import Callable


def add_arguments(parser: ArgumentParser) -> None:
    parser.add_argument("--out", type=Path, metavar="FILE", help="write there instead of stdout")


def run(options: Namespace, _: Callable[[], Path]) -> Report:
    content = schema()
    text = json.dumps(content, indent=2)
    if options.out is None:
        return Report(Exit.FINE, lines=[text], notes=(), data=content)
    try:
        options.out.write_text(f"{text}\n", encoding="ascii")
    except OSError as error:
        raise WrongUse(f"{options.out} cannot be written: {error.strerror}") from error
    return Report(Exit.FINE, [str(options.out)], notes=(), data={"schema": str(options.out)})


COMMAND = Command("schema", "write the JSON Schema of a table, for editors", add_arguments, run)
