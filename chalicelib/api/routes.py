"""The routes: `POST /predict/…`, `GET /models…` and `GET /health`."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from chalicelib.api import page, wire
from chalicelib.errors import InvalidParameter, UnknownModel
from chalicelib.routing.headers import PASSED
from chalicelib.sagemaker.runtime import MAX_RESPONSE_BYTES
from chalicelib.telemetry.log import TABLE_DIGITS

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from chalice.app import ChaliceAuthorizer, Response

    from chalicelib.api.application import GatewayApp
    from chalicelib.api.wire import RequestContext
    from chalicelib.auth.principal import GrantedModels, Principal
    from chalicelib.gateway import Gateway
    from chalicelib.routing.table import Model

MAX_MODELS = 1000
ENVELOPE_BYTES = 100
"""More than a page has besides its entries and the name in `next`."""

MAX_DIGITS = 4
# A model's name has up to two parameters after its first segment.
SEGMENTS = ("{model}", "{model}/{a}", "{model}/{a}/{b}")


def register(
    app: GatewayApp, gateway: Gateway, authorizer: ChaliceAuthorizer, *, has_page: bool
) -> None:
    """Register every route; those of the page only if the gateway has one."""

    def predict(context: RequestContext, principal: Principal, **segments: str) -> Response:
        context.record.is_prediction = True
        path = _path(segments)
        model, response = gateway.predict(
            principal, path, context.request, platform=context.platform, record=context.record
        )
        return wire.prediction(response, model, context.record.target_name)

    def describe_model(context: RequestContext, principal: Principal, **segments: str) -> Response:
        path = _path(segments)
        model = gateway.resolve(principal, path, context.record).model
        (content,) = _entries([model], principal.granted_models())
        if model.parameters:
            content.setdefault("example_path", f"/predict/{path}")
        content["pass_headers"] = [PASSED[name].name for name in model.pass_headers]
        if model.example is not None:
            content["example"] = json.loads(model.example)
        return wire.document(content)

    def list_models(context: RequestContext, principal: Principal) -> Response:
        limit = _limit(context.query)
        table = gateway.table()
        context.record.table = table.digest
        granted = principal.granted_models()
        models = table.models(after=context.query.get("after", ""), keys=granted.row_keys())
        return wire.page("models", *_page(_entries(models, granted), limit))

    def health(context: RequestContext) -> Response:
        table = gateway.table()
        context.record.table = table.digest
        return wire.document(
            {"status": "ok", "models": len(table), "table": table.digest[:TABLE_DIGITS]}
        )

    for segments in SEGMENTS:
        app.protected_view(f"/predict/{segments}", "POST", authorizer)(predict)
        app.protected_view(f"/models/{segments}", "GET", authorizer)(describe_model)
    app.protected_view("/models", "GET", authorizer)(list_models)
    app.public_view("/health", "GET")(health)
    if has_page:
        app.public_view("/", "GET")(page.show)
        app.public_view(f"/page/{{{page.FILE}}}", "GET")(page.send_file)


def _path(segments: Mapping[str, str]) -> str:
    """Return the path after `/predict/`; a slash within a segment was `%2F`, which no model has."""
    path = "/".join(segments.values())
    if path.count("/") >= len(segments):
        raise UnknownModel(path)
    return path


def _entries(models: Iterable[Model], granted: GrantedModels) -> Iterator[dict[str, Any]]:
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


def _limit(query: Mapping[str, str]) -> int:
    text = query.get("limit", str(MAX_MODELS))
    is_number = text.isascii() and text.isdigit() and len(text) <= MAX_DIGITS
    if not (is_number and 1 <= int(text) <= MAX_MODELS):
        raise InvalidParameter("limit", text, f"a whole number from 1 to {MAX_MODELS}")
    return int(text)
