"""Evaluates the patterns of metric filters on log lines, as CloudWatch Logs does.

It knows what deployment/metric_filters.json uses: texts that a field is or is not, joined by &&.

Source: CloudWatch Logs user guide, "Filter pattern syntax", "JSON log events".
"""

from __future__ import annotations

import json
import re

CONDITION = re.compile(r'\s*\$\.(?P<field>\w+)\s*(?P<operator>!?=)\s*"(?P<text>[^"*%]*)"\s*')


class UnknownPattern(Exception):
    """The pattern has something that this evaluator does not know."""


class Unspecified(Exception):
    """The documentation does not say whether the pattern matches the line."""


def matches(pattern: str, line: str) -> bool:
    """Return whether a line counts; one that is not a JSON object does not.

    Raises:
        UnknownPattern: The pattern is not of the known form.
        Unspecified: A condition with != is about a field that the line does not have.
    """
    conditions = _conditions(pattern)
    try:
        members = json.loads(line)
    except ValueError:
        return False
    return isinstance(members, dict) and all(
        _holds(members, *condition) for condition in conditions
    )


def fields_of(pattern: str) -> set[str]:
    """Return the names of the fields in a pattern."""
    return {field for field, _, _ in _conditions(pattern)}


def _conditions(pattern: str) -> list[tuple[str, str, str]]:
    inner = re.fullmatch(r"\{(.*)\}", pattern)
    found = [CONDITION.fullmatch(part) for part in inner[1].split("&&")] if inner else [None]
    conditions = [one.groups() for one in found if one is not None]
    if len(conditions) < len(found):
        raise UnknownPattern(pattern)
    return [(field, operator, text) for field, operator, text in conditions]


def _holds(members: dict[str, object], field: str, operator: str, text: str) -> bool:
    if operator == "!=" and field not in members:
        raise Unspecified(f"{field} is missing")
    return (members.get(field) == text) == (operator == "=")
