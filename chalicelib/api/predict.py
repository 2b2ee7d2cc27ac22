"""`POST /predict/…`: from HTTP to a model and back."""

from __future__ import annotations

from typing import TYPE_CHECKING

from chalicelib.api import wire

if TYPE_CHECKING:
    from chalice.app import ChaliceAuthorizer, Response

    from chalicelib.api.application import GatewayApp
    from chalicelib.api.exchange import Exchange
    from chalicelib.auth.principal import Principal
    from chalicelib.gateway import Gateway

# A model's name has up to two parameters after its first segment.
PATHS = ("/predict/{model}", "/predict/{model}/{a}", "/predict/{model}/{a}/{b}")


def register(app: GatewayApp, gateway: Gateway, authorizer: ChaliceAuthorizer) -> None:
    def predict(exchange: Exchange, principal: Principal, **segments: str) -> Response:
        exchange.record.is_prediction = True
        model, response = gateway.predict(
            principal,
            wire.model_path(segments),
            exchange.call,
            platform=exchange.platform,
            record=exchange.record,
        )
        return wire.prediction(response, model)

    for path in PATHS:
        app.view(path, "POST", authorizer)(predict)
