"""`GET /health`: whether there is a table, for load balancers and people."""

from __future__ import annotations

from typing import TYPE_CHECKING

from chalicelib.api import wire
from chalicelib.telemetry.log import TABLE_DIGITS

if TYPE_CHECKING:
    from chalice.app import Response

    from chalicelib.api.application import GatewayApp
    from chalicelib.api.exchange import Exchange
    from chalicelib.gateway import Gateway


def register(app: GatewayApp, gateway: Gateway) -> None:
    @app.open_view("/health", "GET")
    def health(exchange: Exchange) -> Response:
        table = gateway.table()
        exchange.record.table = table.digest
        return wire.document(
            {"status": "ok", "models": len(table), "table": table.digest[:TABLE_DIGITS]}
        )
