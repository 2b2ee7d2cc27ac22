"""A model that reads rows of numbers: reads the request, predicts, and writes the response."""

from __future__ import annotations

import csv
import json
from dataclasses import dataclass
from functools import partial
from io import BytesIO, StringIO
from typing import TYPE_CHECKING, Any

import numpy as np

from sagemaker_local.modelserver.errors import BadInput, OutOfMemory, UnsupportedMediaType
from sagemaker_local.modelserver.media_types import CSV, JSON, NPY, PNG, media_type_of, negotiate
from sagemaker_local.modelserver.models import InferenceResponse
from sagemaker_local.modelserver.rows import read_csv, read_json, read_npy, read_png

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Literal

    from numpy.typing import NDArray

    from sagemaker_local.modelserver.models import ImageFormat, InferenceRequest
    from sagemaker_local.modelserver.rows import Rows

    Values = NDArray[Any]
    Key = Literal["predictions", "instances"]
    Reader = Callable[[bytes], Rows]


@dataclass(frozen=True, slots=True)
class TabularModel:
    """A framework's predict function, with the formats that it reads and writes."""

    feature_count: int
    predict: Callable[[Rows], Values]
    image: ImageFormat | None = None
    response_key: Key = "predictions"
    """`instances` for a preprocessing step: the next container of a pipeline reads this key."""

    def respond(self, request: InferenceRequest) -> InferenceResponse:
        """Read the rows in the request, predict, and write the predictions."""
        content_type = negotiate(request.accept, list(WRITERS), request.default_accept)
        rows, key = self._read(request)
        return InferenceResponse(content_type, WRITERS[content_type](key, self._predict(rows)))

    def _read(self, request: InferenceRequest) -> tuple[Rows, Key | None]:
        """Return the rows, and the key of a JSON response; a list is the answer to a list.

        A body without a Content-Type is read as JSON, as AWS's scikit-learn container reads it.
        """
        media_type = media_type_of(request.content_type) or JSON
        if media_type == JSON:
            rows, is_list = read_json(request.body, self.feature_count)
            return rows, None if is_list else self.response_key
        readers = self._readers()
        if media_type not in readers:
            known = ", ".join((JSON, *readers))
            raise UnsupportedMediaType(f"This model reads {known}, not {media_type}.")
        return readers[media_type](request.body), self.response_key

    def _readers(self) -> dict[str, Reader]:
        """Return the readers of all formats but JSON."""
        row = (self.feature_count,)
        readers: dict[str, Reader] = {
            CSV: partial(read_csv, features=self.feature_count),
            NPY: partial(read_npy, row_shapes=[row]),
        }
        if self.image:
            image = (self.image.height, self.image.width)
            readers[NPY] = partial(read_npy, row_shapes=[row, image])
            readers[PNG] = partial(read_png, image=self.image)
        return readers

    def _predict(self, rows: Rows) -> Values:
        try:
            with np.errstate(all="ignore"):
                values = self.predict(rows)
        except MemoryError as error:
            raise OutOfMemory(f"There is no memory left for {len(rows)} rows.") from error
        except ValueError as error:  # scikit-learn refuses unsuitable numbers with this type
            raise BadInput(f"The model refused the input: {error}") from error
        if values.dtype.kind == "f" and not np.isfinite(values).all():
            raise BadInput("The answer is not a finite number; the input is out of all bounds.")
        return values


def _write_json(key: Key | None, values: Values) -> bytes:
    return json.dumps({key: values.tolist()} if key else values.tolist()).encode()


def _write_csv(_key: Key | None, values: Values) -> bytes:
    """Write one line for each row of the request."""
    text = StringIO()
    csv.writer(text, lineterminator="\n").writerows(values.reshape(len(values), -1).tolist())
    return text.getvalue().encode()


def _write_npy(_key: Key | None, values: Values) -> bytes:
    file = BytesIO()
    np.save(file, values)
    return file.getvalue()


WRITERS = {JSON: _write_json, CSV: _write_csv, NPY: _write_npy}
