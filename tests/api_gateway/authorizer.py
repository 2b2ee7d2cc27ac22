"""A Lambda authorizer of type TOKEN, and the policies that API Gateway caches by token.

Source: https://docs.aws.amazon.com/apigateway/latest/developerguide/apigateway-use-lambda-authorizer.html
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from tests.api_gateway.messages import Refused
from tests.api_gateway.policy import MalformedPolicy, Policy, Verdict
from tests.support.lambda_process import FunctionFailed

if TYPE_CHECKING:
    from tests.api_gateway.functions import Clock, Function

    from tests.api_gateway.unverified import Unverified

MAX_ARN_BYTES = 1600
EXPLICITLY_DENIED = "User is not authorized to access this resource with an explicit deny"


@dataclass(frozen=True)
class Decision:
    """The policy and the context that an authorizer has returned for a token."""

    policy: Policy
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
        policy = Policy.of(result.get("policyDocument"))
        return cls(policy, {**texts, "principalId": principal})


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

    def authorize(self, token: str | None, method_arn: str) -> dict[str, Any]:
        """Return the context for the function behind it.

        A policy is cached by the token alone, and evaluated for every method and path.

        Raises:
            Refused: The caller may not call this method.
        """
        if not token:
            raise Refused("UNAUTHORIZED", "no token; the authorizer is not asked")
        if len(method_arn.encode()) > MAX_ARN_BYTES:
            raise Refused("URI_TOO_LONG", f"a method ARN of over {MAX_ARN_BYTES:,} bytes")
        started = self._clock()
        decision = self._cached_decision(token) or self._new_decision(token, method_arn)
        self._check(decision.policy, method_arn)
        return {**decision.context, "integrationLatency": round((self._clock() - started) * 1000)}

    def _cached_decision(self, token: str) -> Decision | None:
        decision, until = self._cache.get(token, (None, 0.0))
        return decision if self._clock() < until else None

    def _new_decision(self, token: str, method_arn: str) -> Decision:
        event = {"type": "TOKEN", "methodArn": method_arn, "authorizationToken": token}
        try:
            decision = Decision.of(self._function.invoke(event))
        except FunctionFailed as failed:
            is_refusal = str(failed) == "Unauthorized"
            kind = "UNAUTHORIZED" if is_refusal else "AUTHORIZER_CONFIGURATION_ERROR"
            raise Refused(kind, f"the authorizer failed: {failed}") from failed
        except MalformedPolicy as malformed:
            raise Refused("AUTHORIZER_CONFIGURATION_ERROR", str(malformed)) from malformed
        self._cache[token] = (decision, self._clock() + self._ttl_seconds)
        return decision

    def _check(self, policy: Policy, method_arn: str) -> None:
        verdict = policy.verdict(method_arn)
        if verdict is Verdict.DENIED:
            reason = f"the authorizer's policy denies {method_arn}"
            raise Refused("ACCESS_DENIED", reason, EXPLICITLY_DENIED)
        by_mistake = self._unverified.empty_allow_lets_in and policy.has_empty_allow
        if verdict is Verdict.NOT_ALLOWED and not by_mistake:
            raise Refused("ACCESS_DENIED", f"the authorizer's policy does not allow {method_arn}")


def _text(name: str, value: object) -> str:
    """Turn a text, number or boolean into text."""
    if isinstance(value, str):
        return value
    if isinstance(value, bool | int | float):
        return json.dumps(value)
    raise MalformedPolicy(f"{name} of the context is neither text, number nor boolean")
