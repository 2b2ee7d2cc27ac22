"""Which files hold a stage's policies."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, NamedTuple

from chalice.config import Config

from gatewayctl.command import WrongUse
from gatewayctl.stage import CONFIG

if TYPE_CHECKING:
    from pathlib import Path

HANDLER, AUTHORIZER = "api_handler", "authorize"


class Files(NamedTuple):
    """The policies of a stage, each from the project's folder on."""

    handler: str
    authorizer: str


def of_stage(stage: str, project: Path) -> Files:
    """Where Chalice will look for them."""
    try:
        config = json.loads((project / CONFIG).read_bytes())
        stages = sorted(config["stages"])
        files = Files(_file(config, stage, HANDLER), _file(config, stage, AUTHORIZER))
    except (OSError, ValueError, LookupError, AttributeError, TypeError) as error:
        raise WrongUse(f"{CONFIG} cannot be read ({error}); a policy belongs to a stage") from error
    if stage not in stages:
        raise WrongUse(f"{CONFIG} has no stage {stage}; it has {', '.join(stages)}")
    if files.handler == files.authorizer:
        raise WrongUse(
            f"{CONFIG} gives both functions of stage {stage} {files.handler}; name another file "
            f"in its lambda_functions.{AUTHORIZER}.iam_policy_file"
        )
    return files


def _file(config: dict[str, Any], stage: str, function: str) -> str:
    named = Config(stage, function, config_from_disk=config).iam_policy_file
    return f".chalice/{named or f'policy-{stage}.json'}"
