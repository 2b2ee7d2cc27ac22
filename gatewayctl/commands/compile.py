"""`gatewayctl compile`: writes the compiled form of a table, which loads more quickly."""

from __future__ import annotations

from typing import TYPE_CHECKING

from chalicelib.routing.reading import file as table_file
from chalicelib.telemetry import TABLE_DIGITS
from gatewayctl import tables
from gatewayctl.command import command
from gatewayctl.output import plural, replace_file
from gatewayctl.report import ExitCode, Report
from gatewayctl.stage import TableInS3

if TYPE_CHECKING:
    from pathlib import Path

    from gatewayctl.command import Context


@command("compile")
def compile(context: Context) -> Report:
    """Write the compiled form of a table, which a gateway loads more quickly."""
    try:
        path = _deployed_path(context.table_path())
    except TableInS3:
        note = "the table is in S3: nothing to compile here, gatewayctl publish does it"
        return Report(ExitCode.FINE, lines=[], notes=[note], data={"compiled": None})
    table = tables.load(path).table
    target = table_file.compiled_path(path)
    replace_file(target, table_file.compiled(table))
    models = plural(len(table), "model")
    return Report(
        ExitCode.FINE,
        lines=[str(target)],
        notes=[f"{target}: {models} of {path}, table {table.digest[:TABLE_DIGITS]}"],
        data={"compiled": str(target), "models": len(table), "sha256": table.digest},
    )


def _deployed_path(path: Path) -> Path:
    """Return the link in chalicelib/ if it leads to this file, because chalicelib/ is deployed."""
    link = path.parent / "chalicelib" / path.name
    return link if link.exists() and path.exists() and link.samefile(path) else path
