"""Jobs over HTTP, and the function that works on them; registered only with `GATEWAY_JOBS`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

    from chalice.app import ChaliceAuthorizer

    from chalicelib.api.application import GatewayApp
    from chalicelib.gateway import Gateway
    from chalicelib.settings import Settings
    from chalicelib.telemetry.log import Telemetry

WORKER = "work"
"""The name of the function; its handler is `app.work`."""


def register(
    app: GatewayApp,
    gateway: Gateway,
    authorizer: ChaliceAuthorizer,
    settings: Settings,
    telemetry: Telemetry,
    other_event: Callable[[Any, Any], Any],
) -> None:
    """Register `GET /jobs/{job}`, `POST /uploads`, and the function that the queue starts."""

    def work(event: Any) -> None:
        raise AssertionError("Lambda calls `handle`, below")

    app.on_sqs_message(
        queue=settings.jobs_queue,
        batch_size=1,
        name=WORKER,
        maximum_concurrency=settings.jobs_concurrency,
    )(work)

    def handle(event: Any, context: Any) -> Any:
        return other_event(event, context)

    # Chalice would call the middleware, which is for HTTP.
    app.handler_map[WORKER] = handle
