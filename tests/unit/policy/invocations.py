"""Calls of InvokeEndpoint: those of a table, those beside them, and what IAM says of each."""

from itertools import product

from chalicelib.routing.parameters import OneOf
from gatewayctl.policy.needs import CONDITION_KEYS
from tests.unit.policy.evaluator import allows

ACTION = "sagemaker:InvokeEndpoint"
ARGUMENTS = tuple(CONDITION_KEYS)

# Values for the patterns of the random tables; a value of several fits several of them.
VALUES = ("ab", "zz", "v1", "v207", "a", "b.", "bx", "-_-", "w0")


def is_allowed(policy, call, partition="aws", spelling=str.lower):
    """Whether IAM allows it: both its resources, if it has a component."""
    prefix = f"arn:{partition}:sagemaker:eu-west-1:123456789012"
    resources = [f"{prefix}:endpoint/{spelling(call['EndpointName'])}"]
    if "InferenceComponentName" in call:
        name = spelling(call["InferenceComponentName"])
        resources.append(f"{prefix}:inference-component/{name}")
    context = {key: call[name] for name, key in CONDITION_KEYS.items() if name in call}
    return all(allows(policy, ACTION, resource, context) for resource in resources)


def of_table(table):
    """All calls that lists and names lead to, and some for every pattern."""
    return [call for model in table.models() for call in of_model(model)]


def of_model(model):
    """The gateway's own calls of one model."""
    for values in product(*(_values(parameter.rule) for parameter in model.parameters)):
        named = dict(zip([one.name for one in model.parameters], values, strict=True))
        try:
            yield model.target.filled(named).invoke_args()
        except ValueError:
            continue


def beside(calls):
    """Calls that differ from one of these in a little, or go to the endpoint of another."""
    endpoints = {call["EndpointName"] for call in calls}
    for call in calls:
        yield from (call | {"EndpointName": endpoint} for endpoint in endpoints)
        for name, value in call.items():
            yield from (call | {name: other} for other in _resembling(value))
        for argument in ARGUMENTS:
            yield {name: value for name, value in call.items() if name != argument}
            yield call | {argument: "sk"}


def _values(rule):
    return sorted(rule.values) if isinstance(rule, OneOf) else filter(rule.admits, VALUES)


def _resembling(name):
    _, _, without_folder = name.rpartition("/")
    changed = {f"{name}x", f"x{name}", name[:-1], name[1:], name.swapcase(), name.upper()}
    moved = {f"new/{name}", f"houston/{without_folder}", f"houston-2/{without_folder}"}
    return (changed | moved | {without_folder, f"{name}/v1.tar.gz"}) - {name, ""}
