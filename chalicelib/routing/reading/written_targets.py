"""The targets of an entry as the table writes them, with their checks."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from chalicelib.errors import did_you_mean, quoted
from chalicelib.routing.reading.keys import (
    PLACE,
    SEVERAL,
    SHARED,
    keys_of_kind,
    target_keys,
    template_keys,
)
from chalicelib.routing.reading.nodes import MappingNode, ScalarNode, SequenceNode
from chalicelib.routing.reading.values import PLACEHOLDER
from chalicelib.routing.targets import KINDS

if TYPE_CHECKING:
    from collections.abc import Iterable

    from chalicelib.routing.reading.problems import Findings


class WrittenTarget(NamedTuple):
    """What the table says about one target."""

    name: str | None
    """None for the only target of an entry without `targets`."""
    node: MappingNode
    values: dict[str, Any]
    """The values in the node, and those beside `targets` that it does not have itself."""

    def check_kind(self, findings: Findings) -> None:
        """Check that the target has a kind, and the keys of that kind."""
        if "kind" not in self.values:
            where = "" if self.name is None else ", here or beside targets"
            text = f"missing; it is one of {', '.join(KINDS)}{where}"
            findings.add(self.node.line, f"{self.node.path}.kind", text)
        elif (kind := self.values["kind"]) is not None:
            self._check_keys(kind, findings)

    def _check_keys(self, kind: str, findings: Findings) -> None:
        keys = keys_of_kind(kind)
        for key, member in self.node.members.items():
            if key in target_keys() and key not in keys:
                kinds = " and ".join(other for other in KINDS if key in keys_of_kind(other))
                findings.at(member, f"does not belong to kind {kind}, only to {kinds}")
        for key, mandatory in keys.items():
            if mandatory and key not in self.values:
                text = f"missing; kind {kind} needs it"
                findings.add(self.node.line, f"{self.node.path}.{key}", text)

    def check_parameters(self, parameters: Iterable[str], findings: Findings) -> None:
        """Check that the target uses each parameter of the name, and no others.

        Each of several targets has to. Otherwise callers with grants on different values would get
        the same model, and only at times.
        """
        templates = {key: self.values[key] for key in template_keys() if key in self.values}
        if None in templates.values():
            return
        used = {
            parameter: key
            for key, template in templates.items()
            for parameter in PLACEHOLDER.findall(template)
        }
        for parameter in dict.fromkeys(parameters):
            if parameter not in used:
                findings.at(self.node, f"{{{parameter}}} is not used; {self._way_out()}")
        for parameter, key in used.items():
            if parameter not in parameters:
                text = f"{{{parameter}}} is not declared; the model's name has no /{{{parameter}}}"
                findings.at(self.node.members[key], text)

    def _way_out(self) -> str:
        """Say how the target could use a parameter."""
        kind = self.values.get("kind")
        keys = [key for key in template_keys() if kind is None or key in keys_of_kind(kind)]
        if keys:
            return f"{' or '.join(keys)} has to contain it"
        return f"kind {kind} has no key for it, so the model's name cannot have it"

    def row(self) -> dict[str, Any]:
        """Return the part of the entry's row that says where this target is."""
        arguments = {key: value for key, value in self.values.items() if key in target_keys()}
        row = {"kind": self.values.get("kind"), "target": arguments}
        if place := {key: self.values[key] for key in PLACE if key in self.values}:
            row["place"] = place
        return row if self.name is None else {**row, "weight": self.values.get("weight", 0)}


def keys_of_targets() -> set[str]:
    """Return the keys of an entry that belong to its targets."""
    return {"targets", *SHARED, *target_keys()}


def read_targets(
    values: dict[str, Any], node: MappingNode, findings: Findings
) -> list[WrittenTarget]:
    """Return the targets of an entry, each of them checked except for its parameters."""
    several = node.members.get("targets")
    if several is None:
        for key in SEVERAL:
            if key in node.members:
                findings.at(node.members[key], "needs targets, of which this entry has none")
        targets = [WrittenTarget(None, node, values)]
    else:
        targets = _several(values, several, findings) if isinstance(several, MappingNode) else []
        _check_beside(node, targets, findings)
    for target in targets:
        target.check_kind(findings)
    kinds = [target.values.get("kind") for target in targets]
    if len({KINDS[kind].is_async for kind in kinds if kind in KINDS}) > 1:
        findings.at(node, "has targets of kind async and others; a caller gets a job, or an answer")
    return targets


def _several(values: dict[str, Any], node: MappingNode, findings: Findings) -> list[WrittenTarget]:
    shared = {key: values[key] for key in SHARED if key in values}
    targets = [
        WrittenTarget(name, member, {**shared, **values["targets"][name]})
        for name, member in node.members.items()
        if isinstance(member, MappingNode)
    ]
    if targets and all(target.values.get("weight", 0) == 0 for target in targets):
        findings.at(node, "no target has a weight above 0; give one a weight, as in weight: 1")
    return targets


def _check_beside(node: MappingNode, targets: list[WrittenTarget], findings: Findings) -> None:
    """Check what stands beside `targets`."""
    for key, member in node.members.items():
        if key in target_keys() and key not in SHARED:
            findings.at(member, "cannot stand beside targets; write it into each target")
    fallback, names = node.members.get("fallback"), [str(target.name) for target in targets]
    if isinstance(fallback, SequenceNode) and names:
        for item in fallback.items:
            if isinstance(item, ScalarNode) and item.text and item.text not in names:
                text = f"{quoted(item.text)} is none of the targets; "
                findings.at(item, text + did_you_mean(item.text, names))
