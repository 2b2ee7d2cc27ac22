"""The two functions of a stage, as Chalice is told to make them."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, NamedTuple

from chalice.config import Config

from gatewayctl.report import WrongUse
from gatewayctl.stage import CONFIG, HANDLER

if TYPE_CHECKING:
    from pathlib import Path

AUTHORIZER = "authorize"


class Function(NamedTuple):
    """One function: where its policy is, and what Lambda itself has to do for it."""

    policy: str = ""
    """From the project's folder on."""
    in_vpc: bool = False
    traced: bool = False


class Functions(NamedTuple):
    """Both, because each has a role of its own."""

    handler: Function
    authorizer: Function


def of_stage(stage: str, project: Path) -> Functions:
    """As Chalice reads its own configuration."""
    try:
        said = json.loads((project / CONFIG).read_bytes())
        stages = sorted(said["stages"])
        functions = Functions(_function(said, stage, HANDLER), _function(said, stage, AUTHORIZER))
    except (OSError, ValueError, LookupError, AttributeError, TypeError) as error:
        raise WrongUse(f"{CONFIG} cannot be read ({error}); a policy belongs to a stage") from error
    if stage not in stages:
        raise WrongUse(f"{CONFIG} has no stage {stage}; it has {', '.join(stages)}")
    if functions.handler.policy == functions.authorizer.policy:
        raise WrongUse(
            f"{CONFIG} gives both functions of stage {stage} {functions.handler.policy}; name "
            f"another file in its lambda_functions.{AUTHORIZER}.iam_policy_file"
        )
    return functions


def _function(said: dict[str, Any], stage: str, name: str) -> Function:
    config = Config(stage, name, config_from_disk=said)
    return Function(
        f".chalice/{config.iam_policy_file or f'policy-{stage}.json'}",
        in_vpc=bool(config.subnet_ids and config.security_group_ids),
        traced=bool(config.xray_enabled),
    )
