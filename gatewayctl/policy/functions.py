"""Reads the configuration of a stage's Lambda functions with Chalice's own code."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any, NamedTuple

from chalice.config import Config

from chalicelib.errors import quoted
from gatewayctl import stage as stages
from gatewayctl.report import WrongUse
from gatewayctl.stage import CONFIG, HANDLER, JOBS_VARIABLE

if TYPE_CHECKING:
    from pathlib import Path

AUTHORIZER, WORKER = "authorize", "work"

WORKER_SECONDS = 900
"""The longest that Lambda lets a function run; a job may take 840 of them.

The visibility timeout of the queue is six times as long, as Lambda asks for.
"""

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
    """The Lambda functions of a stage; each has its own role."""

    handler: Function
    authorizer: Function
    worker: Function | None = None
    """Only a stage with `GATEWAY_JOBS` has it."""

    @property
    def deployed(self) -> list[Function]:
        """The functions that the stage has."""
        return [function for function in self if function is not None]


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
        if stages.setting(JOBS_VARIABLE, stage, project) is not None:
            functions = functions._replace(worker=_worker(config, app, stage))
    except KeyError as error:
        raise WrongUse(f"{CONFIG} has no {error}, which Chalice needs") from error
    except (OSError, ValueError, AttributeError, TypeError) as error:
        raise WrongUse(f"{CONFIG} cannot be read ({error}); a policy belongs to a stage") from error
    for function in functions.deployed:
        if not _NAME.fullmatch(function.name):
            raise WrongUse(
                f"app_name in {CONFIG} and the stage make {quoted(function.name)} the name of a "
                f"function; Lambda takes A-Z a-z 0-9 _ - and at most {LONGEST_NAME} characters"
            )
    return functions


def check_policies(functions: Functions, stage: str) -> None:
    """Check that each function has a policy of its own; a stage that is not deployed has none.

    Raises:
        WrongUse: Two functions have the same.
    """
    names = {functions.authorizer: AUTHORIZER, functions.worker: WORKER}
    seen = {functions.handler.policy}
    for function in functions.deployed[1:]:
        if function.policy in seen:
            which = "both functions" if functions.worker is None else "two functions"
            raise WrongUse(
                f"{CONFIG} gives {which} of stage {stage} {function.policy}; name "
                f"another file in its lambda_functions.{names[function]}.iam_policy_file"
            )
        seen.add(function.policy)


def _worker(config: dict[str, Any], app: str, stage: str) -> Function:
    timeout = Config(stage, WORKER, config_from_disk=config).lambda_timeout
    if timeout != WORKER_SECONDS:
        given = "no lambda_timeout" if timeout is None else f"the lambda_timeout {timeout}"
        raise WrongUse(
            f"{CONFIG} gives the worker of stage {stage} {given}; set "
            f"lambda_functions.{WORKER}.lambda_timeout to {WORKER_SECONDS}, because a job may take "
            "14 minutes"
        )
    return _function(config, app, stage, WORKER)


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
