"""Builds the application: it creates every part and passes to each part what that part needs."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from chalicelib.api import authorizers, cors, routes
from chalicelib.api.application import GatewayApp, auth_middleware, request_middleware
from chalicelib.auth.schemes import schemes as schemes_of
from chalicelib.gateway import Gateway
from chalicelib.routing.sources import source_for
from chalicelib.sagemaker.runtime import SageMakerRuntime
from chalicelib.telemetry.log import Telemetry

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from chalicelib.auth.credentials import Scheme
    from chalicelib.routing.sources import RoutingSource
    from chalicelib.settings import Settings


PREDICTING_HANDLER = "app.app"
"""The handler of the function that predicts. The authorizer's function never calls SageMaker."""


def create_app(
    settings: Settings,
    *,
    source: RoutingSource | None = None,
    runtime: SageMakerRuntime | None = None,
    schemes: Sequence[Scheme] | None = None,
    telemetry: Telemetry | None = None,
    clock: Callable[[], float] = time.time,
) -> GatewayApp:
    """Build the application.

    This needs no network, region or credential. With a bad table the application answers 503.

    Raises:
        ConfigurationError: The settings cannot be used.
    """
    telemetry = telemetry or Telemetry(
        per_model=settings.metrics_per_model, per_principal=settings.metrics_per_principal
    )
    runtime = runtime or SageMakerRuntime()
    if settings.lambda_handler == PREDICTING_HANDLER:
        runtime.prepare_client()
    gateway = Gateway(source or source_for(settings, telemetry), runtime)
    cors_headers = cors.headers(settings.cors_origin, settings.cors_headers)

    def refuse(event: Any, lambda_context: Any) -> Any:
        from chalicelib.api import events  # noqa: PLC0415 (REST APIs send none of these events)

        return events.refuse(event, lambda_context, telemetry, cors_headers)

    app = GatewayApp(cors.configuration(settings.cors_origin, settings.cors_headers), refuse)
    app.register_middleware(request_middleware(app, telemetry, cors_headers))
    app.register_middleware(auth_middleware(app, clock))
    if schemes is None:
        schemes = schemes_of(
            settings,
            report_failure=telemetry.store_failed,
            report_key_age=telemetry.key_store_age,
            clock=clock,
        )
    authorizer = authorizers.register(
        app, schemes, telemetry, refuse, on_lambda=bool(settings.lambda_handler)
    )
    routes.register(app, gateway, authorizer, has_page=settings.page)
    return app
