"""The problems of a routing table: where each one is, and how to correct it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from chalicelib.errors import ConfigurationError, printable

if TYPE_CHECKING:
    from collections.abc import Iterable
    from typing import Protocol

    class Place(Protocol):
        """A part of the table with a line and a key path; every node is one."""

        @property
        def line(self) -> int: ...
        @property
        def path(self) -> str: ...


MOST_PROBLEMS = 20_000
"""The number of problems after which a file is not read any further."""


@dataclass(frozen=True, slots=True)
class Problem:
    """One problem, shown as `file:line: key path: text`, without a line for an unreadable file.

    It is shown on one line, whatever the table and the names of files contain.
    """

    file: str
    line: int | None
    path: str
    text: str

    def __str__(self) -> str:
        where = self.file if self.line is None else f"{self.file}:{self.line}"
        return printable(": ".join(part for part in (where, self.path, self.text) if part))


class InvalidTable(ConfigurationError):
    """The table cannot be used; holds all its problems in the order of their lines."""

    def __init__(self, problems: Iterable[Problem]) -> None:
        self.problems = tuple(problems)
        super().__init__(str(problem) for problem in self.problems)


class TooManyProblems(Exception):
    """A file has so many problems that it is not read any further."""


class Findings:
    """Collects the problems of one file.

    Every method that adds a problem raises `TooManyProblems` after the last one that is kept.
    """

    def __init__(self, file: str) -> None:
        self.file = file
        self.problems: list[Problem] = []
        self._unreadable: set[str] = set()
        self._is_full = False

    def add(self, line: int, path: str, text: str) -> None:
        """Add a problem on a line, under a key path."""
        if len(self.problems) == MOST_PROBLEMS:
            self._is_full = True
            raise TooManyProblems
        self.problems.append(Problem(self.file, line, path, text))

    def at(self, place: Place, text: str) -> None:
        """Add a problem with a node, on its line and under its key path."""
        if not (self._unreadable and place.path in self._unreadable):
            self.add(place.line, place.path, text)

    def unreadable(self, place: Place, text: str) -> None:
        """Add a problem with a node without a value; later problems of that node are dropped."""
        self.at(place, text)
        self._unreadable.add(place.path)

    def error(self) -> InvalidTable:
        """Return the error that holds all problems found so far."""
        problems = sorted(self.problems, key=lambda problem: problem.line or 0)
        if self._is_full:
            text = f"has {MOST_PROBLEMS:,} problems; the rest of the file was not read"
            problems.append(Problem(self.file, None, "", text))
        return InvalidTable(problems)
