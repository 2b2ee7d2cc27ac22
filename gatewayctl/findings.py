"""What is wrong with tables, as a report: a line each, or JSON."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from chalicelib.routing.reading.problems import Problem
from gatewayctl.command import Exit, Report

if TYPE_CHECKING:
    from collections.abc import Sequence


@dataclass(frozen=True, slots=True)
class TableWarning(Problem):
    """Something that a gateway takes and that somebody will regret."""

    def __str__(self) -> str:
        return str(Problem(self.file, self.line, self.path, f"warning: {self.text}"))


def report(findings: Sequence[Problem], notes: Sequence[str] = ()) -> Report:
    """Findings on stdout; only those that are no warnings make the exit code."""
    return Report(
        Exit.FINDINGS if _errors(findings) else Exit.FINE,
        lines=[str(finding) for finding in findings],
        notes=notes,
        data={"findings": [as_data(finding) for finding in findings]},
    )


def counted(findings: Sequence[Problem]) -> str:
    """How many there are of each sort."""
    errors = len(_errors(findings))
    sorts = [(errors, "findings"), (len(findings) - errors, "warnings")]
    said = [f"{number} {sort}" for number, sort in sorts if number]
    return " and ".join(said) or "no findings"


def _errors(findings: Sequence[Problem]) -> list[Problem]:
    return [finding for finding in findings if not isinstance(finding, TableWarning)]


def as_data(finding: Problem) -> dict[str, object]:
    """For other programs."""
    return {
        "file": finding.file,
        "line": finding.line,
        "path": finding.path,
        "severity": "warning" if isinstance(finding, TableWarning) else "error",
        "text": finding.text,
    }
