"""A Lambda authorizer of type TOKEN, and the policies that API Gateway caches by token.

Source: https://docs.aws.amazon.com/apigateway/latest/developerguide/apigateway-use-lambda-authorizer.html
"""

from __future__ import annotations

import json
import uuid
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from tests.api_gateway.definition import NotModelled
from tests.api_gateway.messages import Refused
from tests.support.iam import Verdict, evaluate
from tests.support.lambda_process import FunctionFailed

if TYPE_CHECKING:
    from tests.api_gateway.access_log import Facts
    from tests.api_gateway.integrations import Clock, Function
    from tests.api_gateway.unverified import Unverified

ACTION = "execute-api:Invoke"
MEMBERS = {"Sid", "Effect", "Action", "Resource"}
IAM_MEMBERS = {"Condition", "NotAction", "NotResource"}
MAX_RESOURCE_CHARACTERS = 512
MAX_ARN_BYTES = 1600
EXPLICITLY_DENIED = "User is not authorized to access this resource with an explicit deny"


class MalformedPolicy(Exception):
    """API Gateway could not use an authorizer's result."""


@dataclass(frozen=True)
class Decision:
    """The policy and the context that an authorizer has returned for a token."""

    policy: dict[str, Any]
    context: dict[str, str]
    """For the function, with `principalId`; all values are text."""

    @classmethod
    def of(cls, result: Any) -> Decision:
        """Parse an authorizer's result.

        Raises:
            MalformedPolicy: API Gateway could not use it.
        """
        if not isinstance(result, dict):
            raise MalformedPolicy(f"no object: {result!r}")
        principal = result.get("principalId")
        context = {} if result.get("context") is None else result["context"]
        if not isinstance(principal, str) or not principal or not isinstance(context, dict):
            raise MalformedPolicy(f"no principalId, or a context that is no object: {result}")
        texts = {name: _text(name, value) for name, value in context.items()}
        policy = result.get("policyDocument")
        _check_policy(policy)
        return cls(policy, {**texts, "principalId": principal})

    @property
    def has_empty_allow(self) -> bool:
        statements = self.policy["Statement"]
        return any(one["Effect"] == "Allow" and not one["Resource"] for one in statements)


class Authorizer:
    """An authorizer function with its cache."""

    def __init__(
        self, function: Function, *, ttl_seconds: float, clock: Clock, unverified: Unverified
    ) -> None:
        self._function = function
        self._ttl_seconds = ttl_seconds
        self._clock = clock
        self._unverified = unverified
        self._cache: dict[str, tuple[Decision, float]] = {}

    def authorize(self, token: str | None, method_arn: str, facts: Facts) -> dict[str, Any]:
        """Return the context for the function behind it.

        A policy is cached by the token alone, and evaluated for every method and path.

        Args:
            facts: Gets what the access log can say of the authorizer.

        Raises:
            Refused: The caller may not call this method.
        """
        if not token:
            raise Refused("UNAUTHORIZED", "no token; the authorizer is not asked")
        if len(method_arn.encode()) > MAX_ARN_BYTES:
            raise Refused("URI_TOO_LONG", f"a method ARN of over {MAX_ARN_BYTES:,} bytes")
        started = self._clock()
        decision = self._cached_decision(token) or self._new_decision(token, method_arn, facts)
        facts |= {f"authorizer.{name}": value for name, value in decision.context.items()}
        self._check(decision, method_arn)
        return {**decision.context, "integrationLatency": round((self._clock() - started) * 1000)}

    def _cached_decision(self, token: str) -> Decision | None:
        decision, until = self._cache.get(token, (None, 0.0))
        return decision if self._clock() < until else None

    def _new_decision(self, token: str, method_arn: str, facts: Facts) -> Decision:
        event = {"type": "TOKEN", "methodArn": method_arn, "authorizationToken": token}
        facts["authorizer.requestId"] = request_id = str(uuid.uuid4())
        try:
            decision = Decision.of(self._function.invoke(event, request_id))
        except FunctionFailed as failed:
            facts["authorizer.error"] = "The authorizer function failed"
            is_refusal = str(failed) == "Unauthorized"
            kind = "UNAUTHORIZED" if is_refusal else self._unverified.failed_authorizer
            raise Refused(kind, f"the authorizer failed: {failed}") from failed
        except MalformedPolicy as malformed:
            raise Refused("AUTHORIZER_CONFIGURATION_ERROR", str(malformed)) from malformed
        self._cache[token] = (decision, self._clock() + self._ttl_seconds)
        return decision

    def _check(self, decision: Decision, method_arn: str) -> None:
        verdict = evaluate(decision.policy, ACTION, method_arn)
        if verdict is Verdict.DENIED:
            reason = f"the authorizer's policy denies {method_arn}"
            raise Refused("ACCESS_DENIED", reason, EXPLICITLY_DENIED)
        by_mistake = self._unverified.empty_allow_lets_in and decision.has_empty_allow
        if verdict is Verdict.NOT_ALLOWED and not by_mistake:
            raise Refused("ACCESS_DENIED", f"the authorizer's policy does not allow {method_arn}")


def _check_policy(document: Any) -> None:
    """Check the form of a policy document.

    Raises:
        MalformedPolicy: API Gateway could not read it.
        NotModelled: It has elements that only IAM knows.
    """
    statements = document.get("Statement") if isinstance(document, dict) else None
    if not isinstance(statements, list) or not statements:
        raise MalformedPolicy(f"no policy document with a Statement: {document}")
    for one in statements:
        if not isinstance(one, dict) or one.get("Effect") not in {"Allow", "Deny"}:
            raise MalformedPolicy(f"no Effect: {one}")
        if one.keys() & IAM_MEMBERS:
            raise NotModelled(f"Condition, NotAction and NotResource of IAM: {one}")
        if one.keys() - MEMBERS:
            raise MalformedPolicy(f"unknown members: {one}")
        for member in ("Action", "Resource"):
            value = one.get(member)
            texts = [value] if isinstance(value, str) else value
            if not isinstance(texts, list) or not all(isinstance(text, str) for text in texts):
                raise MalformedPolicy(f"no {member}: {one}")
            if any(len(text) > MAX_RESOURCE_CHARACTERS for text in texts):
                raise MalformedPolicy(f"a {member} of over {MAX_RESOURCE_CHARACTERS} characters")


def _text(name: str, value: object) -> str:
    """Turn a text, number or boolean into text."""
    if isinstance(value, str):
        return value
    if isinstance(value, bool | int | float):
        return json.dumps(value)
    raise MalformedPolicy(f"{name} of the context is neither text, number nor boolean")
