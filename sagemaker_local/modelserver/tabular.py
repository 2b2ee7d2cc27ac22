"""A model that reads rows of numbers: reads the request, predicts, and writes the response."""

from __future__ import annotations

import csv
import json
import re
from dataclasses import dataclass
from functools import partial
from io import StringIO
from typing import TYPE_CHECKING, Any

import numpy as np

from sagemaker_local.modelserver.errors import (
    BadInput,
    NotAcceptable,
    OutOfMemory,
    UnsupportedMediaType,
)
from sagemaker_local.modelserver.models import InferenceResponse
from sagemaker_local.modelserver.rows import read_csv, read_json, read_npy, read_png

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from typing import Literal

    from numpy.typing import NDArray

    from sagemaker_local.modelserver.models import ImageFormat, InferenceRequest
    from sagemaker_local.modelserver.rows import Rows

    Values = NDArray[Any]
    Reader = Callable[[bytes], Rows]

JSON = "application/json"
CSV = "text/csv"
NPY = "application/x-npy"
PNG = "image/png"

QUALITY = re.compile(r"0(\.\d{0,3})?|1(\.0{0,3})?")


@dataclass(frozen=True, slots=True)
class TabularModel:
    """A framework's predict function, with the formats that it reads and writes."""

    feature_count: int
    predict: Callable[[Rows], Values]
    image: ImageFormat | None = None
    response_key: Literal["predictions", "instances"] = "predictions"
    """`instances` for a preprocessing step: the next container of a pipeline reads this key."""

    def respond(self, request: InferenceRequest) -> InferenceResponse:
        """Read the rows in the request, predict, and write the predictions as JSON or CSV."""
        content_type = negotiate(request.accept, list(WRITERS))
        rows = self._reader(request.content_type)(request.body)
        values = self._predict(rows)
        return InferenceResponse(content_type, WRITERS[content_type](self.response_key, values))

    def _reader(self, content_type: str) -> Reader:
        readers = self._readers()
        media_type = media_type_of(content_type)
        if media_type not in readers:
            sent = f"not {media_type}" if media_type else "and the request has no Content-Type"
            raise UnsupportedMediaType(f"This model reads {', '.join(readers)}, {sent}.")
        return readers[media_type]

    def _readers(self) -> dict[str, Reader]:
        row = (self.feature_count,)
        readers: dict[str, Reader] = {
            JSON: partial(read_json, features=self.feature_count),
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


def _write_json(key: str, values: Values) -> bytes:
    return json.dumps({key: values.tolist()}).encode()


def _write_csv(_key: str, values: Values) -> bytes:
    """Write one line for each row of the request."""
    text = StringIO()
    csv.writer(text, lineterminator="\n").writerows(values.reshape(len(values), -1).tolist())
    return text.getvalue().encode()


WRITERS = {JSON: _write_json, CSV: _write_csv}


def media_type_of(content_type: str) -> str:
    """Return a Content-Type in lower case and without its parameters."""
    return content_type.partition(";")[0].strip().lower()


def negotiate(accept: str, offers: Sequence[str]) -> str:
    """Return the offer that an Accept header prefers; the first offer if it prefers none.

    Raises:
        NotAcceptable: The header accepts none of the offers.

    Source: RFC 9110, section 12.5.1.
    """
    ranges = _parse_accept(accept or "*/*")
    matches = {offer: _most_precise(offer, ranges) for offer in offers}
    acceptable = [offer for offer in offers if matches[offer].quality > 0]
    if not acceptable:
        raise NotAcceptable(
            f"This model answers {' or '.join(offers)}; the request accepts neither."
        )
    return min(acceptable, key=lambda offer: (-matches[offer].quality, matches[offer].position))


@dataclass(frozen=True, slots=True)
class _MediaRange:
    """One item of an Accept header, such as `text/*;q=0.5`."""

    main: str
    sub: str
    quality: float
    position: int

    def matches(self, media_type: str) -> bool:
        main, _, sub = media_type.partition("/")
        return self.main in {main, "*"} and self.sub in {sub, "*"}

    @property
    def precision(self) -> int:
        return (self.main != "*") + (self.sub != "*")


_NO_MATCH = _MediaRange("", "", quality=0.0, position=0)


def _parse_accept(accept: str) -> list[_MediaRange]:
    """Parse an Accept header; items that are no media ranges are ignored."""
    items = enumerate(accept.split(","))
    return [parsed for position, item in items if (parsed := _parse_range(item, position))]


def _parse_range(item: str, position: int) -> _MediaRange | None:
    name, *parameters = (part.strip().lower() for part in item.split(";"))
    main, slash, sub = name.partition("/")
    qualities = [value[2:] for value in parameters if value.startswith("q=")]
    quality = qualities[0] if qualities else "1"
    if not slash or not QUALITY.fullmatch(quality):
        return None
    return _MediaRange(main, sub, float(quality), position)


def _most_precise(offer: str, ranges: list[_MediaRange]) -> _MediaRange:
    """Return the most precise range that matches the offer; its quality decides."""
    matching = [media_range for media_range in ranges if media_range.matches(offer)]
    return max(matching, key=lambda media_range: media_range.precision, default=_NO_MATCH)
