"""Writes the policy documents of the functions, with their statements and ARNs."""

from __future__ import annotations

import json
import re
from collections import defaultdict
from dataclasses import replace
from typing import TYPE_CHECKING, Any, NamedTuple

from chalicelib.routing.reading.file import compiled_key
from gatewayctl.policy.folding import fitted
from gatewayctl.policy.needs import ACTION, ANY, call_groups, escaped

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from chalicelib.routing.table import Model
    from chalicelib.settings import S3Location
    from gatewayctl.policy.functions import Function
    from gatewayctl.policy.needs import CallGroup
    from gatewayctl.policy.place import Place

    Statement = dict[str, Any]
    Document = dict[str, Any]

LIMIT = 10_240
"""The most characters that all inline policies of a role may have together, without white space.

Source: IAM user guide, "IAM and AWS STS quotas".
"""

LOGS = ["logs:CreateLogStream", "logs:PutLogEvents"]
NEW_LOG_GROUP = "NewLogGroup"
"""The Sid of the statement that lets Lambda create the log group, if the deployment did not."""

TRACES = ["xray:PutTelemetryRecords", "xray:PutTraceSegments"]
VPC = [
    "ec2:AssignPrivateIpAddresses",
    "ec2:CreateNetworkInterface",
    "ec2:DeleteNetworkInterface",
    "ec2:DescribeNetworkInterfaces",
    "ec2:DescribeSubnets",
    "ec2:UnassignPrivateIpAddresses",
]
"""The actions of AWSLambdaVPCAccessExecutionRole, which allows these on every resource.

Source: AWS managed policy reference, "AWSLambdaVPCAccessExecutionRole".
"""

SECRET_ENDING = "-??????"
"""Secrets Manager adds a hyphen and six characters to a secret's name in its ARN.

Source: Secrets Manager API reference, `CreateSecret`.
"""


class CallPolicy(NamedTuple):
    """The policy of a role that calls SageMaker, and the calls that it allows."""

    document: Document
    groups: Sequence[CallGroup]
    characters: int
    unfolded: int
    """How many characters the policy would have without folds."""


def handler_policy(
    models: Iterable[Model],
    function: Function,
    place: Place,
    table: S3Location | None = None,
    more: Iterable[Statement] = (),
    *,
    limit: int = LIMIT,
) -> CallPolicy:
    """Make the policy of a function that calls SageMaker, folded if it is too long.

    Args:
        models: The entries of the routing table that the function calls.
        table: The S3 object with the routing table, if the table is in S3.
        more: Statements about something else than calls of SageMaker.
        limit: The most characters that the policy may have.
    """
    models = list(models)
    common = _runtime(function, place)
    if table is not None:
        common.append(read_table(table, place))
    if roles := roles_of(models):
        common.append(allow("sts:AssumeRole", roles, Sid="AssumeRoles"))
    common += more
    return _call_policy(common, call_groups(models), place, limit)


def role_policy(
    models: Iterable[Model], role_arn: str, place: Place, *, limit: int = LIMIT
) -> CallPolicy:
    """Make the policy that a role needs for the calls that the gateway makes with it.

    Args:
        models: The entries of the routing table.
        place: The gateway's own, because a target without `region` is in that Region.
        limit: The most characters that the policy may have.
    """
    return _call_policy([], call_groups(models, role_arn), place.of_role(role_arn), limit)


def trust_policy(role_arn: str, functions: Iterable[Function], place: Place) -> Document:
    """Make the trust policy of a role that functions assume.

    Args:
        role_arn: The role.
        functions: One or more.
        place: The functions' own. IAM takes no `*` in the ARN of a role, so an account that is not
            known becomes a word in angle brackets, which IAM refuses.
    """
    partition = place.of_role(role_arn).partition
    account = "<account>" if place.account == ANY else place.account
    arns = [
        one.role
        if one.role.startswith("arn:")
        else f"arn:{partition}:iam::{account}:role/{one.role}"
        for one in functions
    ]
    trusted = {"AWS": arns if len(arns) > 1 else arns[0]}
    return _policy([{"Effect": "Allow", "Principal": trusted, "Action": "sts:AssumeRole"}])


def roles_of(models: Iterable[Model]) -> list[str]:
    """Return the roles that the gateway assumes for the targets of these models, sorted."""
    places = (one.target.place for model in models for one in model.targets)
    return sorted({place.role_arn for place in places if place.role_arn is not None})


def _call_policy(
    common: Sequence[Statement], groups: Sequence[CallGroup], place: Place, limit: int
) -> CallPolicy:
    def document(some: Iterable[CallGroup]) -> Document:
        return _policy([*common, *invoke(some, place)])

    allowed = fitted(groups, lambda some: characters(document(some)) <= limit)
    result = document(allowed)
    return CallPolicy(result, allowed, characters(result), characters(document(groups)))


def authorizer_policy(secret: str | None, function: Function, place: Place) -> Document:
    """Make the policy of the function that checks credentials.

    Args:
        secret: The name or the ARN of the secret with the API keys.
    """
    keys = [] if secret is None else [read_keys(secret, place)]
    return _policy([*_runtime(function, place), *keys])


def with_log_group(document: Document) -> Document:
    """Return the policy of a function whose log group exists before the function."""
    statements = [one for one in document["Statement"] if one.get("Sid") != NEW_LOG_GROUP]
    return {**document, "Statement": statements}


def as_file(document: Document) -> str:
    """Return the text of a policy's file."""
    return f"{json.dumps(document, indent=2)}\n"


def characters(document: Document) -> int:
    """Return the length of a policy as IAM counts it."""
    return len(json.dumps(document, separators=(",", ":")))


def read_keys(secret: str, place: Place) -> Statement:
    """Allow reading the one secret with the API keys, given by its name or its ARN."""
    arn = secret if secret.startswith("arn:") else place.arn("secretsmanager", f"secret:{secret}")
    complete = secret.startswith("arn:") and re.search(r"-[A-Za-z0-9]{6}\Z", secret)
    resource = arn if complete else arn + SECRET_ENDING
    return allow("secretsmanager:GetSecretValue", resource, Sid="ReadKeys")


def read_table(location: S3Location, place: Place) -> Statement:
    """Allow reading the one object with the table, and its compiled form."""
    return allow(
        "s3:GetObject",
        [
            f"arn:{place.partition}:s3:::{location.bucket}/{escaped(key)}"
            for key in (location.key, compiled_key(location.key))
        ],
        Sid="ReadTable",
    )


def invoke(groups: Iterable[CallGroup], place: Place) -> list[Statement]:
    """Make the statements that allow these calls: one for all resources with the same condition.

    Endpoints with different conditions must not share a statement, because each endpoint could then
    be called with the arguments of the other.
    """
    resources: dict[tuple[str, _Condition], set[str]] = defaultdict(set)
    for one in groups:
        where = replace(place, region=one.region or place.region)
        for condition in _conditions(one):
            resources[one.action, condition].add(where.arn("sagemaker", str(one.resource)))
    listed = sorted(
        (action != ACTION, condition != _Condition(), sorted(arns), condition, action)
        for (action, condition), arns in resources.items()
    )
    return [_invoke(action, arns, condition) for _, _, arns, condition, action in listed]


class _Condition(NamedTuple):
    """The condition of a statement, about the arguments of a call."""

    operator: str = ""
    key: str = ""
    values: tuple[str, ...] = ()
    absent: tuple[str, ...] = ()

    def document(self) -> dict[str, Any]:
        """Return the element `Condition`; IAM requires that all of its parts are true."""
        present = {self.operator: {self.key: list(self.values)}} if self.operator else {}
        missing = {"Null": dict.fromkeys(self.absent, "true")} if self.absent else {}
        return present | missing


def _conditions(one: CallGroup) -> Iterator[_Condition]:
    """Yield a condition for texts and another one for patterns.

    They cannot be one condition, because IAM requires that all parts of a condition are true. If
    there is a fold, the policy must be short, and the texts are put among the patterns.
    """
    if not one.key:
        yield _Condition(absent=one.absent)
    folded = any(value.members for value in one.values)
    for operator, is_pattern in (("StringEquals", False), ("StringLike", True)):
        values = {str(value) for value in one.values if (folded or value.is_open) is is_pattern}
        if values:
            yield _Condition(operator, one.key, tuple(sorted(values)), one.absent)


def _invoke(action: str, arns: list[str], condition: _Condition) -> Statement:
    if condition != _Condition():
        return allow(action, arns) | {"Condition": condition.document()}
    return allow(action, arns, Sid="InvokeWithoutTarget" if action == ACTION else "InvokeAsync")


def _runtime(function: Function, place: Place) -> list[Statement]:
    """Allow what Lambda itself does with the role of the function."""
    # Log streams are a part of the ARN, and no name of a log group has a colon.
    logs = place.arn("logs", f"log-group:{function.log_group}:*")
    statements = [
        allow(LOGS, logs, Sid="WriteLogs"),
        allow("logs:CreateLogGroup", logs, Sid=NEW_LOG_GROUP),
    ]
    if function.in_vpc:
        statements.append(allow(VPC, ANY, Sid="JoinVpc"))
    if function.traced:
        statements.append(allow(TRACES, ANY, Sid="WriteTraces"))
    return statements


def allow(action: str | Sequence[str], resource: str | Sequence[str], **sid: str) -> Statement:
    """Make a statement that allows actions on resources."""
    return {**sid, "Effect": "Allow", "Action": action, "Resource": resource}


def _policy(statements: list[Statement]) -> Document:
    return {"Version": "2012-10-17", "Statement": statements}
