"""The check for each kind of value that a table may hold.

A check takes a node and returns the value, or None after it has added a finding. Only `true`,
`false` and numbers without quotes become something other than the text that was written: `no`,
`007` and `1:30` stay texts.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from chalicelib.errors import did_you_mean, quoted
from chalicelib.routing.parameters import VALUE_RULE, is_value
from chalicelib.routing.reading.nodes import MappingNode, Node, ScalarNode, SequenceNode
from chalicelib.routing.reading.patterns import refusal

if TYPE_CHECKING:
    from chalicelib.routing.reading.problems import Findings

Check = Callable[[Node, "Findings"], Any]

LONGEST_DESCRIPTION = 500  # a page of GET /models holds a thousand descriptions
LONGEST_EXAMPLE = 100_000

LONGEST_REGION = 32
LONGEST_ROLE_ARN = 640
"""A path has at most 512 characters, and a name 64. Source: IAM API reference, CreateRole."""

PLACEHOLDER = re.compile(r"\{([a-z][a-z0-9_]*)\}")

_BOOLEANS = {"true": True, "false": False}
_NUMBER = re.compile(r"-?(0|[1-9][0-9]{0,5})(\.[0-9]{1,6})?")
_JSON_NUMBER = re.compile(r"-?(0|[1-9][0-9]{0,99})(\.[0-9]{1,99})?([eE][+-]?[0-9]{1,9})?")
_MEDIA_TYPE = re.compile(r"[a-z0-9][a-z0-9!#$&^_.+-]{0,126}/[a-z0-9][a-z0-9!#$&^_.+-]{0,126}")
_REGION = r"[a-z]{2}(-[a-z]+)+-[0-9]"
_ROLE_ARN = (
    r"arn:aws(-cn|-us-gov)?:iam::[0-9]{12}:role/([A-Za-z0-9_+=,.@-]+/)*[A-Za-z0-9_+=,.@-]{1,64}"
)
_CONTROL = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]")


def text(node: Node, findings: Findings) -> str | None:
    if not isinstance(node, ScalarNode):
        findings.at(node, f"must be a text, not {node}")
    elif not node.text:
        findings.at(node, "is empty; give it a value or leave it out")
    else:
        return node.text
    return None


def text_that(fits: Callable[[str], bool], rule: str) -> Check:
    """Return a check for a text with a grammar; `rule` completes "it must be …"."""

    def check(node: Node, findings: Findings) -> str | None:
        value = text(node, findings)
        if value is None or fits(value):
            return value
        findings.at(node, f"is {quoted(value)}; it must be {rule}")
        return None

    return check


@dataclass(frozen=True, slots=True)
class Choice:
    """A check for one of a few words."""

    allowed: tuple[str, ...]

    def __call__(self, node: Node, findings: Findings) -> str | None:
        value = text(node, findings)
        if value is None or value in self.allowed:
            return value
        findings.at(node, f"cannot be {quoted(value)}; {did_you_mean(value, self.allowed)}")
        return None


def boolean(node: Node, findings: Findings) -> bool | None:
    if isinstance(node, ScalarNode) and node.plain and node.text in _BOOLEANS:
        return _BOOLEANS[node.text]
    findings.at(node, f"must be true or false, not {node}")
    return None


@dataclass(frozen=True, slots=True)
class Number:
    """A check for a number between two bounds, which are both allowed."""

    least: float
    most: float
    whole: bool = False

    def __call__(self, node: Node, findings: Findings) -> float | None:
        if isinstance(node, ScalarNode) and node.plain:
            read: Callable[[str], float] = int if self.whole else float
            match = _NUMBER.fullmatch(node.text)
            if match and not (self.whole and match[2]):
                value = read(node.text)
                if self.least <= value <= self.most:
                    return value
        whole = "whole " if self.whole else ""
        rule = f"must be a {whole}number from {self.least} to {self.most}"
        findings.at(node, f"{rule}, not {node}")
        return None


@dataclass(frozen=True, slots=True)
class ListOf:
    """A check for a list of different items; `example` completes "as in …"."""

    item: Check
    example: str
    may_be_empty: bool = False
    most: int | None = None

    def __call__(self, node: Node, findings: Findings) -> list[Any] | None:
        if not isinstance(node, SequenceNode):
            findings.at(node, f"must be a list, as in {self.example}, not {node}")
            return None
        if not node.items and not self.may_be_empty:
            findings.at(node, "is an empty list; give it an item or remove the key")
        if self.most is not None and len(node.items) > self.most:
            findings.at(node, f"has {len(node.items):,} items; at most {self.most} will do")
        values: dict[Any, None] = {}
        for item in node.items:
            value = self.item(item, findings)
            if value is not None and value in values:
                findings.at(item, f"{quoted(value)} is in the list twice")
            values[value] = None
        return list(values)


def media_type(node: Node, findings: Findings) -> str | None:
    value = text(node, findings)
    if value is None or _MEDIA_TYPE.fullmatch(value.lower()):
        return value and value.lower()
    rule = "it must be a media type such as text/csv, without parameters or wildcards"
    findings.at(node, f"is {quoted(value)}; {rule}")
    return None


def description(node: Node, findings: Findings) -> str | None:
    value = text(node, findings)
    if value is None:
        return None
    if len(value) > LONGEST_DESCRIPTION:
        findings.at(node, f"has {len(value):,} characters; at most {LONGEST_DESCRIPTION} will do")
    elif control := _CONTROL.search(value):
        findings.at(node, f"has the control character U+{ord(control[0]):04X}; remove it")
    return value


def example(node: Node, findings: Findings) -> str | None:
    """Accept any value that JSON can hold, and return it as JSON text."""
    # JSON leaves U+007F as it is, and the text is printed as part of a command.
    value = json.dumps(_json(node, findings)).replace("\x7f", "\\u007f")
    if len(value) > LONGEST_EXAMPLE:
        findings.at(node, f"is longer than {LONGEST_EXAMPLE:,} characters as JSON")
    return value


def _json(node: Node, findings: Findings) -> Any:
    if isinstance(node, MappingNode):
        return {key: _json(member, findings) for key, member in node.members.items()}
    if isinstance(node, SequenceNode):
        return [_json(item, findings) for item in node.items]
    return _json_scalar(node, findings) if node.plain else node.text


def _json_scalar(node: ScalarNode, findings: Findings) -> Any:
    if node.text in {"true", "false", "null"}:
        return json.loads(node.text)
    if not node.text:
        findings.at(node, "is empty; write null, or '' for an empty text")
    elif _JSON_NUMBER.fullmatch(node.text):
        value = json.loads(node.text)
        if not isinstance(value, float) or math.isfinite(value):
            return value
        findings.at(node, f"is {node.text}, which is too large a number")
    return node.text


def pattern(node: Node, findings: Findings) -> str | None:
    value = text(node, findings)
    problem = None if value is None else refusal(value)
    if problem is not None:
        findings.at(node, f"the pattern {quoted(str(value))} {problem}")
    return value


region = text_that(
    lambda value: len(value) <= LONGEST_REGION and re.fullmatch(_REGION, value) is not None,
    "a Region such as eu-west-1",
)
role_arn = text_that(
    lambda value: len(value) <= LONGEST_ROLE_ARN and re.fullmatch(_ROLE_ARN, value) is not None,
    "the ARN of a role, as in arn:aws:iam::111122223333:role/inference-gateway",
)
parameter_value = text_that(
    lambda value: is_value(value) and value not in {".", ".."},
    f"{VALUE_RULE}, and not '.' or '..'",
)
