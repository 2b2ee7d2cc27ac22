"""Which routing table a command is about, when nobody names a file to the command itself."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from chalicelib.settings import FileLocation, routing_location
from gatewayctl.command import WrongUse

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

VARIABLE = "GATEWAY_ROUTING"
CONFIG = ".chalice/config.json"
DEFAULT = "routing.yaml"


def locate(table: Path | None, stage: str, environ: Mapping[str, str], project: Path) -> Path:
    """`--table`, else `GATEWAY_ROUTING`, else the stage's in config.json, else routing.yaml."""
    if table is not None:
        return table
    if location := environ.get(VARIABLE):
        return _file(location, VARIABLE, project)
    if location := _of_stage(stage, project / CONFIG):
        return _file(location, f"{VARIABLE} of stage {stage} in {CONFIG}", project)
    return _shortened(project / DEFAULT, project)


def _of_stage(stage: str, config: Path) -> str | None:
    """A stage's variables win over those for all stages, as in Chalice."""
    try:
        said = json.loads(config.read_bytes())
        levels = (said, said.get("stages", {}).get(stage, {}))
        variables = [level.get("environment_variables", {}) for level in levels]
        location = {**variables[0], **variables[1]}.get(VARIABLE)
    except FileNotFoundError:
        return None
    except (OSError, ValueError, AttributeError, TypeError) as error:
        raise WrongUse(
            f"{CONFIG} cannot be read ({error}); mend it, or name a table with --table"
        ) from error
    return None if location is None else str(location)


def _file(location: str, origin: str, project: Path) -> Path:
    try:
        found = routing_location(location)
    except ValueError as rule:
        raise WrongUse(f"{origin} is {location!r}; it must be {rule}") from rule
    if not isinstance(found, FileLocation):
        raise WrongUse(f"{origin} is {location}; name the file it is made from with --table FILE")
    return _shortened(found.path, project)


def _shortened(path: Path, project: Path) -> Path:
    return path.relative_to(project) if path.is_relative_to(project) else path
