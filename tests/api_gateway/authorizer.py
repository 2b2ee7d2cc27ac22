"""A Lambda authorizer of type TOKEN: asked once for each token, believed for a while.

https://docs.aws.amazon.com/apigateway/latest/developerguide/apigateway-use-lambda-authorizer.html
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from tests.api_gateway.functions import FunctionFailed
from tests.api_gateway.gateway_responses import Refused
from tests.api_gateway.policy import MalformedPolicy, Policy, Verdict

if TYPE_CHECKING:
    from tests.api_gateway.functions import Clock, Function
    from tests.api_gateway.unverified import Unverified

MAX_ARN_BYTES = 1600
EXPLICITLY_DENIED = "User is not authorized to access this resource with an explicit deny"


@dataclass(frozen=True)
class Decision:
    """Everything that an authorizer has said about a token: it is kept whole."""

    policy: Policy
    context: dict[str, str]
    """For the function: texts, `principalId` among them."""

    @classmethod
    def of(cls, result: Any) -> Decision:
        """When it is none: MalformedPolicy."""
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
    """A function that decides, and what it has decided so far."""

    def __init__(
        self, function: Function, *, ttl_seconds: float, clock: Clock, unverified: Unverified
    ) -> None:
        self._function = function
        self._ttl_seconds = ttl_seconds
        self._clock = clock
        self._unverified = unverified
        self._kept: dict[str, tuple[Decision, float]] = {}

    def authorize(self, token: str | None, method_arn: str) -> dict[str, Any]:
        """What the function behind it learns about the caller. When it may not be called: Refused.

        A policy is kept by the token alone, and read anew for every method and path.
        """
        if not token:
            raise Refused("UNAUTHORIZED", "no token; the authorizer is not asked")
        if len(method_arn.encode()) > MAX_ARN_BYTES:
            raise Refused("URI_TOO_LONG", f"a method ARN of over {MAX_ARN_BYTES:,} bytes")
        started = self._clock()
        decision = self._kept_decision(token) or self._new_decision(token, method_arn)
        self._check(decision.policy, method_arn)
        return {**decision.context, "integrationLatency": round((self._clock() - started) * 1000)}

    def _kept_decision(self, token: str) -> Decision | None:
        decision, until = self._kept.get(token, (None, 0.0))
        return decision if self._clock() < until else None

    def _new_decision(self, token: str, method_arn: str) -> Decision:
        event = {"type": "TOKEN", "methodArn": method_arn, "authorizationToken": token}
        try:
            decision = Decision.of(self._function.invoke(event))
        except FunctionFailed as failed:
            said_so = str(failed) == "Unauthorized"
            kind = "UNAUTHORIZED" if said_so else "AUTHORIZER_CONFIGURATION_ERROR"
            raise Refused(kind, f"the authorizer failed: {failed}") from failed
        except MalformedPolicy as malformed:
            raise Refused("AUTHORIZER_CONFIGURATION_ERROR", str(malformed)) from malformed
        self._kept[token] = (decision, self._clock() + self._ttl_seconds)
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
    """Only texts, numbers and booleans pass, and all of them as text."""
    if isinstance(value, str):
        return value
    if isinstance(value, bool | int | float):
        return json.dumps(value)
    raise MalformedPolicy(f"{name} of the context is neither text, number nor boolean")
