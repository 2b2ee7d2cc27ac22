"""Reading a routing table with its lines, and reporting what is wrong with tables."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

from chalicelib.routing.reading import file as table_file
from chalicelib.routing.reading.nodes import MappingNode, SequenceNode, read
from chalicelib.routing.reading.problems import Findings, Problem
from gatewayctl.report import ExitCode, Report

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from pathlib import Path

    from chalicelib.routing.reading.nodes import Node
    from chalicelib.routing.table import RoutingTable


@dataclass(frozen=True)
class TableFile:
    """A valid routing table, and the YAML that it was read from."""

    name: str
    """The file, as problems name it."""
    data: bytes
    table: RoutingTable

    @cached_property
    def lines(self) -> Lines:
        """The line of each key of the table."""
        return Lines(self.data)


def load(path: Path) -> TableFile:
    """Read and check the YAML of a table.

    Raises:
        InvalidTable: The table has problems; `gatewayctl.cli` reports them as findings.
    """
    return parse(table_file.read_bytes(path), str(path))


def parse(data: bytes, name: str) -> TableFile:
    """Check the YAML of a table; `name` is what its problems call it.

    Raises:
        InvalidTable: The table has problems.
    """
    return TableFile(name, data, table_file.parse(data, name))


@dataclass(frozen=True, slots=True)
class TableWarning(Problem):
    """Something that a gateway accepts and that is probably a mistake."""

    def __str__(self) -> str:
        return str(Problem(self.file, self.line, self.path, f"warning: {self.text}"))


def report(findings: Sequence[Problem], notes: Sequence[str] = ()) -> Report:
    """Build the report about these findings; only those that are no warnings set exit code 1."""
    return Report(
        ExitCode.FINDINGS if _errors(findings) else ExitCode.FINE,
        lines=[str(finding) for finding in findings],
        notes=notes,
        data={"findings": [as_data(finding) for finding in findings]},
    )


def counted(findings: Sequence[Problem]) -> str:
    """Return the number of findings and of warnings as text."""
    errors = len(_errors(findings))
    sorts = [(errors, "findings"), (len(findings) - errors, "warnings")]
    return " and ".join(f"{number} {sort}" for number, sort in sorts if number) or "no findings"


def as_data(finding: Problem) -> dict[str, object]:
    """Return a finding as `--format json` prints it."""
    return {
        "file": finding.file,
        "line": finding.line,
        "path": finding.path,
        "severity": "warning" if isinstance(finding, TableWarning) else "error",
        "text": finding.text,
    }


def _errors(findings: Sequence[Problem]) -> list[Problem]:
    return [finding for finding in findings if not isinstance(finding, TableWarning)]


class Lines:
    """The lines of a valid table; `data` is its YAML.

    A `RoutingTable` does not keep its lines, because a gateway does not need them.
    """

    def __init__(self, data: bytes) -> None:
        self._root = read(data.decode("utf-8-sig"), Findings(""))

    def of(self, keys: Iterable[str | int]) -> tuple[int, str]:
        """Return line and key path of a value, such as `("models", "iris", "endpoint")`.

        For a key that the table does not have, the line is that of the value that would hold it.
        """
        keys = list(keys)
        *_, (node, found) = self._descend(keys)
        line = node.line if keys else 1
        path = ".".join(str(part) for part in (node.path, *keys[found:]) if part != "")
        return line, path

    def _descend(self, keys: list[str | int]) -> Iterator[tuple[Node, int]]:
        """Yield the nodes on the way as far as they exist, each with the number of keys used."""
        node = self._root
        yield node, 0
        for used, key in enumerate(keys, start=1):
            if isinstance(node, MappingNode) and key in node.members:
                node = node.members[str(key)]
            elif isinstance(node, SequenceNode) and isinstance(key, int) and key < len(node.items):
                node = node.items[key]
            else:
                return
            yield node, used
