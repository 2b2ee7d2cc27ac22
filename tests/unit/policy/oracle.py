"""Which calls a policy should allow, computed from the table and the folds, never from the policy.

A call is expected to be allowed if the table can lead to it, or if a fold or the pattern of a
parameter includes it: those are what `gatewayctl policy` prints as allowed beyond the table.
"""

from __future__ import annotations

from collections import defaultdict
from contextlib import suppress
from itertools import product

from chalicelib.routing.parameters import OneOf
from gatewayctl.policy.needs import call_groups
from tests.support.iam import allows, matches

ACTION = "sagemaker:InvokeEndpoint"
REGION, ACCOUNT = "eu-west-1", "123456789012"
KEYS = {
    "TargetModel": "sagemaker:TargetModel",
    "TargetContainerHostname": "sagemaker:TargetContainerHostname",
}

# Values for the patterns of the random tables; a value of several fits several of them.
VALUES = ("ab", "zz", "v1", "v207", "a", "b.", "bx", "-_-", "w0")


class Oracle:
    """The calls that the policies should allow: the handler's, and those of roles by their ARN.

    Each place, which is a Region and a role, is judged for itself.
    """

    def __init__(self, table, handler, roles=None):
        self._calls = defaultdict(list)
        for call in calls_of(table):
            self._calls[place_of(call)].append(_lower(call))
        self._wide = defaultdict(list)
        for role, policy in {None: handler, **(roles or {})}.items():
            for one in [*call_groups(table.models(), role), *policy.groups]:
                if one.resource.is_open or any(value.is_open for value in one.values):
                    self._wide[one.region or REGION, role].append(one)

    def allows(self, call):
        place, call = place_of(call), _lower(call)
        return self._allows_endpoint(place, call["EndpointName"], context_of(call)) and (
            self._allows_component(place, call.get("InferenceComponentName"))
        )

    def _allows_endpoint(self, place, name, context):
        """Arguments that no call of ours gives this endpoint are left to SageMaker to refuse."""
        ours = [context_of(call) for call in self._calls[place] if call["EndpointName"] == name]
        of_ours = {key: context[key] for one in ours for key in one if key in context}
        return of_ours in ours or any(
            _includes(one, f"endpoint/{name}", context if one.resource.is_open else of_ours)
            for one in self._wide[place]
        )

    def _allows_component(self, place, name):
        return (
            name is None
            or any(name == call.get("InferenceComponentName") for call in self._calls[place])
            or any(_includes(one, f"inference-component/{name}", {}) for one in self._wide[place])
        )


def place_of(call):
    return call.get("region", REGION), call.get("role")


def _includes(group, resource, context):
    """Whether a group with a fold or a pattern includes a call."""
    return (
        matches(str(group.resource).lower(), resource)
        and context.keys() == ({group.key} if group.key else set())
        and all(
            any(matches(str(value), text) for value in group.values) for text in context.values()
        )
    )


def _lower(call):
    """Names of endpoints and components, in which the case does not count."""
    return {name: text if name in KEYS else text.lower() for name, text in call.items() if text}


def is_allowed(policy, call, partition="aws", spelling=str.lower, roles=None):
    """Whether the policies allow a call, on both resources if it has a component.

    A call by a role is allowed if the function may assume the role, and the role may make it.

    Args:
        roles: The policies of the roles, by their ARN.
    """
    account = ACCOUNT
    if role := call.get("role"):
        if role not in (roles or {}) or not allows(policy, "sts:AssumeRole", role):
            return False
        policy, account = roles[role], role.split(":")[4]
    prefix = f"arn:{partition}:sagemaker:{call.get('region', REGION)}:{account}"
    resources = [f"{prefix}:endpoint/{spelling(call['EndpointName'])}"]
    if "InferenceComponentName" in call:
        name = spelling(call["InferenceComponentName"])
        resources.append(f"{prefix}:inference-component/{name}")
    return all(allows(policy, ACTION, resource, context_of(call)) for resource in resources)


def context_of(call):
    return {KEYS[name]: value for name, value in call.items() if name in KEYS}


def calls_of(table):
    """All calls that lists and names lead to, and some calls of every pattern."""
    return [call for model in table.models() for call in _calls_of_model(model)]


def calls_beside(calls):
    """Calls that differ a little from one of these, or go to another one's endpoint."""
    endpoints = {call["EndpointName"] for call in calls}
    places = {place_of(call) for call in calls}
    for call in calls:
        for region, role in places:
            yield call | {"region": region, "role": role}
        yield from (call | {"EndpointName": endpoint} for endpoint in endpoints)
        for name, value in call.items():
            if value:
                yield from (call | {name: other} for other in _resembling(value))
        for argument in KEYS:
            yield {name: value for name, value in call.items() if name != argument}
            yield call | {argument: "sk"}


def _calls_of_model(model):
    for values in product(*(_values(parameter.rule) for parameter in model.parameters)):
        named = dict(zip([one.name for one in model.parameters], values, strict=True))
        for one in model.targets:
            region, role = one.target.place
            place = {key: text for key, text in (("region", region), ("role", role)) if text}
            with suppress(ValueError):
                yield {**one.filled(named).invoke_args, **place}


def _values(rule):
    return sorted(rule.values) if isinstance(rule, OneOf) else filter(rule.admits, VALUES)


def _resembling(name):
    _, _, without_folder = name.rpartition("/")
    changed = {f"{name}x", f"x{name}", name[:-1], name[1:], name.swapcase(), name.upper()}
    moved = {f"new/{name}", f"houston/{without_folder}", f"houston-2/{without_folder}"}
    return (changed | moved | {without_folder, f"{name}/v1.tar.gz"}) - {name, ""}
