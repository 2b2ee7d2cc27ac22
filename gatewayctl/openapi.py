"""`gatewayctl openapi`: the API that a table makes, for those who call it."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import TYPE_CHECKING

from chalicelib.routing.reading import file as table_file
from chalicelib.routing.reading.problems import InvalidTable
from gatewayctl import findings
from gatewayctl.command import Command, Exit, Report, WrongUse
from gatewayctl.http_api.document import document

if TYPE_CHECKING:
    from argparse import ArgumentParser, Namespace
    from collections.abc import Callable

SERVER = re.compile(r"https?://[A-Za-z0-9.:\[\]-]+(/[A-Za-z0-9._~/-]*)?")


def add_arguments(parser: ArgumentParser) -> None:
    parser.add_argument("--server", metavar="URL", help="where the gateway answers")
    parser.add_argument("--out", type=Path, metavar="FILE", help="write there instead of stdout")


def run(options: Namespace, locate: Callable[[], Path]) -> Report:
    server = None if options.server is None else _server(options.server)
    path = locate()
    try:
        table = table_file.parse(table_file.read_bytes(path), str(path))
    except InvalidTable as error:
        return findings.report(error.problems)
    content = document(table, server)
    text = json.dumps(content, indent=2)
    if options.out is None:
        return Report(Exit.FINE, lines=[text], notes=(), data=content)
    _write(options.out, text)
    return Report(
        Exit.FINE,
        lines=[str(options.out)],
        notes=[f"{options.out}: {len(table)} models of {path}, table {table.digest[:12]}"],
        data={"openapi": str(options.out), "models": len(table), "sha256": table.digest},
    )


def _server(url: str) -> str:
    if not SERVER.fullmatch(url):
        raise WrongUse(
            f"--server is {url!r}; it must be a URL such as https://gateway.example.com/api"
        )
    return url.rstrip("/")


def _write(target: Path, text: str) -> None:
    try:
        target.write_text(f"{text}\n", encoding="ascii")
    except OSError as error:
        raise WrongUse(f"{target} cannot be written: {error.strerror}") from error


COMMAND = Command("openapi", "describe the API that a table makes", add_arguments, run)
