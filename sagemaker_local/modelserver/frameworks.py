"""Frameworks by name, and loading a model with one of them."""

from __future__ import annotations

from dataclasses import dataclass
from importlib import import_module
from typing import TYPE_CHECKING, Protocol

from sagemaker_local.modelserver.errors import CannotLoad, ModelServerError, OutOfMemory

if TYPE_CHECKING:
    from pathlib import Path

FRAMEWORKS = {
    "sklearn": "sagemaker_local.modelserver.sklearn_models",
    "lightgbm": "sagemaker_local.modelserver.lightgbm_models",
}


@dataclass(frozen=True, slots=True)
class Invocation:
    """One request to a model, as it came."""

    content_type: str
    accept: str
    body: bytes


@dataclass(frozen=True, slots=True)
class Answer:
    """What a model answered, ready to be sent."""

    content_type: str
    body: bytes


class Model(Protocol):
    """A model in memory."""

    def answer(self, invocation: Invocation) -> Answer:
        """When the request is not one for this model: ModelServerError."""


def load(framework: str, folder: Path) -> Model:
    """Load the model that an unpacked artifact holds.

    The framework is imported here, by the first model that needs it. When the folder holds
    no such model: CannotLoad. When memory runs out: OutOfMemory.
    """
    try:
        model: Model = import_module(FRAMEWORKS[framework]).load(folder)
    except ModelServerError:
        raise
    except MemoryError as error:
        raise OutOfMemory(f"There is no memory left for the model in {folder}.") from error
    except Exception as error:  # an artifact is foreign code: loading it may raise anything
        reason = " ".join(str(error).split())
        raise CannotLoad(f"{folder}: {type(error).__name__}: {reason}") from error
    return model
