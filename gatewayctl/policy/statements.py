"""What a policy is made of: statements, and the ARNs in them."""

from __future__ import annotations

import re
from collections import defaultdict
from typing import TYPE_CHECKING, Any, NamedTuple

from chalicelib.routing.reading.file import compiled_key
from gatewayctl.policy.names import ANY, literal
from gatewayctl.policy.needs import ACTION

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from chalicelib.settings import S3Location
    from gatewayctl.policy.functions import Function
    from gatewayctl.policy.needs import Calls
    from gatewayctl.policy.place import Place

    Statement = dict[str, Any]

LOGS = ["logs:CreateLogGroup", "logs:CreateLogStream", "logs:PutLogEvents"]
TRACES = ["xray:PutTelemetryRecords", "xray:PutTraceSegments"]
VPC = [  # what AWS has in AWSLambdaVPCAccessExecutionRole; it wants all of them on every resource
    "ec2:AssignPrivateIpAddresses",
    "ec2:CreateNetworkInterface",
    "ec2:DeleteNetworkInterface",
    "ec2:DescribeNetworkInterfaces",
    "ec2:DescribeSubnets",
    "ec2:UnassignPrivateIpAddresses",
]

# Secrets Manager adds a hyphen and six characters to a secret's name in its ARN.
SUFFIX = "-??????"


def run(function: Function, place: Place) -> list[Statement]:
    """What Lambda does in the function's name, wherever it runs."""
    logs = place.arn("logs", "log-group:/aws/lambda/*")  # CloudFormation chooses functions' names
    statements = [_allow(LOGS, logs, Sid="WriteLogs")]
    if function.in_vpc:
        statements.append(_allow(VPC, ANY, Sid="JoinVpc"))
    if function.traced:
        statements.append(_allow(TRACES, ANY, Sid="WriteTraces"))
    return statements


def read_keys(secret: str, place: Place) -> Statement:
    """The one secret with the API keys, by its name or its ARN."""
    arn = secret if secret.startswith("arn:") else place.arn("secretsmanager", f"secret:{secret}")
    complete = secret.startswith("arn:") and re.search(r"-[A-Za-z0-9]{6}\Z", secret)
    return _allow(
        "secretsmanager:GetSecretValue", arn if complete else arn + SUFFIX, Sid="ReadKeys"
    )


def read_table(location: S3Location, place: Place) -> Statement:
    """The one object with the table, and the compiled form beside it."""
    return _allow(
        "s3:GetObject",
        [
            f"arn:{place.partition}:s3:::{location.bucket}/{literal(key)}"
            for key in (location.key, compiled_key(location.key))
        ],
        Sid="ReadTable",
    )


class Condition(NamedTuple):
    """What a call's arguments have to be."""

    operator: str = ""
    key: str = ""
    values: tuple[str, ...] = ()
    absent: tuple[str, ...] = ()

    def document(self) -> dict[str, Any]:
        """As IAM reads it: all of it has to hold."""
        said = {self.operator: {self.key: list(self.values)}} if self.operator else {}
        missing = {"Null": dict.fromkeys(self.absent, "true")} if self.absent else {}
        return said | missing


def invoke(calls: Iterable[Calls], place: Place) -> list[Statement]:
    """Statements that allow these calls: endpoints with the same condition share one.

    Endpoints with different conditions never do: each could be called with what the other has.
    """
    resources: dict[Condition, set[str]] = defaultdict(set)
    for one in calls:
        for condition in _conditions(one):
            resources[condition].add(place.arn("sagemaker", str(one.resource)))
    listed = sorted(
        (condition != Condition(), sorted(arns), condition) for condition, arns in resources.items()
    )
    return [_invoke(arns, condition) for _, arns, condition in listed]


def _conditions(one: Calls) -> Iterator[Condition]:
    """One for texts and one for patterns: within a statement both would have to hold.

    Where there is a fold, space is short, and texts are put to the patterns.
    """
    if not one.key:
        yield Condition(absent=one.absent)
    folded = any(value.members for value in one.values)
    for operator, is_pattern in (("StringEquals", False), ("StringLike", True)):
        values = {str(value) for value in one.values if (folded or value.is_open) is is_pattern}
        if values:
            yield Condition(operator, one.key, tuple(sorted(values)), one.absent)


def _invoke(arns: list[str], condition: Condition) -> Statement:
    if condition == Condition():
        return _allow(ACTION, arns, Sid="InvokeWithoutTarget")
    return _allow(ACTION, arns) | {"Condition": condition.document()}


def _allow(action: str | Sequence[str], resource: str | Sequence[str], **sid: str) -> Statement:
    return {**sid, "Effect": "Allow", "Action": action, "Resource": resource}
