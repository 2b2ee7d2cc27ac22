"""Puts the gateway together. Everything else is handed what it needs."""

from __future__ import annotations

from typing import TYPE_CHECKING

from chalicelib.api import catalog, cors, health, predict
from chalicelib.api.application import GatewayApp
from chalicelib.api.middleware import around_every_route
from chalicelib.gateway import Gateway
from chalicelib.runtime import SageMakerRuntime
from chalicelib.sources import source_for
from chalicelib.telemetry import Telemetry

if TYPE_CHECKING:
    from chalicelib.settings import Settings
    from chalicelib.sources import RoutingSource


def create_app(
    settings: Settings,
    *,
    source: RoutingSource | None = None,
    runtime: SageMakerRuntime | None = None,
    telemetry: Telemetry | None = None,
) -> GatewayApp:
    """The app. When the settings cannot be used: ConfigurationError.

    Needs no network, region or credential; a bad table gives an app that answers 503.
    """
    telemetry = telemetry or Telemetry()
    gateway = Gateway(source or source_for(settings, telemetry), runtime or SageMakerRuntime())
    origin = settings.cors_origin
    app = GatewayApp(cors.configuration(origin) if origin else None)
    app.register_middleware(around_every_route(telemetry, cors.headers(origin) if origin else {}))
    for module in (predict, catalog, health):
        module.register(app, gateway)
    return app
