"""Reads the outputs of a stage's CloudFormation stack."""

from __future__ import annotations

from contextlib import closing
from typing import TYPE_CHECKING

from gatewayctl.aws import reaching
from gatewayctl.report import NotReachable

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

SERVICE = "cloudformation"
URL, ACCESS_LOG = "EndpointURL", "AccessLogGroup"
"""The names of outputs."""


def outputs(name: str, connect: Callable[[str], Any]) -> dict[str, str]:
    """Return the outputs of a stack by their names.

    Raises:
        NotReachable: There is no such stack, or CloudFormation does not say.
    """
    with closing(connect(SERVICE)) as client, reaching(SERVICE):
        stacks = client.describe_stacks(StackName=name)["Stacks"]
    if not stacks:
        raise NotReachable(f"there is no stack {name}")
    return {one["OutputKey"]: one["OutputValue"] for one in stacks[0].get("Outputs", [])}
