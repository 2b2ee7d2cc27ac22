"""A model that reads rows of numbers, whatever they came as."""

from __future__ import annotations

import csv
import json
from dataclasses import dataclass
from functools import partial
from io import StringIO
from typing import TYPE_CHECKING, Any

import numpy as np

from sagemaker_local.modelserver.binary_rows import read_npy, read_png
from sagemaker_local.modelserver.errors import BadInput, OutOfMemory, UnsupportedMediaType
from sagemaker_local.modelserver.frameworks import Answer
from sagemaker_local.modelserver.media_types import CSV, JSON, NPY, PNG, essence, negotiate
from sagemaker_local.modelserver.text_rows import read_csv, read_json

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Literal

    from numpy.typing import NDArray

    from sagemaker_local.modelserver.frameworks import Invocation
    from sagemaker_local.modelserver.signature import ImageFormat
    from sagemaker_local.modelserver.text_rows import Rows

    Values = NDArray[Any]
    Reader = Callable[[bytes], Rows]


@dataclass(frozen=True, slots=True)
class TabularModel:
    """What a framework's model takes and gives, and the function in between."""

    features: int
    predict: Callable[[Rows], Values]
    image: ImageFormat | None = None
    answers: Literal["predictions", "instances"] = "predictions"
    """`instances`: a preprocessing step, whose answer is the next container's question."""

    def answer(self, invocation: Invocation) -> Answer:
        """Negotiate, read, predict, render."""
        answer_type = negotiate(invocation.accept, list(RENDERERS))
        rows = self._reader(invocation.content_type)(invocation.body)
        values = self._values(rows)
        return Answer(answer_type, RENDERERS[answer_type](self.answers, values))

    def _reader(self, content_type: str) -> Reader:
        readers = self._readers()
        name = essence(content_type)
        if name not in readers:
            said = f"not {name}" if name else "and the request has no Content-Type"
            raise UnsupportedMediaType(f"This model reads {', '.join(readers)}, {said}.")
        return readers[name]

    def _readers(self) -> dict[str, Reader]:
        row = (self.features,)
        readers: dict[str, Reader] = {
            JSON: partial(read_json, features=self.features),
            CSV: partial(read_csv, features=self.features),
            NPY: partial(read_npy, row_shapes=[row]),
        }
        if self.image:
            picture = (self.image.height, self.image.width)
            readers[NPY] = partial(read_npy, row_shapes=[row, picture])
            readers[PNG] = partial(read_png, image=self.image)
        return readers

    def _values(self, rows: Rows) -> Values:
        try:
            with np.errstate(all="ignore"):
                values = self.predict(rows)
        except MemoryError as error:
            raise OutOfMemory(f"There is no memory left for {len(rows)} rows.") from error
        except ValueError as error:  # how scikit-learn refuses numbers it cannot work with
            raise BadInput(f"The model refused the input: {error}") from error
        if values.dtype.kind == "f" and not np.isfinite(values).all():
            raise BadInput("The answer is not a finite number; the input is out of all bounds.")
        return values


def render_json(name: str, values: Values) -> bytes:
    return json.dumps({name: values.tolist()}).encode()


def render_csv(_name: str, values: Values) -> bytes:
    """A line a row, as they came."""
    text = StringIO()
    csv.writer(text, lineterminator="\n").writerows(values.reshape(len(values), -1).tolist())
    return text.getvalue().encode()


RENDERERS = {JSON: render_json, CSV: render_csv}
