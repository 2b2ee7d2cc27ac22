"""Evaluates a policy as IAM does, for one action on one resource.

It knows the elements that this project's policies use, and raises AssertionError for others. A
call that needs two resources is allowed if both are.

Source: IAM user guide, "IAM JSON policy elements" and "Policy evaluation logic".
"""

from __future__ import annotations

import re
from enum import Enum
from functools import cache
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

ELEMENTS = {"Sid", "Effect", "Action", "Resource", "Condition"}
EFFECTS = {"Allow", "Deny"}

# A pattern consists of escaped characters, variables, wildcards and other characters.
_PIECES = re.compile(
    r"\$\{(?P<escaped>[*?$])\}|(?P<variable>\$\{)|(?P<wildcard>[*?])|(?P<text>.)", re.DOTALL
)
_WILDCARDS = {"*": ".*", "?": "."}


class Verdict(Enum):
    """The result of an evaluation."""

    ALLOWED = "allowed"
    NOT_ALLOWED = "implicitly denied"
    DENIED = "explicitly denied"


def evaluate(
    policy: Mapping[str, Any], action: str, resource: str, context: Mapping[str, str] | None = None
) -> Verdict:
    """Evaluate a policy; `context` is the request's condition keys with their values."""
    effects = {
        one["Effect"]
        for one in policy["Statement"]
        if _applies(one, action, resource, context or {})
    }
    if "Deny" in effects:
        return Verdict.DENIED
    return Verdict.ALLOWED if "Allow" in effects else Verdict.NOT_ALLOWED


def allows(
    policy: Mapping[str, Any], action: str, resource: str, context: Mapping[str, str] | None = None
) -> bool:
    """Whether the policy allows the action on the resource."""
    assert policy["Version"] == "2012-10-17", "earlier versions have no variables"
    return evaluate(policy, action, resource, context) is Verdict.ALLOWED


def matches(pattern: str, text: str, *, wildcards: bool = True) -> bool:
    """Whether a text is what a pattern of a policy stands for; the case counts."""
    return _compiled(pattern, wildcards).fullmatch(text) is not None


def _applies(
    statement: Mapping[str, Any], action: str, resource: str, context: Mapping[str, str]
) -> bool:
    assert statement.keys() <= ELEMENTS, statement
    assert statement["Effect"] in EFFECTS, statement
    return (
        any(matches(one.lower(), action.lower()) for one in _listed(statement["Action"]))
        and any(matches(one, resource) for one in _listed(statement["Resource"]))
        and all(
            OPERATORS[operator](_listed(values), context.get(key))
            for operator, keys in statement.get("Condition", {}).items()
            for key, values in keys.items()
        )
    )


def _string_equals(values: Sequence[str], value: str | None) -> bool:
    return value is not None and any(matches(one, value, wildcards=False) for one in values)


def _string_like(values: Sequence[str], value: str | None) -> bool:
    return value is not None and any(matches(one, value) for one in values)


def _null(values: Sequence[str], value: str | None) -> bool:
    return str(value is None).lower() in values


OPERATORS: dict[str, Callable[[Sequence[str], str | None], bool]] = {
    "StringEquals": _string_equals,
    "StringLike": _string_like,
    "Null": _null,
}


def _listed(value: str | Sequence[str]) -> Sequence[str]:
    return [value] if isinstance(value, str) else value


@cache
def _compiled(pattern: str, wildcards: bool) -> re.Pattern[str]:
    pieces = (_expression(piece, wildcards) for piece in _PIECES.finditer(pattern))
    return re.compile("".join(pieces), re.DOTALL)


def _expression(piece: re.Match[str], wildcards: bool) -> str:
    assert piece["variable"] is None, f"a variable that is no escaped character: {piece.string}"
    if piece["wildcard"] and wildcards:
        return _WILDCARDS[piece["wildcard"]]
    return re.escape(piece["escaped"] or piece[0])
