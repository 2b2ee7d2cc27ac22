"""The check of one entry of `models`: its name, and whether its keys fit together."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple, cast

from chalicelib.errors import quoted, shown
from chalicelib.routing.parameters import MOST_PARAMETERS
from chalicelib.routing.reading.keys import members, model_keys
from chalicelib.routing.reading.nodes import MappingNode
from chalicelib.routing.reading.values import PLACEHOLDER
from chalicelib.routing.reading.written_targets import keys_of_targets, read_targets
from chalicelib.routing.table import row_key
from chalicelib.routing.targets import LONGEST_NAME, is_name

if TYPE_CHECKING:
    from chalicelib.routing.reading.nodes import Node
    from chalicelib.routing.reading.problems import Findings
    from chalicelib.routing.reading.written_targets import WrittenTarget
    from chalicelib.routing.rows import Row

LONGEST_ENTRY = 4_000_000  # an answer of GET /models carries 4,650,000 bytes

_NAME_RULE = (
    f"a first part of at most {LONGEST_NAME} of a-z 0-9 and '-', with '-' only between two others, "
    f"then up to {MOST_PARAMETERS} times /{{parameter}}"
)


class Name(NamedTuple):
    """A model's name: `house-price/{city}` has a first segment and one parameter."""

    first: str
    parameters: tuple[str, ...]

    @property
    def key(self) -> str:
        return row_key(self.first, len(self.parameters))


def read_name(text: str) -> Name | None:
    """Return the parts of a model's name; None if the text is not a name."""
    first, *rest = text.split("/")
    matches = [PLACEHOLDER.fullmatch(segment) for segment in rest]
    parameters = tuple(match[1] for match in matches if match)
    if not is_name(first) or first != first.lower():
        return None
    if len(parameters) < len(rest) or len(rest) > MOST_PARAMETERS:
        return None
    return Name(first, parameters)


def read_entry(text: str, node: Node, findings: Findings) -> tuple[Name | None, Row | None]:
    """Return the name and the row of an entry; the row is valid only if there are no findings."""
    name = read_name(text)
    if name is None:
        findings.at(node, f"{quoted(text)} is not a model's name; it must be {_NAME_RULE}")
    values = members(node, model_keys(), findings)
    if values is None or not isinstance(node, MappingNode):
        return name, None
    targets = read_targets(values, node, findings)
    if name is not None:
        _check_parameters(name, values, node, findings)
        for target in targets:
            target.check_parameters(name.parameters, findings)
        _check_size(text, values, node, findings)
    return name, _row(name, values, targets)


def _check_parameters(
    name: Name, values: dict[str, Any], node: MappingNode, findings: Findings
) -> None:
    """Check that each parameter is declared in the name and has a rule."""
    if len(set(name.parameters)) < len(name.parameters):
        findings.at(node, "has one parameter twice; give each its own name")
    rules = node.members.get("parameters")
    if isinstance(rules, MappingNode):
        for parameter, rule in rules.members.items():
            if parameter not in name.parameters:
                undeclared = shown(f"/{{{parameter}}}")
                findings.at(rule, f"is not declared; the model's name has no {undeclared}")
    if "parameters" not in values or values["parameters"] is not None:
        for parameter in dict.fromkeys(name.parameters):
            if parameter not in values.get("parameters", {}):
                path = f"{node.path}.parameters.{parameter}"
                findings.add(node.line, path, "missing; it needs one_of or pattern")


def _check_size(text: str, values: dict[str, Any], node: MappingNode, findings: Findings) -> None:
    """Check that what has no limit of its own fits into an answer of `GET /models`."""
    rules = (values.get("parameters") or {}).values()
    lists = [rule["one_of"] or () for rule in rules if rule and "one_of" in rule]
    size = 4 * len(text) + sum(len(value or "") + 3 for values in lists for value in values)
    if size > LONGEST_ENTRY:
        most = f"at most {LONGEST_ENTRY:,} characters fit into an answer of GET /models"
        findings.at(node, f"its name and the values of its parameters are too long; {most}")


def _row(name: Name | None, values: dict[str, Any], targets: list[WrittenTarget]) -> Row:
    """Return the row: the targets are in members of their own, parameters are in order."""
    row = {key: value for key, value in values.items() if key not in keys_of_targets()}
    if "targets" in values:
        row["targets"] = {target.name: target.row() for target in targets}
    else:
        row |= {key: value for target in targets for key, value in target.row().items()}
    if name is not None and name.parameters:
        rules = values.get("parameters") or {}
        row["parameters"] = {parameter: rules.get(parameter) for parameter in name.parameters}
    return cast("Row", row)
