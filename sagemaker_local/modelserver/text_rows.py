"""Rows of numbers from text: JSON and CSV."""

from __future__ import annotations

import math
import re
from typing import TYPE_CHECKING

import numpy as np

from sagemaker_local.modelserver import strict_json
from sagemaker_local.modelserver.errors import BadInput

if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import TypeAlias

    from numpy.typing import NDArray

    Rows: TypeAlias = NDArray[np.float64]

NUMBER = re.compile(r"[-+]?(\d+\.?\d*|\.\d+)([eE][-+]?\d+)?", re.ASCII)
LONGEST_NUMBER = 400  # characters; every double has a shorter form
JSON_SHAPE = 'the body must be {"instances": [[…], …]}'


def read_json(body: bytes, features: int) -> Rows:
    """`{"instances": [[1.5, 2], …]}`. When it is anything else: BadInput."""
    content = strict_json.parse(body)
    if not isinstance(content, dict):
        raise BadInput(f"The JSON is {strict_json.kind_of(content)}; {JSON_SHAPE}.")
    if "instances" not in content:
        raise BadInput(f"There is no 'instances'; {JSON_SHAPE}.")
    rows = content["instances"]
    if not isinstance(rows, list):
        raise BadInput(f"'instances' is {strict_json.kind_of(rows)}; {JSON_SHAPE}.")
    if not rows:
        raise BadInput("'instances' is empty; send at least one row.")
    return _array([_json_row(row, place, features) for place, row in enumerate(rows, 1)])


def read_csv(body: bytes, features: int) -> Rows:
    """Comma-separated numbers, a row a line, no header. When it is anything else: BadInput."""
    try:
        text = body.decode("utf-8-sig")  # spreadsheets write a byte order mark
    except UnicodeDecodeError as error:
        raise BadInput(f"The body is not UTF-8: bad byte at position {error.start}.") from error
    lines = text.rstrip("\r\n").split("\n")
    if lines == [""]:
        raise BadInput("The body is empty; send at least one row of numbers.")
    return _array([_csv_row(line, place, features) for place, line in enumerate(lines, 1)])


def _array(rows: list[list[float]]) -> Rows:
    return np.array(rows, dtype=np.float64)


def _json_row(row: object, place: int, features: int) -> list[float]:
    if not isinstance(row, list):
        raise BadInput(f"Row {place} is {strict_json.kind_of(row)}, not a list of numbers.")
    _check_length(row, place, features)
    return [_json_number(cell, place, column) for column, cell in enumerate(row, 1)]


def _json_number(cell: object, row: int, column: int) -> float:
    if isinstance(cell, bool) or not isinstance(cell, int | float):
        kind = strict_json.kind_of(cell)
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
