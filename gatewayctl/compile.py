"""`gatewayctl compile`: the compiled form of a table, beside it, for a quick start."""

from __future__ import annotations

from typing import TYPE_CHECKING

from chalicelib.routing.reading import file as table_file
from chalicelib.routing.reading.problems import InvalidTable
from gatewayctl import findings
from gatewayctl.command import Command, Exit, Report, WrongUse
from gatewayctl.table_file import TableInS3

if TYPE_CHECKING:
    from argparse import ArgumentParser, Namespace
    from collections.abc import Callable
    from pathlib import Path


def add_arguments(parser: ArgumentParser) -> None:
    """None of its own."""


def run(options: Namespace, locate: Callable[[], Path]) -> Report:
    try:
        path = _as_shipped(locate())
    except TableInS3:
        note = "the table is in S3: nothing to compile here, gatewayctl publish does it"
        return Report(Exit.FINE, lines=[], notes=[note], data={"compiled": None})
    try:
        table = table_file.parse(table_file.read_bytes(path), str(path))
    except InvalidTable as error:
        return findings.report(error.problems)
    target = table_file.compiled_path(path)
    try:
        _replace(target, table_file.compiled(table))
    except OSError as error:
        raise WrongUse(f"{target} cannot be written: {error.strerror}") from error
    return Report(
        Exit.FINE,
        lines=[str(target)],
        notes=[f"{target}: {len(table)} models of {path}, table {table.digest[:12]}"],
        data={"compiled": str(target), "models": len(table), "sha256": table.digest},
    )


def _as_shipped(path: Path) -> Path:
    """The link in chalicelib/ if it leads to this file: that is where the gateway looks."""
    link = path.parent / "chalicelib" / path.name
    return link if link.exists() and path.exists() and link.samefile(path) else path


def _replace(target: Path, content: bytes) -> None:
    """In one step, so that a gateway that starts meanwhile reads the old one or the new one."""
    new = target.with_name(f"{target.name}.new")
    new.write_bytes(content)
    new.replace(target)


COMMAND = Command("compile", "write the form of a table that loads quickly", add_arguments, run)
