"""Rows of numbers from bytes: NumPy's own file format, and small PNG images."""

from __future__ import annotations

import math
import struct
import tokenize
import zlib
from io import BytesIO
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.lib import format as npy
from PIL import Image

from sagemaker_local.modelserver.errors import BadInput

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sagemaker_local.modelserver.signature import ImageFormat
    from sagemaker_local.modelserver.text_rows import Rows

HEADER_READERS = {(1, 0): npy.read_array_header_1_0, (2, 0): npy.read_array_header_2_0}
HEADER_ERRORS = (
    ValueError,
    TypeError,
    KeyError,
    IndexError,
    SyntaxError,
    RecursionError,
    MemoryError,
    tokenize.TokenError,
)

PNG_START = b"\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR"
PNG_SIZE = slice(16, 24)
PNG_ERRORS = (OSError, SyntaxError, ValueError, EOFError, struct.error, zlib.error)


def read_npy(body: bytes, row_shapes: Sequence[tuple[int, ...]]) -> Rows:
    """An array of numbers whose rows have one of the shapes. When it has not: BadInput."""
    shape, fortran_order, dtype, start = _npy_header(body)
    if dtype.kind not in "fiu":
        raise BadInput(f"The array holds {dtype}; send floats or whole numbers.")
    if shape[1:] not in row_shapes:
        expected = " or ".join(_shape_text(("n", *row)) for row in row_shapes)
        raise BadInput(f"The array has shape {_shape_text(shape)}; expected {expected}.")
    if shape[0] < 1:
        raise BadInput("The array is empty; send at least one row.")
    held, needed = len(body) - start, math.prod(shape) * dtype.itemsize
    if held != needed:  # before anything of the size that the header claims is allocated
        raise BadInput(f"An array of that shape takes {needed} bytes; the body holds {held}.")
    values = np.frombuffer(body, dtype, offset=start)
    rows = values.reshape(shape, order="F" if fortran_order else "C").reshape(shape[0], -1)
    return _finite(rows.astype(np.float64))


def read_png(body: bytes, image: ImageFormat) -> Rows:
    """One image as one row of brightness levels. When it is not of that size: BadInput."""
    if not body.startswith(PNG_START) or len(body) < PNG_SIZE.stop:
        raise BadInput("The body is not a PNG image.")
    width, height = struct.unpack(">II", body[PNG_SIZE])
    if (width, height) != (image.width, image.height):  # before any pixel is decoded
        raise BadInput(
            f"The image is {width} by {height} pixels; expected {image.width} by {image.height}."
        )
    return np.rint(_brightness(body) * image.levels).reshape(1, -1)


def _npy_header(body: bytes) -> tuple[tuple[int, ...], bool, np.dtype[Any], int]:
    """Shape, order, type, and where the data starts."""
    file = BytesIO(body)
    try:
        shape, fortran_order, dtype = HEADER_READERS[npy.read_magic(file)](file)
    except HEADER_ERRORS as error:
        raise BadInput("The body is not an .npy file of format 1.0 or 2.0.") from error
    return shape, fortran_order, dtype, file.tell()


def _shape_text(shape: Sequence[object]) -> str:
    return f"({', '.join(str(length) for length in shape)})"


def _finite(rows: Rows) -> Rows:
    bad = np.argwhere(~np.isfinite(rows))
    if bad.size:
        row, column = bad[0] + 1
        raise BadInput(f"Row {row}, column {column}: NaN and infinity are not numbers.")
    return rows


def _brightness(body: bytes) -> Rows:
    """Every pixel from 0, black, to 1, white."""
    try:
        with Image.open(BytesIO(body), formats=["PNG"]) as image:
            if image.mode.startswith("I"):  # 16-bit grey
                return np.asarray(image, dtype=np.float64) / 65535
            return np.asarray(image.convert("RGBA").convert("L"), dtype=np.float64) / 255
    except PNG_ERRORS as error:
        raise BadInput("The PNG image is damaged.") from error
