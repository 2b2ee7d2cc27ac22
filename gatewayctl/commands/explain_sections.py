"""The parts of an explanation, and how they become a report."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from chalicelib.telemetry import TABLE_DIGITS
from gatewayctl.output import plural
from gatewayctl.report import ExitCode, Report

if TYPE_CHECKING:
    from collections.abc import Sequence

    from gatewayctl.tables import TableFile

WIDTH = len("content type") + 2


@dataclass(frozen=True, slots=True)
class Section:
    """A part of the explanation: its lines, and its data for `--format json`."""

    name: str
    lines: Sequence[str]
    data: object


def report(
    title: str,
    answer: Sequence[str],
    sections: Sequence[Section],
    *,
    is_refused: bool,
    data: dict[str, object],
) -> Report:
    """Lay out an explanation: the title, the answer, and then the sections that give the reasons.

    Args:
        data: The first members for `--format json`; each section adds a member.
    """
    blocks = [("answer", answer), *((section.name, section.lines) for section in sections)]
    lines = [
        f"  {name if number == 0 else '':{WIDTH}}{line}"
        for name, of_block in blocks
        for number, line in enumerate(of_block)
    ]
    return Report(
        ExitCode.FINDINGS if is_refused else ExitCode.FINE,
        lines=[title, *lines],
        notes=(),
        data={**data, **{section.name.replace(" ", "_"): section.data for section in sections}},
    )


def table_section(file: TableFile) -> Section:
    """Show which table was read."""
    digest, models = file.table.digest, len(file.table)
    return Section(
        "table",
        [f"{file.name}, {plural(models, 'model')}, {digest[:TABLE_DIGITS]} in GET /health"],
        {"file": file.name, "models": models, "sha256": digest},
    )
