"""Reads the configuration of a stage's two Lambda functions with Chalice's own code."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any, NamedTuple

from chalice.config import Config

from chalicelib.errors import quoted
from gatewayctl.report import WrongUse
from gatewayctl.stage import CONFIG, HANDLER

if TYPE_CHECKING:
    from pathlib import Path

AUTHORIZER = "authorize"

LONGEST_NAME = 64
"""Source: Lambda API reference, `CreateFunction`, `FunctionName`."""

_NAME = re.compile(f"[A-Za-z0-9_-]{{1,{LONGEST_NAME}}}")


class Function(NamedTuple):
    """A Lambda function: its name, the file of its policy, and settings that need permissions."""

    name: str
    policy: str
    """The path of the file, relative to the project's folder."""
    in_vpc: bool = False
    traced: bool = False
    has_own_role: bool = True
    """Whether Chalice makes a role from the policy; otherwise the configuration names a role."""
    role: str = ""
    """The ARN of the role that the configuration names, else the name of the role that
    `chalice deploy` makes."""

    @property
    def log_group(self) -> str:
        """The log group that Lambda uses for a function with this name."""
        return f"/aws/lambda/{self.name}"


class Functions(NamedTuple):
    """The two Lambda functions of a stage; each has its own role."""

    handler: Function
    authorizer: Function


def functions_of(stage: str, project: Path) -> Functions:
    """Read the configuration of a stage's functions.

    Raises:
        WrongUse: The configuration cannot be read, or AWS or the gateway could not use it.
    """
    try:
        config = json.loads((project / CONFIG).read_bytes())
        app = config["app_name"]
        functions = Functions(
            _function(config, app, stage, HANDLER), _function(config, app, stage, AUTHORIZER)
        )
    except KeyError as error:
        raise WrongUse(f"{CONFIG} has no {error}, which Chalice needs") from error
    except (OSError, ValueError, AttributeError, TypeError) as error:
        raise WrongUse(f"{CONFIG} cannot be read ({error}); a policy belongs to a stage") from error
    if functions.handler.policy == functions.authorizer.policy:
        raise WrongUse(
            f"{CONFIG} gives both functions of stage {stage} {functions.handler.policy}; name "
            f"another file in its lambda_functions.{AUTHORIZER}.iam_policy_file"
        )
    for function in functions:
        if not _NAME.fullmatch(function.name):
            raise WrongUse(
                f"app_name in {CONFIG} and the stage make {quoted(function.name)} the name of a "
                f"function; Lambda takes A-Z a-z 0-9 _ - and at most {LONGEST_NAME} characters"
            )
    return functions


def _function(config: dict[str, Any], app: str, stage: str, name: str) -> Function:
    chalice = Config(stage, name, config_from_disk=config)
    return Function(
        _deployed_name(app, stage, name),
        f".chalice/{chalice.iam_policy_file or f'policy-{stage}.json'}",
        in_vpc=bool(chalice.subnet_ids and chalice.security_group_ids),
        traced=bool(chalice.xray_enabled),
        has_own_role=bool(chalice.manage_iam_role) and not chalice.autogen_policy,
        role=_role(chalice, f"{app}-{stage}", name),
    )


def _role(chalice: Config, start: str, name: str) -> str:
    """Return the ARN of the role that the configuration names, else the name that Chalice gives.

    Source: Chalice 1.34, `chalice/deploy/appgraph.py`, `_create_role_reference`.
    """
    if not chalice.manage_iam_role:
        return str(chalice.iam_role_arn or "")
    return start if chalice.autogen_policy else f"{start}-{name}"


def _deployed_name(app: str, stage: str, name: str) -> str:
    """Return the name that `chalice deploy` gives to a function.

    Source: Chalice 1.34, `chalice/deploy/appgraph.py`.
    """
    return f"{app}-{stage}" if name == HANDLER else f"{app}-{stage}-{name}"
