"""Every key of a table, and the check of what it holds.

The parser, the suggestions for misspelt keys, the JSON Schema and the test of
docs/routing-table.md read these tables. The keys of targets come from the classes in
`chalicelib.routing.targets`.
"""

from __future__ import annotations

import re
from dataclasses import MISSING, dataclass, fields
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from chalicelib.errors import did_you_mean, quoted
from chalicelib.routing import headers
from chalicelib.routing.reading import values
from chalicelib.routing.reading.nodes import MappingNode, Node
from chalicelib.routing.rows import MOST_WEIGHT
from chalicelib.routing.targets import KINDS, Grammar, keys_of

if TYPE_CHECKING:
    from chalicelib.routing.reading.problems import Findings
    from chalicelib.routing.reading.values import Check

MOST_MEDIA_TYPES = 100
MOST_TARGETS = 20
LONGEST_TARGET_NAME = 32
TARGET_NAME = "[a-z0-9](-*[a-z0-9])*"

_media_types = values.ListOf(values.media_type, example="[application/json]", most=MOST_MEDIA_TYPES)


def _headers(*allowed: str) -> Check:
    return values.ListOf(values.Choice(allowed), example=f"[{allowed[0]}]", may_be_empty=True)


OPTIONS: dict[str, Check] = {
    "timeout_seconds": values.Number(0.1, 28),
    "max_attempts": values.Number(1, 3, whole=True),
    "content_types": _media_types,
    "accepts": _media_types,
    "cold_start": values.Choice(("refuse", "wait")),
    "cold_seconds": values.Number(0.1, 28),
    "pass_headers": _headers(*headers.PASSED),
    "return_headers": _headers(*headers.RETURNED),
    "expose_model_errors": values.boolean,
    "metrics": values.boolean,
}

PLACE: dict[str, Check] = {"region": values.region, "role_arn": values.role_arn}

SHARED = ("kind", "endpoint", *PLACE)
"""The keys of targets that may also stand beside `targets`, and then apply to all of them."""

WEIGHT: dict[str, Check] = {"weight": values.Number(0, MOST_WEIGHT, whole=True)}

SEVERAL: dict[str, Check] = {
    "sticky": values.Choice((*headers.STICKY, headers.PRINCIPAL)),
    "fallback": values.ListOf(values.text, example="[v1]"),
}
"""The keys that need `targets` beside them."""

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


def _targets(node: Node, findings: Findings) -> dict[str, dict[str, Any] | None] | None:
    if not isinstance(node, MappingNode):
        findings.at(node, f"must be a mapping from name to target, not {node}")
        return None
    if not 1 <= len(node.members) <= MOST_TARGETS:
        findings.at(node, f"has {len(node.members):,} targets; it must have 1 to {MOST_TARGETS}")
    for name, member in node.members.items():
        if len(name) > LONGEST_TARGET_NAME or not re.fullmatch(TARGET_NAME, name):
            rule = (
                f"at most {LONGEST_TARGET_NAME} of a-z 0-9 and '-', with '-' only between two "
                "others"
            )
            findings.at(member, f"{quoted(name)} is not a target's name; it must be {rule}")
    keys = named_target_keys()
    return {name: members(member, keys, findings) for name, member in node.members.items()}


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


def named_target_keys() -> dict[str, Check]:
    """Return the keys of one of several targets with their checks."""
    return {"kind": values.Choice(tuple(KINDS)), **target_keys(), **PLACE, **WEIGHT}


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
        **PLACE,
        "targets": _targets,
        **SEVERAL,
        "parameters": _parameters,
        "description": values.description,
        "example": values.example,
        **OPTIONS,
    }


def keys_of_kind(kind: str) -> dict[str, bool]:
    """Return the keys that a call of this kind needs, and whether each one is mandatory."""
    defaults = {field.name: field.default for field in fields(KINDS[kind])}
    return {name: defaults[name] is MISSING for name in keys_of(KINDS[kind])}


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
