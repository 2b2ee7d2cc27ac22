"""Which routing table a command is about, when nobody names a file to the command itself."""

from __future__ import annotations

from typing import TYPE_CHECKING

from chalicelib.settings import FileLocation, routing_location
from gatewayctl import stage as stages
from gatewayctl.command import WrongUse

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path


class TableInS3(WrongUse):
    """When the table of a stage is no file; the one it was published from has to be named."""


VARIABLE = "GATEWAY_ROUTING"
DEFAULT = "routing.yaml"


def locate(table: Path | None, stage: str, environ: Mapping[str, str], project: Path) -> Path:
    """`--table`, else `GATEWAY_ROUTING`, else the stage's in config.json, else routing.yaml."""
    if table is not None:
        return table
    if location := environ.get(VARIABLE):
        return _file(location, VARIABLE, project)
    if location := stages.variable(VARIABLE, stage, project, instead="name a table with --table"):
        return _file(location, f"{VARIABLE} of stage {stage} in {stages.CONFIG}", project)
    return _shortened(project / DEFAULT, project)


def _file(location: str, origin: str, project: Path) -> Path:
    try:
        found = routing_location(location)
    except ValueError as rule:
        raise WrongUse(f"{origin} is {location!r}; it must be {rule}") from rule
    if not isinstance(found, FileLocation):
        raise TableInS3(f"{origin} is {location}; name the file it is made from with --table FILE")
    return _shortened(found.path, project)


def _shortened(path: Path, project: Path) -> Path:
    return path.relative_to(project) if path.is_relative_to(project) else path
