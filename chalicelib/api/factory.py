"""Puts the gateway together. Everything else is handed what it needs."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from chalicelib.api import authorizers, catalog, cors, health, predict
from chalicelib.api.application import GatewayApp
from chalicelib.api.middleware import around_every_route, in_front_of_closed_routes
from chalicelib.auth.schemes import schemes as schemes_of
from chalicelib.gateway import Gateway
from chalicelib.routing.sources import source_for
from chalicelib.sagemaker.runtime import SageMakerRuntime
from chalicelib.telemetry.log import Telemetry

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from chalicelib.auth.identity import Scheme
    from chalicelib.routing.sources import RoutingSource
    from chalicelib.settings import Settings


PREDICTING_HANDLER = "app.app"
"""The other one authenticates, and has no use for a client of SageMaker's."""


def create_app(
    settings: Settings,
    *,
    source: RoutingSource | None = None,
    runtime: SageMakerRuntime | None = None,
    schemes: Sequence[Scheme] | None = None,
    telemetry: Telemetry | None = None,
    clock: Callable[[], float] = time.time,
) -> GatewayApp:
    """The app. When the settings cannot be used: ConfigurationError.

    Needs no network, region or credential; a bad table gives an app that answers 503.
    """
    telemetry = telemetry or Telemetry(per_model=settings.metrics_per_model)
    runtime = runtime or SageMakerRuntime()
    if settings.lambda_handler == PREDICTING_HANDLER:
        runtime.get_ready()
    gateway = Gateway(source or source_for(settings, telemetry), runtime)
    origin = settings.cors_origin
    app = GatewayApp(cors.configuration(origin) if origin else None)
    app.register_middleware(around_every_route(telemetry, cors.headers(origin) if origin else {}))
    app.register_middleware(in_front_of_closed_routes(app, clock))
    if schemes is None:
        schemes = schemes_of(
            settings,
            report=telemetry.store_failed,
            note_key_age=telemetry.key_store_age,
            clock=clock,
        )
    authorizer = authorizers.register(app, schemes, telemetry)
    predict.register(app, gateway, authorizer)
    catalog.register(app, gateway, authorizer)
    health.register(app, gateway)
    return app
