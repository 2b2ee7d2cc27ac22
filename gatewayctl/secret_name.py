"""Which secret holds the API keys, when nobody names one to the command itself."""

from __future__ import annotations

from typing import TYPE_CHECKING

from chalicelib.settings import SETTINGS
from gatewayctl import stage as stages
from gatewayctl.command import WrongUse

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

VARIABLE = "GATEWAY_KEYS_SECRET"

(_SETTING,) = [setting for setting in SETTINGS if setting.variable == VARIABLE]


def locate(secret: str | None, stage: str, environ: Mapping[str, str], project: Path) -> str:
    """`--secret`, else `GATEWAY_KEYS_SECRET`, else the stage's in config.json, else the default."""
    if secret is not None:
        return _checked(secret, "--secret")
    if VARIABLE in environ:
        return _checked(environ[VARIABLE], VARIABLE)
    said = stages.variable(VARIABLE, stage, project, instead="name a secret with --secret")
    if said is not None:
        return _checked(said, f"{VARIABLE} of stage {stage} in {stages.CONFIG}")
    return _SETTING.default


# The text is not repeated: people put a secret where its name belongs.
def _checked(text: str, origin: str) -> str:
    try:
        name = _SETTING.read(text)
    except ValueError as rule:
        raise WrongUse(f"{origin} must be {rule}") from rule
    if not isinstance(name, str):
        raise WrongUse(f"{origin} is empty: no API keys. To manage some, name a secret: --secret")
    return name
