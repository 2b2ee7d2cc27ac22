"""Reads routing tables with the lines of their YAML, and reports problems in them."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

from chalicelib.errors import UnknownModel, closest, quoted
from chalicelib.routing.parameters import OneOf
from chalicelib.routing.reading import file as table_file
from chalicelib.routing.reading.nodes import MappingNode, SequenceNode, read
from chalicelib.routing.reading.problems import Findings, Problem
from gatewayctl.output import plural
from gatewayctl.report import ExitCode, Report, WrongUse

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from pathlib import Path

    from chalicelib.routing.parameters import Parameter
    from chalicelib.routing.reading.nodes import Node
    from chalicelib.routing.table import Match, Model, RoutingTable


@dataclass(frozen=True)
class TableFile:
    """A valid routing table, and the YAML that it was read from."""

    name: str
    """The name of the file in messages."""
    data: bytes
    table: RoutingTable

    @cached_property
    def lines(self) -> Lines:
        """The line of each key of the table."""
        return Lines(self.data)


def load(path: Path) -> TableFile:
    """Read and check the YAML of a table.

    Raises:
        InvalidTable: The table has problems; `gatewayctl.command` reports them as findings.
    """
    return parse(table_file.read_bytes(path), str(path))


def parse(data: bytes, name: str) -> TableFile:
    """Check the YAML of a table; `name` is the name of the file in messages.

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
    """Build a report of findings; its exit code is 0 if all of them are warnings."""
    return Report(
        ExitCode.FINDINGS if _errors(findings) else ExitCode.FINE,
        lines=[str(finding) for finding in findings],
        notes=notes,
        data={"findings": [as_data(finding) for finding in findings]},
    )


def counted(findings: Sequence[Problem]) -> str:
    """Return the numbers of findings and warnings as text."""
    errors = len(_errors(findings))
    sorts = [(errors, "finding"), (len(findings) - errors, "warning")]
    return " and ".join(plural(*sort) for sort in sorts if sort[0]) or "no findings"


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


def find(table: RoutingTable, name: str, file: str) -> Match:
    """Return the model with a name, or with a path as after `/predict/`.

    Args:
        file: The name of the table's file in messages.

    Raises:
        WrongUse: The table has no such model.
    """
    try:
        return table.find(name)
    except UnknownModel:
        meant = _meant_model(name, [model.name for model in table.models()])
        advice = f"did you mean {meant}?" if meant else f"write it as in {file} or after /predict/"
        raise WrongUse(f"there is no model {quoted(name)} in {file}; {advice}") from None


def _meant_model(name: str, known: Sequence[str]) -> str | None:
    first, *_ = name.split("/")
    same = [one for one in known if one.split("/")[0] == first]
    return next(iter(same), closest(name, known))


def weights_of(model: Model, file: str) -> dict[str, int]:
    """Return the weight of each target of a model, the heaviest first.

    Raises:
        WrongUse: The model has no named targets.
    """
    weights = {one.name: one.weight for one in model.targets if one.name is not None}
    if not weights:
        raise WrongUse(
            f"{model.name} has no 'targets' in {file}, so there is nothing to compare or to shift; "
            "docs/targets.md says how to write them"
        )
    return weights


def closest_value(value: str, parameter: Parameter) -> str | None:
    """Return the value if the parameter admits it, else the most similar listed value if any."""
    rule = parameter.rule
    if rule.admits(value):
        return value
    return closest(value, rule.values) if isinstance(rule, OneOf) else None


def corrected(found: Match) -> str | None:
    """Return the path with its misspelt values corrected; None if that does not help."""
    pairs = zip(found.values, found.model.parameters, strict=True)
    values = [closest_value(value, parameter) for value, parameter in pairs]
    if not all(values) or values == list(found.values):
        return None
    return "/".join([found.model.name.partition("/")[0], *filter(None, values)])


class Lines:
    """The lines of a valid table, which a `RoutingTable` does not keep.

    Args:
        data: The YAML of the table.
    """

    def __init__(self, data: bytes) -> None:
        self._root = read(data.decode("utf-8-sig"), Findings(""))

    def of(self, keys: Iterable[str | int]) -> tuple[int, str]:
        """Return the line and the key path of a value.

        If the table does not have the key, the line is the one of the value that would hold it.

        Args:
            keys: The keys from the root on, such as `("models", "iris", "endpoint")`.
        """
        keys = list(keys)
        node, missing = self._nearest(keys)
        line = node.line if keys else 1
        return line, ".".join(str(part) for part in (node.path, *missing) if part != "")

    def has(self, keys: Iterable[str | int]) -> bool:
        """Whether the table has this key."""
        _, missing = self._nearest(keys)
        return not missing

    def _nearest(self, keys: Iterable[str | int]) -> tuple[Node, list[str | int]]:
        """Return the deepest value on the path, and the keys that it does not have."""
        missing, node = list(keys), self._root
        while missing and (child := _child(node, missing[0])):
            del missing[0]
            node = child
        return node, missing


def _child(node: Node, key: str | int) -> Node | None:
    if isinstance(node, MappingNode):
        return node.members.get(str(key))
    if isinstance(node, SequenceNode) and isinstance(key, int) and key < len(node.items):
        return node.items[key]
    return None
