"""What is wrong with a routing table: where, and how to mend it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from chalicelib.errors import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Iterable
    from typing import Protocol

    class Place(Protocol):
        """Anything of the table that has a line and a key path, as every node has."""

        @property
        def line(self) -> int: ...
        @property
        def path(self) -> str: ...


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing to mend, as `file:line: key path: text`; no line if there was nothing to read."""

    file: str
    line: int | None
    path: str
    text: str

    def __str__(self) -> str:
        where = self.file if self.line is None else f"{self.file}:{self.line}"
        return ": ".join(part for part in (where, self.path, self.text) if part)


class InvalidTable(ConfigurationError):
    """A table that cannot be used, with all its problems in the order of their lines."""

    def __init__(self, problems: Iterable[Problem]) -> None:
        self.problems = tuple(problems)
        super().__init__(str(problem) for problem in self.problems)


class Findings:
    """The problems of one file, as they are found."""

    def __init__(self, file: str) -> None:
        self.file = file
        self.problems: list[Problem] = []
        self._unreadable: set[str] = set()

    def add(self, line: int, path: str, text: str) -> None:
        self.problems.append(Problem(self.file, line, path, text))

    def at(self, place: Place, text: str) -> None:
        """A problem with a node, on its line and under its key path."""
        if place.path not in self._unreadable:
            self.add(place.line, place.path, text)

    def unreadable(self, place: Place, text: str) -> None:
        """A node whose value nobody can know, so that nothing more is said about it."""
        self.at(place, text)
        self._unreadable.add(place.path)

    def error(self) -> InvalidTable:
        return InvalidTable(sorted(self.problems, key=lambda problem: problem.line or 0))
