"""A model in memory, and how it is loaded from an unpacked artifact.

A framework is imported when its first model is loaded, so that a multi-model container, which
loads models on demand, starts within a fraction of a second.
"""

from __future__ import annotations

import threading
from dataclasses import dataclass
from importlib import import_module
from typing import TYPE_CHECKING, Protocol

from sagemaker_local.modelserver import strict_json
from sagemaker_local.modelserver.errors import BadInput, CannotLoad, ModelServerError, OutOfMemory
from sagemaker_local.modelserver.media_types import JSON

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

FRAMEWORKS = {
    "sklearn": "sagemaker_local.modelserver.sklearn_models",
    "lightgbm": "sagemaker_local.modelserver.lightgbm_models",
}
SIGNATURE_FILE = "signature.json"
SIGNATURE_EXAMPLE = '{"image": {"width": 8, "height": 8, "levels": 16}}'


@dataclass(frozen=True, slots=True)
class InferenceRequest:
    """The parts of an HTTP request that a model needs."""

    content_type: str
    accept: str
    body: bytes
    default_accept: str = JSON
    """What a request accepts that accepts anything."""


@dataclass(frozen=True, slots=True)
class InferenceResponse:
    """The body of a model's response and its content type."""

    content_type: str
    body: bytes


class Model(Protocol):
    """A model in memory."""

    def respond(self, request: InferenceRequest) -> InferenceResponse:
        """Predict from the request's body.

        Raises:
            ModelServerError: The model cannot read the body or cannot produce what is accepted.
        """


class LateModel:
    """A model that the first request loads; others wait for it, and try again if it failed."""

    def __init__(self, load: Callable[[], Model]) -> None:
        self._load = load
        self._lock = threading.Lock()
        self._model: Model | None = None

    def respond(self, request: InferenceRequest) -> InferenceResponse:
        with self._lock:
            model = self._model = self._model or self._load()
        return model.respond(request)


@dataclass(frozen=True, slots=True)
class ImageFormat:
    """The grey images that a model reads as rows: each pixel from 0 (black) to `levels` (white)."""

    width: int
    height: int
    levels: int


def load(framework: str, folder: Path) -> Model:
    """Load the model from the folder of an unpacked artifact.

    Raises:
        CannotLoad: The folder contains no model of this framework.
        OutOfMemory: There is not enough memory for the model.
    """
    try:
        model: Model = import_module(FRAMEWORKS[framework]).load(folder)
    except ModelServerError:
        raise
    except MemoryError as error:
        raise OutOfMemory(f"There is no memory left for the model in {folder}.") from error
    except Exception as error:  # an artifact is foreign code: it may raise anything
        reason = " ".join(str(error).split())
        raise CannotLoad(f"{folder}: {type(error).__name__}: {reason}") from error
    return model


def read_signature(folder: Path, feature_count: int) -> ImageFormat | None:
    """Read from `signature.json` which images the model reads; None if the file is missing.

    Raises:
        CannotLoad: The file is not valid, or its image does not have `feature_count` pixels.
    """
    path = folder / SIGNATURE_FILE
    if not path.exists():
        return None
    try:
        content = strict_json.parse(path.read_bytes())
    except BadInput as error:
        raise CannotLoad(f"{path}: {error}") from error
    image = content.get("image") if isinstance(content, dict) else None
    if not isinstance(image, dict) or image.keys() != set(ImageFormat.__slots__):
        raise CannotLoad(f"{path} must look like {SIGNATURE_EXAMPLE}.")
    if not all(type(number) is int and number > 0 for number in image.values()):
        raise CannotLoad(f"{path}: width, height and levels must be whole numbers above 0.")
    if image["width"] * image["height"] != feature_count:
        raise CannotLoad(
            f"{path}: {image['width']} by {image['height']} pixels do not make"
            f" the {feature_count} numbers that the model reads."
        )
    return ImageFormat(**image)
