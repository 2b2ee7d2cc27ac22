"""What a command is, what it is given, and what it has to say."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from argparse import ArgumentParser, Namespace
    from collections.abc import Callable, Iterable, Sequence
    from pathlib import Path


class Exit(IntEnum):
    """What a command's exit code means."""

    FINE = 0
    FINDINGS = 1
    WRONG_USE = 2
    AWS_NOT_REACHABLE = 3


class WrongUse(Exception):
    """A command that cannot be carried out as it was given; the text says what would be right."""


class Refused(Exception):
    """A command that would do harm, or nothing; every reason is a line. Nothing was changed."""

    def __init__(self, reasons: Iterable[str]) -> None:
        self.reasons = tuple(reasons)
        super().__init__("\n".join(self.reasons))


@dataclass(frozen=True, slots=True)
class Report:
    """What a command found: lines for stdout and notes for stderr, or data for `--format json`."""

    exit_code: Exit
    lines: Sequence[str]
    notes: Sequence[str]
    data: object


@dataclass(frozen=True, slots=True)
class Command:
    """One row of `gatewayctl --help`; a name of two words belongs to a group."""

    name: str
    purpose: str
    add_arguments: Callable[[ArgumentParser], object]
    run: Callable[[Namespace, Callable[[], Path]], Report]
    """Given the options, and where the table is for a command that wants to know.

    Beside what was typed, the options hold the `environment`, the `project`, which is the folder,
    and `stderr` for the progress of a command that takes long.
    """
