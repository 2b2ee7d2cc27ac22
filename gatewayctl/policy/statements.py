"""What a policy is made of: statements, and the ARNs in them."""

from __future__ import annotations

import re
from collections import defaultdict
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Any, NamedTuple

from gatewayctl.policy.names import literal
from gatewayctl.policy.needs import ACTION

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from chalicelib.settings import S3Location
    from gatewayctl.policy.needs import Calls
    from gatewayctl.policy.place import Place

    Statement = dict[str, Any]

# Secrets Manager adds a hyphen and six characters to a secret's name in its ARN.
SUFFIX = "-??????"


def write_logs(place: Place) -> Statement:
    """Both functions write theirs; CloudFormation chooses their names."""
    return _allow(
        ["logs:CreateLogGroup", "logs:CreateLogStream", "logs:PutLogEvents"],
        place.arn("logs", "log-group:/aws/lambda/*"),
        Sid="WriteLogs",
    )


def read_keys(secret: str, place: Place) -> Statement:
    """The one secret with the API keys, by its name or its ARN."""
    arn = secret if secret.startswith("arn:") else place.arn("secretsmanager", f"secret:{secret}")
    complete = secret.startswith("arn:") and re.search(r"-[A-Za-z0-9]{6}\Z", secret)
    return _allow(
        "secretsmanager:GetSecretValue", arn if complete else arn + SUFFIX, Sid="ReadKeys"
    )


def read_table(location: S3Location, place: Place) -> Statement:
    """The one object with the table, and the compiled form beside it."""
    suffix = PurePosixPath(location.key).suffix
    keys = (location.key, location.key.removesuffix(suffix) + ".json")
    return _allow(
        "s3:GetObject",
        [f"arn:{place.partition}:s3:::{location.bucket}/{literal(key)}" for key in keys],
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
    """One for texts and one for patterns: within a statement both would have to hold."""
    if not one.key:
        yield Condition(absent=one.absent)
    for operator, is_pattern in (("StringEquals", False), ("StringLike", True)):
        values = {str(value) for value in one.values if bool(value.rest) == is_pattern}
        if values:
            yield Condition(operator, one.key, tuple(sorted(values)), one.absent)


def _invoke(arns: list[str], condition: Condition) -> Statement:
    if condition == Condition():
        return _allow(ACTION, arns, Sid="InvokeWithoutTarget")
    return _allow(ACTION, arns) | {"Condition": condition.document()}


def _allow(action: str | Sequence[str], resource: str | Sequence[str], **sid: str) -> Statement:
    return {**sid, "Effect": "Allow", "Action": action, "Resource": resource}
