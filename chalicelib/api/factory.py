"""Builds the application: it creates every part and passes to each part what that part needs."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from chalicelib.api import authorizers, cors, routes
from chalicelib.api.application import GatewayApp, auth_middleware, request_middleware
from chalicelib.auth.schemes import schemes as schemes_of
from chalicelib.gateway import Gateway
from chalicelib.payload.admission import MAX_PAYLOAD_BYTES
from chalicelib.routing.sources import source_for
from chalicelib.sagemaker.runtime import SageMakerRuntime
from chalicelib.telemetry.log import Telemetry

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from chalicelib.api.jobs import JobParts
    from chalicelib.auth.credentials import Scheme
    from chalicelib.routing.sources import RoutingSource
    from chalicelib.settings import Settings


PREDICTING_HANDLER, WORKING_HANDLER = "app.app", "app.work"
"""The handlers of the functions that call SageMaker. The authorizer's function never does."""


def create_app(
    settings: Settings,
    *,
    source: RoutingSource | None = None,
    runtime: SageMakerRuntime | None = None,
    schemes: Sequence[Scheme] | None = None,
    telemetry: Telemetry | None = None,
    clock: Callable[[], float] = time.time,
    make_jobs_client: Callable[[str], Any] | None = None,
) -> GatewayApp:
    """Build the application.

    This needs no network, region or credential. With a bad table the application answers 503.

    Raises:
        ConfigurationError: The settings cannot be used.
    """
    telemetry = telemetry or Telemetry(
        per_model=settings.metrics_per_model, per_principal=settings.metrics_per_principal
    )
    if runtime is None and settings.lambda_handler == WORKING_HANDLER:
        # Nobody waits for it over HTTP, so its responses may be as large as SageMaker's.
        runtime = SageMakerRuntime(max_response_bytes=MAX_PAYLOAD_BYTES)
    runtime = runtime or SageMakerRuntime()
    if settings.lambda_handler in {PREDICTING_HANDLER, WORKING_HANDLER}:
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
    jobs = None
    if settings.jobs is not None:
        from chalicelib.api.jobs import Jobs  # noqa: PLC0415 (most gateways have none)

        def make_parts() -> JobParts:
            return _job_parts(settings, gateway, telemetry, clock, make_jobs_client)

        jobs = Jobs(gateway, make_parts, refuse)
        jobs.register(app, authorizer, settings)
    routes.register(app, gateway, authorizer, jobs, has_page=settings.page)
    return app


def _job_parts(
    settings: Settings,
    gateway: Gateway,
    telemetry: Telemetry,
    clock: Callable[[], float],
    make_client: Callable[[str], Any] | None,
) -> JobParts:
    """Make what jobs need; no client of AWS is made before it is needed."""
    from chalicelib.api.jobs import JobParts  # noqa: PLC0415 (a start needs none of it)
    from chalicelib.jobs.aws_calls import aws_client  # noqa: PLC0415
    from chalicelib.jobs.queue import JobQueue  # noqa: PLC0415
    from chalicelib.jobs.service import JobService  # noqa: PLC0415
    from chalicelib.jobs.store import JobStore  # noqa: PLC0415
    from chalicelib.jobs.worker import Worker  # noqa: PLC0415

    assert settings.jobs is not None
    assert settings.jobs_queue is not None
    store = JobStore(settings.jobs, make_client or aws_client)
    queue = JobQueue(settings.jobs_queue, make_client or aws_client)
    return JobParts(
        JobService(gateway, store, queue, clock=clock),
        Worker(gateway, store, queue, telemetry, clock=clock),
    )
