"""What a stage of the project is set to, in Chalice's own configuration."""

from __future__ import annotations

import json
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from gatewayctl.command import WrongUse

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

CONFIG = ".chalice/config.json"

HANDLER = "api_handler"
"""What Chalice calls the function behind the routes."""

CHALICES_LAMBDA_TIMEOUT = 60


def variable(name: str, stage: str, project: Path, *, instead: str) -> str | None:
    """A variable of the stage, else of all stages, as in Chalice; `instead` is the other way."""
    with _readable(instead):
        said, own = _levels(stage, project)
        variables = [level.get("environment_variables", {}) for level in (said, own)]
        value = {**variables[0], **variables[1]}.get(name)
    return None if value is None else str(value)


def lambda_timeout_seconds(stage: str, project: Path) -> float:
    """How long Lambda lets the handler run: the function's, else the stage's, else all stages'."""
    with _readable("remove it"):
        said, own = _levels(stage, project)
        levels = (said, own, own.get("lambda_functions", {}).get(HANDLER, {}))
        values = [level["lambda_timeout"] for level in levels if "lambda_timeout" in level]
        return float(values[-1] if values else CHALICES_LAMBDA_TIMEOUT)


def _levels(stage: str, project: Path) -> tuple[dict[str, Any], dict[str, Any]]:
    """What holds for all stages, and what this one says; nothing where there is no file."""
    try:
        said = json.loads((project / CONFIG).read_bytes())
    except FileNotFoundError:
        return {}, {}
    return said, said.get("stages", {}).get(stage, {})


@contextmanager
def _readable(instead: str) -> Iterator[None]:
    try:
        yield
    except (OSError, ValueError, AttributeError, TypeError) as error:
        raise WrongUse(f"{CONFIG} cannot be read ({error}); mend it, or {instead}") from error
