"""`gatewayctl schema`: the JSON Schema of a routing table, for editors."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from gatewayctl.command import command, out_option
from gatewayctl.output import writing
from gatewayctl.report import ExitCode, Report
from gatewayctl.table_schema import schema as table_schema

if TYPE_CHECKING:
    from pathlib import Path

    from gatewayctl.command import Context


@command("schema")
@out_option
def schema(_: Context, *, out: Path | None) -> Report:
    """Write the JSON Schema of a routing table, for editors."""
    content = table_schema()
    text = json.dumps(content, indent=2)
    if out is None:
        return Report(ExitCode.FINE, lines=[text], notes=(), data=content)
    with writing(out):
        out.write_text(f"{text}\n", encoding="ascii")
    return Report(ExitCode.FINE, [str(out)], notes=(), data={"schema": str(out)})
