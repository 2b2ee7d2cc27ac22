"""`GET /models…`: what there is to call."""

from __future__ import annotations

import json
from itertools import islice
from typing import TYPE_CHECKING, Any

from chalicelib.api import wire
from chalicelib.errors import InvalidParameter

if TYPE_CHECKING:
    from collections.abc import Mapping

    from chalice.app import Response

    from chalicelib.api.application import GatewayApp
    from chalicelib.api.exchange import Exchange
    from chalicelib.gateway import Gateway
    from chalicelib.routing import Model

MAX_MODELS = 1000
MAX_DIGITS = 4
PATHS = ("/models/{model}", "/models/{model}/{a}", "/models/{model}/{a}/{b}")


def register(app: GatewayApp, gateway: Gateway) -> None:
    @app.view("/models", "GET")
    def list_models(exchange: Exchange) -> Response:
        limit = _limit(exchange.query)
        table = gateway.table()
        exchange.record.table = table.digest
        models = list(islice(table.models(after=exchange.query.get("after", "")), limit + 1))
        content: dict[str, Any] = {"models": [_entry(model) for model in models[:limit]]}
        if len(models) > limit:
            content["next"] = models[limit - 1].name
        return wire.document(content)

    def describe_model(exchange: Exchange, **segments: str) -> Response:
        path = "/".join(segments.values())
        model = gateway.resolve(exchange.principal, path, exchange.record).model
        content = _entry(model)
        if model.example is not None:
            content["example"] = json.loads(model.example)
        return wire.document(content)

    for path in PATHS:
        app.view(path, "GET")(describe_model)


def _entry(model: Model) -> dict[str, Any]:
    return {
        "name": model.name,
        "path": f"/predict/{model.name}",
        "kind": model.target.kind,
        "description": model.description,
        "content_types": list(model.content_types),
        "accepts": list(model.accepts),
        "parameters": {one.name: one.rule.described() for one in model.parameters},
    }


def _limit(query: Mapping[str, str]) -> int:
    text = query.get("limit", str(MAX_MODELS))
    number = text.isascii() and text.isdigit() and len(text) <= MAX_DIGITS
    if not (number and 1 <= int(text) <= MAX_MODELS):
        raise InvalidParameter("limit", text, f"a whole number from 1 to {MAX_MODELS}")
    return int(text)
