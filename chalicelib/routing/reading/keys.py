"""Every key of a table, and the check of what it holds.

The parser, the suggestions for misspelt keys, the JSON Schema and the test of
docs/routing-table.md read these tables. The keys of targets come from the classes in
`chalicelib.routing.targets`.
"""

from __future__ import annotations

from dataclasses import MISSING, dataclass, fields
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from chalicelib.errors import did_you_mean
from chalicelib.routing import headers
from chalicelib.routing.reading import values
from chalicelib.routing.reading.nodes import MappingNode, Node
from chalicelib.routing.targets import KINDS, Grammar, keys_of

if TYPE_CHECKING:
    from chalicelib.routing.reading.problems import Findings
    from chalicelib.routing.reading.values import Check

MOST_MEDIA_TYPES = 100

_media_types = values.ListOf(values.media_type, example="[application/json]", most=MOST_MEDIA_TYPES)


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

RULE: dict[str, Check] = {
    "one_of": values.ListOf(values.parameter_value, example="[houston, austin]"),
    "pattern": values.pattern,
}


def members(node: Node, keys: dict[str, Check], findings: Findings) -> dict[str, Any] | None:
    """Return the checked members of a mapping; each mistake becomes a finding."""
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


@dataclass(frozen=True, slots=True)
class TargetText:
    """The check of a target's key: a text of the key's grammar."""

    grammar: Grammar

    def __call__(self, node: Node, findings: Findings) -> str | None:
        check = values.text_that(self._admits, self.grammar.rule)
        text: str | None = check(node, findings)
        return text

    def _admits(self, text: str) -> bool:
        """Check the text with a letter in place of each parameter, whose value is not known yet."""
        if self.grammar.takes_parameters:
            text = values.PLACEHOLDER.sub("x", text)
        return self.grammar.admits(text)


def target_keys() -> dict[str, Check]:
    """Return the keys of all kinds of target with their checks."""
    return _target_keys(tuple(KINDS))


def model_keys() -> dict[str, Check]:
    """Return the keys of an entry of `models` with their checks."""
    return _model_keys(tuple(KINDS))


# A table has thousands of entries, and KINDS may grow after this module was imported.
@lru_cache(maxsize=1)
def _target_keys(kinds: tuple[str, ...]) -> dict[str, Check]:
    return {
        name: TargetText(key.grammar)
        for kind in kinds
        for name, key in keys_of(KINDS[kind]).items()
    }


@lru_cache(maxsize=1)
def _model_keys(kinds: tuple[str, ...]) -> dict[str, Check]:
    return {
        "kind": values.Choice(kinds),
        **_target_keys(kinds),
        "parameters": _parameters,
        "description": values.description,
        "example": values.example,
        **OPTIONS,
    }


def keys_of_kind(kind: str) -> dict[str, bool]:
    """Return the keys that make a target of this kind, and whether each one is mandatory."""
    return {field.name: field.default is MISSING for field in fields(KINDS[kind])}


def template_keys() -> list[str]:
    """Return the keys of targets in which a `{parameter}` may stand."""
    return list(
        dict.fromkeys(
            name
            for target in KINDS.values()
            for name, key in keys_of(target).items()
            if key.grammar.takes_parameters
        )
    )
