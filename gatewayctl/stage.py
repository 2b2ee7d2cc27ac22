"""What a stage of the project is set to, in Chalice's own configuration."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from gatewayctl.command import WrongUse

if TYPE_CHECKING:
    from pathlib import Path

CONFIG = ".chalice/config.json"


def variable(name: str, stage: str, project: Path, *, instead: str) -> str | None:
    """A variable of the stage, else of all stages, as in Chalice; `instead` is the other way."""
    try:
        said = json.loads((project / CONFIG).read_bytes())
        levels = (said, said.get("stages", {}).get(stage, {}))
        variables = [level.get("environment_variables", {}) for level in levels]
        value = {**variables[0], **variables[1]}.get(name)
    except FileNotFoundError:
        return None
    except (OSError, ValueError, AttributeError, TypeError) as error:
        raise WrongUse(f"{CONFIG} cannot be read ({error}); mend it, or {instead}") from error
    return None if value is None else str(value)
