"""An authorizer's policy, as IAM reads it."""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import Enum
from typing import Any

from tests.api_gateway.definition import NotModelled

ACTION = "execute-api:Invoke"
MEMBERS = {"Sid", "Effect", "Action", "Resource"}
IAM_MEMBERS = {"Condition", "NotAction", "NotResource"}
MAX_RESOURCE_CHARACTERS = 512


class MalformedPolicy(Exception):
    """API Gateway could not read it."""


class Verdict(Enum):
    ALLOWED = "allowed"
    NOT_ALLOWED = "implicitly denied"
    DENIED = "explicitly denied"


@dataclass(frozen=True)
class Statement:
    """What it allows or denies."""

    effect: str
    actions: tuple[str, ...]
    resources: tuple[str, ...]

    @classmethod
    def of(cls, document: Any) -> Statement:
        if not isinstance(document, dict) or document.get("Effect") not in {"Allow", "Deny"}:
            raise MalformedPolicy(f"no Effect: {document}")
        if document.keys() & IAM_MEMBERS:
            raise NotModelled(f"Condition, NotAction and NotResource of IAM: {document}")
        if document.keys() - MEMBERS:
            raise MalformedPolicy(f"members that IAM does not know: {document}")
        resources = _texts(document, "Resource")
        if any(len(resource) > MAX_RESOURCE_CHARACTERS for resource in resources):
            raise MalformedPolicy(f"a Resource of over {MAX_RESOURCE_CHARACTERS} characters")
        return cls(document["Effect"], _texts(document, "Action"), resources)

    def covers(self, method_arn: str) -> bool:
        """Actions are compared without their case, resources with it."""
        return any(_matches(one.lower(), ACTION.lower()) for one in self.actions) and any(
            _matches(one, method_arn) for one in self.resources
        )


@dataclass(frozen=True)
class Policy:
    """Nothing is allowed but what a statement allows and none denies."""

    statements: tuple[Statement, ...]

    @classmethod
    def of(cls, document: Any) -> Policy:
        """Parse a policy document.

        Raises:
            MalformedPolicy: It is not one.
        """
        statements = document.get("Statement") if isinstance(document, dict) else None
        if not isinstance(statements, list) or not statements:
            raise MalformedPolicy(f"no policy document with a Statement: {document}")
        return cls(tuple(Statement.of(one) for one in statements))

    def verdict(self, method_arn: str) -> Verdict:
        effects = {one.effect for one in self.statements if one.covers(method_arn)}
        if "Deny" in effects:
            return Verdict.DENIED
        return Verdict.ALLOWED if "Allow" in effects else Verdict.NOT_ALLOWED

    @property
    def has_empty_allow(self) -> bool:
        return any(one.effect == "Allow" and not one.resources for one in self.statements)


def _texts(document: dict[str, Any], member: str) -> tuple[str, ...]:
    """One text, or a list of them."""
    value = document.get(member)
    texts = [value] if isinstance(value, str) else value
    if not isinstance(texts, list) or not all(isinstance(text, str) for text in texts):
        raise MalformedPolicy(f"no {member}: {document}")
    return tuple(texts)


def _matches(pattern: str, text: str) -> bool:
    """`*` stands for anything, a slash included, and `?` for one character."""
    expression = re.escape(pattern).replace(r"\*", ".*").replace(r"\?", ".")
    return re.fullmatch(expression, text, re.DOTALL) is not None
