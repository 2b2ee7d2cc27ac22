"""The list of models: which entries a caller sees, and how the list is divided into pages."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from chalicelib.api import wire
from chalicelib.errors import InvalidParameter
from chalicelib.sagemaker.runtime import MAX_RESPONSE_BYTES

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from chalicelib.auth.principal import GrantedModels
    from chalicelib.routing.table import Model

# A model's name has up to two parameters after its first segment.
SEGMENTS = ("{model}", "{model}/{a}", "{model}/{a}/{b}")

MAX_MODELS = 1000
ENVELOPE_BYTES = 100
"""More than a page has besides its entries and the name in `next`."""

MAX_DIGITS = 4


def entries(models: Iterable[Model], granted: GrantedModels) -> Iterator[dict[str, Any]]:
    """Describe the models that a caller may call, with the parameter values it may use."""
    for model in models:
        parameters = granted.values(model)
        if parameters is not None:
            entry = {
                "name": model.name,
                "path": f"/predict/{model.name}",
                "kind": model.target.kind,
                "description": model.description,
                "content_types": list(model.content_types),
                "accepts": list(model.accepts),
                "parameters": parameters,
            }
            example = granted.example_path(model) if parameters else None
            if example is not None:
                entry["example_path"] = f"/predict/{example}"
            yield entry


def page(of: Iterable[dict[str, Any]], limit: int) -> tuple[list[bytes], str | None]:
    """Return the entries of a page as JSON, and the last one's name if more follow.

    A page ends where an answer would become larger than Lambda carries. A table has no entry that
    is too large by itself.
    """
    texts: list[bytes] = []
    last, free = "", MAX_RESPONSE_BYTES
    for entry in of:
        text = wire.json_bytes(entry)
        free -= len(text) + 1
        if texts and (len(texts) == limit or free < 2 * len(entry["name"]) + ENVELOPE_BYTES):
            return texts, last
        texts.append(text)
        last = entry["name"]
    return texts, None


def limit_of(query: Mapping[str, str]) -> int | None:
    """Return the largest number of models that a caller asks for; None if it names none.

    Raises:
        InvalidParameter: It is not a number, or too large.
    """
    text = query.get("limit")
    if text is None:
        return None
    is_number = text.isascii() and text.isdigit() and len(text) <= MAX_DIGITS
    if not (is_number and 1 <= int(text) <= MAX_MODELS):
        raise InvalidParameter("limit", text, f"a whole number from 1 to {MAX_MODELS}")
    return int(text)
