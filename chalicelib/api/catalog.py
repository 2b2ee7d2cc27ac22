"""`GET /models` and `GET /models/…`: the models that a caller may call."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from chalicelib.api import wire
from chalicelib.errors import InvalidParameter
from chalicelib.routing.headers import PASSED
from chalicelib.sagemaker.answers import MAX_RESPONSE_BYTES

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from chalice.app import Response

    from chalicelib.api.wire import RequestContext
    from chalicelib.auth.principal import GrantedModels, Principal
    from chalicelib.gateway import Gateway
    from chalicelib.routing.table import Model, RoutingTable

MAX_MODELS = 1000
ENVELOPE_BYTES = 100
"""More than a page has besides its entries and the name in `next`."""

MAX_DIGITS = 4


def list_models(
    gateway: Gateway, context: RequestContext, principal: Principal, *, has_jobs: bool
) -> Response:
    """List the models that the caller may call, page by page.

    Raises:
        InvalidParameter: The limit breaks its rule.
    """
    limit = limit_of(context.query) or MAX_MODELS
    table = gateway.table()
    context.record.table = table.digest
    granted = principal.granted_models()
    entries = _entries(rows(table, granted, context.query), granted, has_jobs=has_jobs)
    return wire.page("models", *_page(entries, limit))


def describe_model(
    gateway: Gateway, context: RequestContext, principal: Principal, path: str, *, has_jobs: bool
) -> Response:
    """Describe the model of a path, or of the path's first segment, with its example.

    Raises:
        UnknownModel: There is no such model, or the principal has no grant on it.
        InvalidParameter: A parameter in the path breaks its rule.
    """
    model = gateway.describe(principal, path, context.record)
    (content,) = _entries([model], principal.granted_models(), has_jobs=has_jobs)
    if "/" in path:
        content.setdefault("example_path", f"/predict/{path}")
    content["pass_headers"] = [PASSED[name].name for name in model.pass_headers]
    if model.example is not None:
        content["example"] = json.loads(model.example)
    return wire.document(content)


def rows(table: RoutingTable, granted: GrantedModels, query: Mapping[str, str]) -> Iterator[Model]:
    """Return the models that a grant can be for, after the name in the query."""
    return table.models(after=query.get("after", ""), keys=granted.row_keys())


def _entries(
    models: Iterable[Model], granted: GrantedModels, *, has_jobs: bool
) -> Iterator[dict[str, Any]]:
    """Describe the models that a caller may call, with the parameter values it may use."""
    for model in models:
        parameters = granted.values(model)
        if parameters is not None:
            entry: dict[str, Any] = {
                "name": model.name,
                "path": f"/predict/{model.name}",
                "kind": model.target.kind,
                "description": model.description,
                "content_types": list(model.content_types),
                "accepts": list(model.accepts),
                "parameters": parameters,
            }
            if has_jobs:
                entry["jobs"] = True
            example = granted.example_path(model) if parameters else None
            if example is not None:
                entry["example_path"] = f"/predict/{example}"
            yield entry


def _page(entries: Iterable[dict[str, Any]], limit: int) -> tuple[list[bytes], str | None]:
    """Return the entries of a page as JSON, and the last one's name if more follow.

    A page ends where an answer would become larger than Lambda carries. A table has no entry that
    is too large by itself.
    """
    page: list[bytes] = []
    last, free = "", MAX_RESPONSE_BYTES
    for entry in entries:
        text = wire.json_bytes(entry)
        free -= len(text) + 1
        if page and (len(page) == limit or free < 2 * len(entry["name"]) + ENVELOPE_BYTES):
            return page, last
        page.append(text)
        last = entry["name"]
    return page, None


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
