"""What is wrong with tables, as a report: a line each, or JSON."""

from __future__ import annotations

from typing import TYPE_CHECKING

from gatewayctl.command import Exit, Report

if TYPE_CHECKING:
    from collections.abc import Sequence

    from chalicelib.table.problems import Problem


def report(findings: Sequence[Problem], notes: Sequence[str] = ()) -> Report:
    """Findings on stdout; their number decides the exit code."""
    return Report(
        Exit.FINDINGS if findings else Exit.FINE,
        lines=[str(finding) for finding in findings],
        notes=notes,
        data={"findings": [_as_data(finding) for finding in findings]},
    )


def _as_data(finding: Problem) -> dict[str, object]:
    return {
        "file": finding.file,
        "line": finding.line,
        "path": finding.path,
        "text": finding.text,
    }
