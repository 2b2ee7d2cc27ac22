"""Every key of a table, and the check of what it holds.

A key that is missing here does not exist: the parser, the suggestions for misspelt keys and the
test of docs/routing-table.md all read these tables.
"""

from __future__ import annotations

from dataclasses import MISSING, fields
from typing import TYPE_CHECKING, Any

from chalicelib.errors import did_you_mean
from chalicelib.routing import headers
from chalicelib.routing.reading import values
from chalicelib.routing.reading.nodes import MappingNode, Node
from chalicelib.routing.targets import KINDS

if TYPE_CHECKING:
    from chalicelib.routing.reading.problems import Findings
    from chalicelib.routing.reading.values import Check

_media_types = values.ListOf(values.media_type, example="[application/json]")


def _headers(*allowed: str) -> Check:
    return values.ListOf(values.Choice(allowed), example=f"[{allowed[0]}]", may_be_empty=True)


OPTIONS: dict[str, Check] = {
    "timeout_seconds": values.Number(0.1, 28),
    "max_attempts": values.Number(1, 3, whole=True),
    "content_types": _media_types,
    "accepts": _media_types,
    "cold_start": values.Choice(("refuse", "wait")),
    "pass_headers": _headers(*headers.PASSED),
    "return_headers": _headers(*headers.RETURNED),
    "expose_model_errors": values.boolean,
}

TARGET: dict[str, Check] = {
    "endpoint": values.name,
    "target_variant": values.name,
    "target_model": values.target_model,
    "target_container_hostname": values.name,
    "inference_component": values.name,
}

RULE: dict[str, Check] = {
    "one_of": values.ListOf(values.parameter_value, example="[houston, austin]"),
    "pattern": values.pattern,
}


def members(node: Node, keys: dict[str, Check], findings: Findings) -> dict[str, Any] | None:
    """The checked members of a mapping; what is wrong with one becomes a finding."""
    if not isinstance(node, MappingNode):
        findings.at(node, f"must be a mapping, not {node}")
        return None
    checked = {}
    for key, member in node.members.items():
        if key in keys:
            checked[key] = keys[key](member, findings)
        else:
            findings.at(member, f"unknown key; {did_you_mean(key, keys)}")
    return checked


def _rule(node: Node, findings: Findings) -> dict[str, Any] | None:
    rule = members(node, RULE, findings)
    if isinstance(node, MappingNode) and not node.members:
        findings.at(node, f"is empty; it needs {' or '.join(RULE)}")
    elif rule is not None and len(rule) > 1:
        findings.at(node, f"has both {' and '.join(RULE)}; remove one")
    return rule


def _parameters(node: Node, findings: Findings) -> dict[str, Any] | None:
    if not isinstance(node, MappingNode):
        findings.at(node, f"must be a mapping from parameter to rule, not {node}")
        return None
    return {name: _rule(member, findings) for name, member in node.members.items()}


MODEL: dict[str, Check] = {
    "kind": values.Choice(tuple(KINDS)),
    **TARGET,
    "parameters": _parameters,
    "description": values.description,
    "example": values.example,
    **OPTIONS,
}


def of_kind(kind: str) -> dict[str, bool]:
    """The keys that make a target of this kind, and whether each one has to be there."""
    return {field.name: field.default is MISSING for field in fields(KINDS[kind])}
