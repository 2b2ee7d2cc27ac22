"""What the container's environment says, read once at the start."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from sagemaker_local.modelserver.errors import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Mapping

DEFAULT_PORT = 8080
DEFAULT_MODEL_FOLDER = "/opt/ml/model"


@dataclass(frozen=True, slots=True)
class Settings:
    """SageMaker's own variables, and one of ours."""

    port: int = DEFAULT_PORT
    """`SAGEMAKER_BIND_TO_PORT`"""

    model_folder: Path = Path(DEFAULT_MODEL_FOLDER)
    """`SM_MODEL_DIR`: the unpacked artifact of a single model."""

    multi_model: bool = False
    """`SAGEMAKER_MULTI_MODEL`: models come and go through `/models`."""

    capacity: int | None = None
    """`SAGEMAKER_LOCAL_CONTAINER_CAPACITY`: most models in memory; one more is a 507."""

    @classmethod
    def from_env(cls, env: Mapping[str, str]) -> Settings:
        """When a variable holds something else than it should: ConfigurationError."""
        return cls(
            port=_whole_number(env, "SAGEMAKER_BIND_TO_PORT", most=65535) or DEFAULT_PORT,
            model_folder=Path(env.get("SM_MODEL_DIR") or DEFAULT_MODEL_FOLDER),
            multi_model=_flag(env, "SAGEMAKER_MULTI_MODEL"),
            capacity=_whole_number(env, "SAGEMAKER_LOCAL_CONTAINER_CAPACITY", most=1_000_000),
        )


def _whole_number(env: Mapping[str, str], name: str, *, most: int) -> int | None:
    text = env.get(name, "")
    if not text:
        return None
    is_number = text.isascii() and text.isdigit() and len(text) <= len(str(most))
    if not is_number or not 1 <= int(text) <= most:
        raise ConfigurationError(f"{name} is {text!r}; set a whole number from 1 to {most}.")
    return int(text)


def _flag(env: Mapping[str, str], name: str) -> bool:
    text = env.get(name, "")
    if text.lower() not in {"", "true", "false"}:
        raise ConfigurationError(f"{name} is {text!r}; set true or false.")
    return text.lower() == "true"
