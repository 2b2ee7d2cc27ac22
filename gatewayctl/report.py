"""The results of a command: a report that it returns, or an error that it raises; exit codes."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence


class ExitCode(IntEnum):
    """The result of a command, as a shell sees it."""

    FINE = 0
    FINDINGS = 1
    WRONG_USE = 2
    AWS_NOT_REACHABLE = 3


MEANINGS = {
    ExitCode.FINE: "fine, or warnings only",
    ExitCode.FINDINGS: "findings, or refused",
    ExitCode.WRONG_USE: "wrong use",
    ExitCode.AWS_NOT_REACHABLE: "AWS, or the issuer of a token, not reachable",
}


@dataclass(frozen=True, slots=True)
class Report:
    """The result of a command: lines for stdout and notes for stderr, or data for JSON.

    Each line and note is printed on one line; a line end in it is printed as an escape.
    """

    exit_code: ExitCode
    lines: Sequence[str]
    notes: Sequence[str]
    data: object


class CommandError(Exception):
    """A command could not do its work; the text says why, and what to do."""

    exit_code: ExitCode


class WrongUse(CommandError):
    """The command cannot run with these arguments; the text says what would be right."""

    exit_code = ExitCode.WRONG_USE


class NotReachable(CommandError):
    """AWS prevents the command from working; the text names the service and what to check."""

    exit_code = ExitCode.AWS_NOT_REACHABLE


class RoleRefused(NotReachable):
    """These credentials may not assume the role of a target, so it is not looked at."""


class NoAnswer(NotReachable):
    """AWS did not answer, so it is unknown whether AWS carried out the request."""


class Refused(CommandError):
    """The command changed nothing, because a change would be useless or do harm.

    Args:
        reasons: The reasons, each of which is printed as a line.
    """

    exit_code = ExitCode.FINDINGS

    def __init__(self, reasons: Iterable[str]) -> None:
        self.reasons = tuple(reasons)
        super().__init__("\n".join(self.reasons))
