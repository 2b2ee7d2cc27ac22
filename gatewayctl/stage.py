"""Reads the configuration of a stage: its table, its secret, and its environment variables."""

from __future__ import annotations

import json
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from chalicelib.settings import SETTINGS, FileLocation, S3Location, routing_location
from gatewayctl.report import WrongUse

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

CONFIG = ".chalice/config.json"
DEFAULT = "dev"
"""Chalice's default stage, which also exists if config.json has no stages."""

LOCAL = "local"
"""The stage of `make run`, which is never deployed."""

HANDLER = "api_handler"
"""The name that Chalice gives to the function behind the routes."""

CHALICE_LAMBDA_TIMEOUT = 60
"""Source: Chalice's documentation, "Configuration File", `lambda_timeout`."""

LOOPBACK = {"localhost", "127.0.0.1", "::1"}

TABLE_VARIABLE = "GATEWAY_ROUTING"
TABLE_DEFAULT = "routing.yaml"
SECRET_VARIABLE = "GATEWAY_KEYS_SECRET"
JOBS_VARIABLE, QUEUE_VARIABLE = "GATEWAY_JOBS", "GATEWAY_JOBS_QUEUE"

_SETTINGS = {setting.variable: setting for setting in SETTINGS}
_SECRET_SETTING = _SETTINGS[SECRET_VARIABLE]


class TableInS3(WrongUse):
    """The table of the stage is in S3 and not a file; `--table` has to name the file."""

    def __init__(self, message: str, location: S3Location) -> None:
        self.location = location
        super().__init__(message)


def require(stage: str, project: Path) -> None:
    """Check that the project has this stage, if config.json can be read.

    Raises:
        WrongUse: config.json has stages, and this is not one of them.
    """
    known = names(project)
    if known and stage not in known:
        raise WrongUse(f"{CONFIG} has no stage {stage}; it has {', '.join(sorted(known))}")


def names(project: Path) -> list[str]:
    """Return the stages of config.json; none if it cannot be read, which other functions report."""
    try:
        return list(json.loads((project / CONFIG).read_bytes()).get("stages") or [DEFAULT])
    except (OSError, ValueError, AttributeError, TypeError):
        return []


def with_table(location: str, project: Path) -> list[str]:
    """Return the stages of config.json whose table is at this location.

    Raises:
        WrongUse: config.json cannot be read.
    """
    instead = "name a secret with --secret"
    return [
        name
        for name in names(project)
        if variable(TABLE_VARIABLE, name, project, instead=instead) == location
    ]


def variable(name: str, stage: str, project: Path, *, instead: str) -> str | None:
    """Return the value of the stage for an environment variable, else the value for all stages.

    Args:
        instead: What the user can do instead of repairing config.json, for the error message.

    Raises:
        WrongUse: config.json cannot be read.
    """
    with _readable(instead):
        shared, own = _levels(stage, project)
        variables = [level.get("environment_variables", {}) for level in (shared, own)]
        value = {**variables[0], **variables[1]}.get(name)
    return None if value is None else str(value)


def setting(variable_name: str, stage: str, project: Path) -> Any:
    """Return the value that the gateway of a stage reads from its environment.

    The environment of this process is ignored, because it is not that of the function.

    Raises:
        WrongUse: The gateway would refuse the value, or config.json cannot be read.
    """
    one = _SETTINGS[variable_name]
    value = variable(variable_name, stage, project, instead="see docs/settings.md")
    try:
        return one.read(one.default if value is None else value)
    except ValueError as rule:
        raise WrongUse(f"{variable_name} of stage {stage} in {CONFIG} must be {rule}") from rule


def lambda_timeout_seconds(stage: str, project: Path) -> float:
    """Return the handler's Lambda timeout: of the function, else the stage, else all stages.

    Raises:
        WrongUse: config.json cannot be read.
    """
    with _readable("remove it"):
        shared, own = _levels(stage, project)
        levels = (shared, own, own.get("lambda_functions", {}).get(HANDLER, {}))
        values = [level["lambda_timeout"] for level in levels if "lambda_timeout" in level]
        return float(values[-1] if values else CHALICE_LAMBDA_TIMEOUT)


def table_location(
    table: Path | None, stage: str, environment: Mapping[str, str], project: Path
) -> Path | S3Location:
    """Return the file of the table as `table_path` finds it, or its object in S3.

    Raises:
        WrongUse: The location is invalid, or config.json cannot be read.
    """
    try:
        return table_path(table, stage, environment, project)
    except TableInS3 as error:
        return error.location


def table_path(
    table: Path | None, stage: str, environment: Mapping[str, str], project: Path
) -> Path:
    """Return `--table`, else `GATEWAY_ROUTING`, else the stage's in config.json, else the default.

    Raises:
        TableInS3: The location that was found is in S3.
        WrongUse: The location is invalid, or config.json cannot be read.
    """
    if table is not None:
        return table
    if location := environment.get(TABLE_VARIABLE):
        return _file(location, TABLE_VARIABLE, project)
    instead = "name a table with --table"
    if location := variable(TABLE_VARIABLE, stage, project, instead=instead):
        return _file(location, f"{TABLE_VARIABLE} of stage {stage} in {CONFIG}", project)
    return _shortened(project / TABLE_DEFAULT, project)


def _file(location: str, origin: str, project: Path) -> Path:
    try:
        found = routing_location(location)
    except ValueError as rule:
        raise WrongUse(f"{origin} is {location!r}; it must be {rule}") from rule
    if not isinstance(found, FileLocation):
        message = f"{origin} is {location}; name the file it is made from with --table FILE"
        raise TableInS3(message, found)
    return _shortened(found.path, project)


def _shortened(path: Path, project: Path) -> Path:
    return path.relative_to(project) if path.is_relative_to(project) else path


def secret_name(
    secret: str | None, stage: str, environment: Mapping[str, str], project: Path
) -> str:
    """Return `--secret`, else `GATEWAY_KEYS_SECRET`, else the stage's in config.json or default.

    Raises:
        WrongUse: The name is invalid or empty, or config.json is missing or cannot be read.
    """
    if secret is not None:
        return _checked_secret(secret, "--secret")
    if SECRET_VARIABLE in environment:
        return _checked_secret(environment[SECRET_VARIABLE], SECRET_VARIABLE)
    if not (project / CONFIG).exists():
        raise WrongUse(
            f"there is no {CONFIG} here, so it is not known which secret the stage {stage} reads; "
            "run this in the project's folder, or name a secret with --secret"
        )
    value = variable(SECRET_VARIABLE, stage, project, instead="name a secret with --secret")
    if value is None:
        return _SECRET_SETTING.default
    return _checked_secret(value, f"{SECRET_VARIABLE} of stage {stage} in {CONFIG}")


# The message does not repeat the text, because the user may have typed a key instead of a name.
def _checked_secret(text: str, origin: str) -> str:
    try:
        name = _SECRET_SETTING.read(text)
    except ValueError as rule:
        raise WrongUse(f"{origin} must be {rule}") from rule
    if not isinstance(name, str):
        raise WrongUse(f"{origin} is empty: no API keys. To manage some, name a secret: --secret")
    return name


def is_loopback(url: str) -> bool:
    """Whether a URL is one of this machine."""
    try:
        return urlsplit(url).hostname in LOOPBACK
    except ValueError:
        return False


def _levels(stage: str, project: Path) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return the configuration of all stages and of this stage; both are empty without a file."""
    try:
        config = json.loads((project / CONFIG).read_bytes())
    except FileNotFoundError:
        return {}, {}
    return config, config.get("stages", {}).get(stage, {})


@contextmanager
def _readable(instead: str) -> Iterator[None]:
    try:
        yield
    except (OSError, ValueError, AttributeError, TypeError) as error:
        raise WrongUse(f"{CONFIG} cannot be read ({error}); correct it, or {instead}") from error
