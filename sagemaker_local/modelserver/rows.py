"""Reads rows of numbers from a request body: JSON, CSV, NumPy's .npy format, or a PNG image."""

from __future__ import annotations

import math
import re
import struct
import tokenize
import zlib
from io import BytesIO
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.lib import format as npy
from PIL import Image

from sagemaker_local.modelserver import strict_json
from sagemaker_local.modelserver.errors import BadInput

if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import TypeAlias

    from numpy.typing import NDArray

    from sagemaker_local.modelserver.models import ImageFormat

    Rows: TypeAlias = NDArray[np.float64]

NUMBER = re.compile(r"[-+]?(\d+\.?\d*|\.\d+)([eE][-+]?\d+)?", re.ASCII)
LONGEST_NUMBER = 400  # characters; every double can be written shorter
JSON_SHAPE = 'the body must be [[…], …] or {"instances": [[…], …]}'

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


def read_json(body: bytes, features: int) -> tuple[Rows, bool]:
    """Read `[[1.5, 2], …]` or `{"instances": [[1.5, 2], …]}`.

    Returns:
        The rows, and whether the body is a list.

    Raises:
        BadInput: The body has another form, or a row does not have `features` numbers.
    """
    content = strict_json.parse(body)
    is_list = isinstance(content, list)
    rows = content if isinstance(content, list) else _instances(content)
    if not rows:
        empty = "The list" if is_list else "'instances'"
        raise BadInput(f"{empty} is empty; send at least one row.")
    cells = [_json_row(row, place, features) for place, row in enumerate(rows, 1)]
    return np.array(cells, float), is_list


def read_csv(body: bytes, features: int) -> Rows:
    """Read comma-separated numbers: one row on each line, no header.

    Raises:
        BadInput: The body has another form, or a line does not have `features` numbers.
    """
    try:
        text = body.decode("utf-8-sig")  # spreadsheets write a byte order mark
    except UnicodeDecodeError as error:
        raise BadInput(f"The body is not UTF-8: bad byte at position {error.start}.") from error
    lines = text.rstrip("\r\n").split("\n")
    if lines == [""]:
        raise BadInput("The body is empty; send at least one row of numbers.")
    return np.array([_csv_row(line, place, features) for place, line in enumerate(lines, 1)], float)


def read_npy(body: bytes, row_shapes: Sequence[tuple[int, ...]]) -> Rows:
    """Read an array whose first dimension counts the rows.

    Args:
        body: An .npy file of format 1.0 or 2.0.
        row_shapes: The shapes that a row may have, such as `(64,)` and `(8, 8)`.

    Raises:
        BadInput: The body is no such array, or a value is not finite.
    """
    shape, fortran_order, dtype, start = _npy_header(body)
    if dtype.kind not in "fiub":
        raise BadInput(f"The array holds {dtype}; send floats, whole numbers or booleans.")
    if shape[1:] not in row_shapes:
        expected = " or ".join(_shape_text(("n", *row)) for row in row_shapes)
        raise BadInput(f"The array has shape {_shape_text(shape)}; expected {expected}.")
    if shape[0] < 1:
        raise BadInput("The array is empty; send at least one row.")
    actual, needed = len(body) - start, math.prod(shape) * dtype.itemsize
    if actual != needed:  # checked before memory of the size in the header is allocated
        raise BadInput(f"An array of that shape takes {needed} bytes; the body holds {actual}.")
    values = np.frombuffer(body, dtype, offset=start)
    rows = values.reshape(shape, order="F" if fortran_order else "C").reshape(shape[0], -1)
    return _check_finite(rows.astype(np.float64))


def read_png(body: bytes, image: ImageFormat) -> Rows:
    """Read one image as one row of brightness levels.

    Raises:
        BadInput: The body is no PNG image of that size.
    """
    if not body.startswith(PNG_START) or len(body) < PNG_SIZE.stop:
        raise BadInput("The body is not a PNG image.")
    width, height = struct.unpack(">II", body[PNG_SIZE])
    if (width, height) != (image.width, image.height):  # checked before pixels are decoded
        raise BadInput(
            f"The image is {width} by {height} pixels; expected {image.width} by {image.height}."
        )
    return np.rint(_brightness(body) * image.levels).reshape(1, -1)


def _instances(content: object) -> list[object]:
    if not isinstance(content, dict):
        raise BadInput(f"The JSON is {strict_json.type_name(content)}; {JSON_SHAPE}.")
    if "instances" not in content:
        raise BadInput(f"There is no 'instances'; {JSON_SHAPE}.")
    rows = content["instances"]
    if not isinstance(rows, list):
        raise BadInput(f"'instances' is {strict_json.type_name(rows)}; {JSON_SHAPE}.")
    return rows


def _json_row(row: object, place: int, features: int) -> list[float]:
    if not isinstance(row, list):
        raise BadInput(f"Row {place} is {strict_json.type_name(row)}, not a list of numbers.")
    _check_length(row, place, features)
    return [_json_number(cell, place, column) for column, cell in enumerate(row, 1)]


def _json_number(cell: object, row: int, column: int) -> float:
    if isinstance(cell, bool) or not isinstance(cell, int | float):
        kind = strict_json.type_name(cell)
        raise BadInput(f"Row {row}, column {column}: expected a number, got {kind}.")
    return _finite(cell, row, column)


def _csv_row(line: str, place: int, features: int) -> list[float]:
    line = line.removesuffix("\r")
    if not line.strip():
        raise BadInput(f"Row {place} is empty; expected {features} numbers.")
    cells = line.split(",")
    _check_length(cells, place, features)
    return [_csv_number(cell.strip(" \t"), place, column) for column, cell in enumerate(cells, 1)]


def _csv_number(cell: str, row: int, column: int) -> float:
    if len(cell) > LONGEST_NUMBER or not NUMBER.fullmatch(cell):
        raise BadInput(
            f"Row {row}, column {column}: expected a number, got {cell[:20]!r};"
            " rows hold numbers only, and there is no header line."
        )
    return _finite(float(cell), row, column)


def _check_length(row: Sequence[object], place: int, features: int) -> None:
    if len(row) != features:
        raise BadInput(f"Row {place}: expected {features} numbers, got {len(row)}.")


def _finite(number: float, row: int, column: int) -> float:
    try:
        value = float(number)
    except OverflowError:
        value = math.inf
    if not math.isfinite(value):
        raise BadInput(f"Row {row}, column {column}: the number is too large.")
    return value


def _npy_header(body: bytes) -> tuple[tuple[int, ...], bool, np.dtype[Any], int]:
    """Return the array's shape, whether it is in Fortran order, its type, and the data's offset."""
    file = BytesIO(body)
    try:
        shape, fortran_order, dtype = HEADER_READERS[npy.read_magic(file)](file)
    except HEADER_ERRORS as error:
        raise BadInput("The body is not an .npy file of format 1.0 or 2.0.") from error
    return shape, fortran_order, dtype, file.tell()


def _shape_text(shape: Sequence[object]) -> str:
    return f"({', '.join(str(length) for length in shape)})"


def _check_finite(rows: Rows) -> Rows:
    bad = np.argwhere(~np.isfinite(rows))
    if bad.size:
        row, column = bad[0] + 1
        raise BadInput(f"Row {row}, column {column}: NaN and infinity are not numbers.")
    return rows


def _brightness(body: bytes) -> Rows:
    """Return every pixel's brightness, from 0 (black) to 1 (white)."""
    try:
        with Image.open(BytesIO(body), formats=["PNG"]) as image:
            if image.mode.startswith("I"):  # 16-bit grey
                return np.asarray(image, dtype=np.float64) / 65535
            return np.asarray(image.convert("RGBA").convert("L"), dtype=np.float64) / 255
    except PNG_ERRORS as error:
        raise BadInput("The PNG image is damaged.") from error
