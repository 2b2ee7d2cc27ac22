"""`GET /models…`: what there is to call."""

from __future__ import annotations

import json
from itertools import islice
from typing import TYPE_CHECKING, Any

from chalicelib.api import wire
from chalicelib.errors import InvalidParameter

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from chalice.app import ChaliceAuthorizer, Response

    from chalicelib.api.application import GatewayApp
    from chalicelib.api.exchange import Exchange
    from chalicelib.auth.principal import Principal
    from chalicelib.gateway import Gateway
    from chalicelib.routing.table import Model

MAX_MODELS = 1000
MAX_DIGITS = 4
PATHS = ("/models/{model}", "/models/{model}/{a}", "/models/{model}/{a}/{b}")


def register(app: GatewayApp, gateway: Gateway, authorizer: ChaliceAuthorizer) -> None:
    @app.view("/models", "GET", authorizer)
    def list_models(exchange: Exchange, principal: Principal) -> Response:
        limit = _limit(exchange.query)
        table = gateway.table()
        exchange.record.table = table.digest
        after = exchange.query.get("after", "")
        entries = list(islice(_entries(table.models(after=after), principal), limit + 1))
        content: dict[str, Any] = {"models": entries[:limit]}
        if len(entries) > limit:
            content["next"] = entries[limit - 1]["name"]
        return wire.document(content)

    def describe_model(exchange: Exchange, principal: Principal, **segments: str) -> Response:
        model = gateway.resolve(principal, wire.model_path(segments), exchange.record).model
        (content,) = _entries([model], principal)
        if model.example is not None:
            content["example"] = json.loads(model.example)
        return wire.document(content)

    for path in PATHS:
        app.view(path, "GET", authorizer)(describe_model)


def _entries(models: Iterable[Model], principal: Principal) -> Iterator[dict[str, Any]]:
    """What the principal may call, and of the parameters' values what it may give."""
    for model in models:
        parameters = principal.visible(model)
        if parameters is not None:
            yield {
                "name": model.name,
                "path": f"/predict/{model.name}",
                "kind": model.target.kind,
                "description": model.description,
                "content_types": list(model.content_types),
                "accepts": list(model.accepts),
                "parameters": parameters,
            }


def _limit(query: Mapping[str, str]) -> int:
    text = query.get("limit", str(MAX_MODELS))
    number = text.isascii() and text.isdigit() and len(text) <= MAX_DIGITS
    if not (number and 1 <= int(text) <= MAX_MODELS):
        raise InvalidParameter("limit", text, f"a whole number from 1 to {MAX_MODELS}")
    return int(text)
