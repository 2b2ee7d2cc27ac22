"""`signature.json`: what a model reads beside rows of numbers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from sagemaker_local.modelserver import strict_json
from sagemaker_local.modelserver.errors import BadInput, CannotLoad

if TYPE_CHECKING:
    from pathlib import Path

FILE = "signature.json"
SHAPE = '{"image": {"width": 8, "height": 8, "levels": 16}}'
KEYS = {"width", "height", "levels"}


@dataclass(frozen=True, slots=True)
class ImageFormat:
    """A grey image as a row of numbers, each from 0 (black) to `levels` (white)."""

    width: int
    height: int
    levels: int


def read_signature(folder: Path, features: int) -> ImageFormat | None:
    """The image that a model reads, if it reads one.

    When the file is not as it should be, or does not fit the model: CannotLoad.
    """
    path = folder / FILE
    if not path.exists():
        return None
    try:
        content = strict_json.parse(path.read_bytes())
    except BadInput as error:
        raise CannotLoad(f"{path}: {error}") from error
    image = content.get("image") if isinstance(content, dict) else None
    if not isinstance(image, dict) or image.keys() != KEYS:
        raise CannotLoad(f"{path} must look like {SHAPE}.")
    if not all(type(number) is int and number > 0 for number in image.values()):
        raise CannotLoad(f"{path}: width, height and levels must be whole numbers above 0.")
    if image["width"] * image["height"] != features:
        raise CannotLoad(
            f"{path}: {image['width']} by {image['height']} pixels do not make"
            f" the {features} numbers that the model reads."
        )
    return ImageFormat(**image)
